"""Models: which there are, loading them, running them on pictures of any size."""
