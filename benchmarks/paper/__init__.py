"""The experiments of the VLAE paper, with the small models."""
