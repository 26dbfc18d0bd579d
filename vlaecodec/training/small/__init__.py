"""Training and measuring the small VLAEs of the paper."""
