"""Benchmarks of the codec, of the paper's models, and documents made from their results."""
