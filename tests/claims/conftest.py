"""The fixture of a catalogue of quick claims."""

import pytest

from fake_claims import fake_claims

__all__ = ["fake_claims"]

# a check that fails in this helper then says what it compared, as one in a test file does
pytest.register_assert_rewrite("claim_clock")
