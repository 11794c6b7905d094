"""The fixture of a catalogue of quick claims."""

from fake_claims import fake_claims

__all__ = ["fake_claims"]
