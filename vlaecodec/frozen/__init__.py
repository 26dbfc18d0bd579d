"""Frozen networks: whole numbers, computed by numpy alone; `networks` has them as they train."""
