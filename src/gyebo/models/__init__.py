"""The architectures, one readable file each; `gyebo.genealogy` finds them here."""
