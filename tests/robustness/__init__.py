"""What must hold when files, programs and machines are hostile; see SECURITY.md."""
