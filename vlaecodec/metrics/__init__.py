"""Measures of how similar two pictures are."""
