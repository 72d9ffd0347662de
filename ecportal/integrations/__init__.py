"""What the portal hears from other systems, and tells them; one module a system."""
