"""Photos' pixels given their latents: coded exactly, or drawn as texture."""
