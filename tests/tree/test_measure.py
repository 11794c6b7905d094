"""Room for text: wrapped lines hold every word, shortened ones fit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gyebo.tree.measure import shortened, text_width, wrapped

TEXTS = st.text(alphabet="ab MW.가나 ", max_size=60)


@given(TEXTS, st.integers(30, 300))
def test_wrapping_keeps_every_word(text, width):
    lines = wrapped(text, width, 10)
    assert " ".join(lines).split() == text.split()
    assert all(text_width(line, 10) <= width or " " not in line for line in lines)


@given(TEXTS, st.integers(30, 300))
def test_a_shortened_text_fits_and_says_that_it_is_short(text, width):
    short = shortened(text, width, 10)
    assert text_width(short, 10) <= width
    assert short == text or short.endswith("…")
