"""For distributors: a man page, a file(1) magic entry, a MIME type and a thumbnailer."""
