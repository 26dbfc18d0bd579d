"""How a small colour model's networks see samples."""

from __future__ import annotations

COLOURS = 3

SAMPLE_UNITS = 4
"""SIGNED units for each step of a sample."""

GREY = (1, 2, 1)
"""Quarters of red, green and blue that windows show of brightness."""
