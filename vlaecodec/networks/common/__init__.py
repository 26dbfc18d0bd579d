"""What the networks of all models are built of."""
