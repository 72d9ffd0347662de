"""The ways out to other systems: one module a channel, and what they have in common."""
