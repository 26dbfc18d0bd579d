"""The paper's models for small images: images to files and back."""
