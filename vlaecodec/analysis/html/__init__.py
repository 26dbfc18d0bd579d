"""Self-contained HTML pages: no network, and pictures to compare by a divider."""
