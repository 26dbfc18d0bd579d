"""Reading and writing pictures, with their alpha, colour profile, EXIF and XMP."""
