"""Measuring: pictures, codecs, curves, likenesses, timing, and the records of all that."""
