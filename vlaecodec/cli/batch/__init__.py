"""Many files: planning, doing, reporting."""
