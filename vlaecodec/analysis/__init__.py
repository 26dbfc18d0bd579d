"""What a file tells of itself: where its bits went, mixing files, comparing codecs."""
