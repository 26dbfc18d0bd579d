"""The latents of photos: coding them, searching for cheaper ones, spending bits by place."""
