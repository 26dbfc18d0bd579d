"""Pictures in and out, and what comes along with them: alpha, profile, EXIF, XMP."""
