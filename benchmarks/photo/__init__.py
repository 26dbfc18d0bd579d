"""Benchmarks of the photo models: rate and distortion, exact files, texture, seconds."""
