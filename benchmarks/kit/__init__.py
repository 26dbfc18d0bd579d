"""What benchmarks share: pictures, codecs, curves, measures, timing, records and tables."""
