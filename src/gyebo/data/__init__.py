"""Real text with splits: named datasets and the user's own files, checked, normalised and described."""
