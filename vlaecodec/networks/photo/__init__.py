"""The networks of the photo model."""
