"""Measuring: pictures, codecs, curves, measures, timing, and the records of all that."""
