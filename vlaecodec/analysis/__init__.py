"""Analysis of files: where their bits went, mixing two of them, comparing codecs."""
