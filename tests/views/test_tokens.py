"""Tokens as labels."""

import ast
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.views.tokens import label_expression, visible_token, width_in_em

ANY_TEXT = st.text(st.characters(), max_size=20)  # surrogates and controls too


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("été", "été"),
        ("한글", "한글"),
        (" the", "␣the"),
        ("\u3000", "␣"),
        ("\t", "→"),
        ("\n", "¶"),
        ("\u2028", "¶"),
        ("", "∅"),
        ("\x1b[31m", "U+001B[31m"),
        ("\ud800", "U+D800"),
        ("\u200b", "U+200B"),
        ("\u0301", "◌\u0301"),
        ("👩\u200d🔬", "👩\u200d🔬"),
    ],
)
def test_visible_token(token, shown):
    assert visible_token(token) == shown


@settings(deadline=None)
@given(ANY_TEXT)
def test_every_token_can_be_seen_and_written(token):
    shown = visible_token(token)
    assert shown
    shown.encode()
    assert all(unicodedata.category(letter)[0] not in "CZ" for letter in shown if letter != "\u200d")


def test_width_counts_wide_letters_twice_and_accents_not():
    assert width_in_em("한") > width_in_em("h")
    assert width_in_em("e\u0301") == width_in_em("e")


@settings(deadline=None)
@given(st.lists(ANY_TEXT, min_size=1, max_size=5))
def test_no_token_can_leave_its_string_in_the_expression(tokens):
    expression = label_expression(tokens, "datum.value")
    assert expression.isascii()
    # JSON strings without surrogates are Python literals too, which gives a second reader of the list.
    listed = expression.removesuffix("[datum.value]")
    if "\\ud" not in listed:
        assert ast.literal_eval(listed) == [visible_token(token) for token in tokens]
