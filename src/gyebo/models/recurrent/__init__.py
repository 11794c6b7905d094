"""Recurrent networks and the translators built from them without attention."""
