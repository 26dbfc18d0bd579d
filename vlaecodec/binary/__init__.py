"""The paper's models for small black and white images: images to files and back."""
