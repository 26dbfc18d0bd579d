"""Training and export. Needs no entropy coder."""
