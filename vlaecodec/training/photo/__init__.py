"""Training the photo model."""
