"""The networks. They know nothing of files."""
