"""Models that look back: attention over the source instead of one fixed vector."""
