"""The whole way from a picture to a file, and back."""
