"""Evidence packs: what an auditor takes away about one change, several, or a period."""
