"""The paper's own VLAEs, for images of 28 and 32 pixels (arXiv 1611.02731, section 4)."""
