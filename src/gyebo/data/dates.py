"""The embedded dataset `dates`: dates as people write them in English, French and Korean, and what they mean.

Names of months and weekdays and the usual patterns are those of the Unicode CLDR, read through Babel; on top come
habits of writers (ordinals, lower case, a lost comma).  Everything is a pure function of a seed.

What makes each date text mean one day:

* A language tag, `<en>`, `<fr>` or `<ko>` and a space, stands before every text that writes day and month as digits,
  for 3/4/2009 is March 4 to an English reader of CLDR (month first) and April 3 to a French one.  Texts that name the
  month, and Korean ones that mark it with 월, are tagged in one half of the cases.
* Years of four digits lie in 1950-2049.  Years of two digits lie in 1970-2069: 70 is 1970 and 09 is 2009.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from gyebo.data.pairs import Pairs
from gyebo.data.text import normalise

__all__ = ["FORMS", "Form", "generate_dates"]

_FOUR_DIGIT_YEARS = (date(1950, 1, 1).toordinal(), date(2049, 12, 31).toordinal())
_TWO_DIGIT_YEARS = (date(1970, 1, 1).toordinal(), date(2069, 12, 31).toordinal())


@dataclass(frozen=True)
class Form:
    """One way to write a date: a CLDR date pattern of a locale, such as "d MMMM y" (UTS 35, table Date Field Symbol).

    {ordinal} in a pattern stands for the day as an English ordinal, such as 3rd.
    """

    locale: str
    pattern: str

    @property
    def language(self) -> str:
        return self.locale[:2]

    @property
    def is_numeric(self) -> bool:
        """Day and month are both digits and no 월 tells which is which, so that the language must be told."""
        return "MMM" not in self.pattern and "월" not in self.pattern

    @property
    def has_short_year(self) -> bool:
        return "yy" in self.pattern


def _forms(locale: str, *patterns: str) -> tuple[Form, ...]:
    return tuple(Form(locale, pattern) for pattern in patterns)


# CLDR's full, long, medium and short patterns come first in each row, then its skeletons, then what writers do.
FORMS: dict[str, tuple[Form, ...]] = {
    "en": (
        *_forms("en", "EEEE, MMMM d, y", "MMMM d, y", "MMM d, y", "M/d/yy", "M/d/y", "E, M/d/y", "E, MMM d, y"),
        *_forms("en", "MMM d, yy", "MMMM {ordinal}, y", "EEEE, MMMM {ordinal}, y", "MM/dd/y"),
        *_forms("en_GB", "EEEE, d MMMM y", "d MMMM y", "d MMM y", "E, d MMM y"),
        *_forms("en_GB", "d MMM yy", "{ordinal} MMMM y", "'the' {ordinal} 'of' MMMM y", "EEEE 'the' {ordinal} 'of' MMMM y"),
    ),
    "fr": (
        *_forms("fr", "EEEE d MMMM y", "d MMMM y", "d MMM y", "dd/MM/y", "E dd/MM/y", "E d MMM y"),
        *_forms("fr", "d MMM yy", "d MMMM yy", "'le' d MMMM y", "'le' EEEE d MMMM y", "'le' d MMM y"),
        *_forms("fr", "d/M/y", "d/M/yy", "dd/MM/yy"),
    ),
    "ko": (
        *_forms("ko", "y년 M월 d일 EEEE", "y년 M월 d일", "y. M. d.", "yy. M. d.", "y. M. d. (E)", "y년 M월 d일 (E)"),
        *_forms("ko", "yy년 M월 d일", "yy년 M월 d일 (E)", "y년M월d일", "yy년M월d일", "y.M.d", "yy.M.d", "y-MM-dd", "y/M/d"),
    ),
}


def _drop_commas(text: str) -> str:
    return text.replace(",", "")


def _drop_dots(text: str) -> str:
    return text.replace(".", "")


def _drop_accents(text: str) -> str:
    return text.replace("é", "e").replace("û", "u")  # février, décembre, août: all that French dates have


def _french_first(text: str) -> str:
    return re.sub(r"\b1 (?=\D)", "1er ", text)


def _join_weekday(text: str) -> str:
    return text.replace(" (", "(")


# Applied to texts that name the month, each with this probability by itself.
_HABIT_SHARE = 0.25
_HABITS: dict[str, tuple[Callable[[str], str], ...]] = {
    "en": (str.lower, _drop_commas),
    "fr": (str.capitalize, _drop_dots, _drop_accents, _french_first),
    "ko": (_join_weekday,),
}


class _Draws:
    """Random choices made from `Random.random` alone: the one method whose sequence Python promises to keep."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def below(self, count: int) -> int:
        return int(self._random() * count)

    def happens(self, share: float) -> bool:
        return self._random() < share


def generate_dates(seed: int = 2009, train: int = 20_000, validation: int = 1_000, test: int = 1_000) -> tuple[Pairs, Pairs, Pairs]:
    """The (train, validation, test) pairs of `dates`: a text, perhaps with a language tag, and the ISO 8601 date.

    No text occurs twice, tagged or not, nor two that differ in capitals, accents, spaces, commas and dots alone; so
    nothing held out was trained on.  The same seed gives the same pairs on every platform, for one version of CLDR.

    >>> train, _, _ = generate_dates(seed=1, train=1, validation=0, test=0)
    >>> train.source[0], train.target[0]
    ('<en> 18th May 2026', '2026-05-18')
    """
    draws = _Draws(seed)
    seen: set[str] = set()
    rows: list[tuple[str, str]] = []
    while len(rows) < train + validation + test:
        language = ("en", "fr", "ko")[draws.below(3)]
        form = FORMS[language][draws.below(len(FORMS[language]))]
        first, last = _TWO_DIGIT_YEARS if form.has_short_year else _FOUR_DIGIT_YEARS
        day = date.fromordinal(first + draws.below(last - first + 1))
        text = write_date(day, form)
        if not form.is_numeric:
            for habit in _HABITS[language]:
                text = habit(text) if draws.happens(_HABIT_SHARE) else text
        tagged = form.is_numeric or draws.happens(0.5)
        key = _without_style(f"<{language}> {text}" if form.is_numeric else text.replace(" ", ""))
        if key not in seen:
            seen.add(key)
            rows.append((f"<{language}> {text}" if tagged else text, day.isoformat()))
    return _pairs(rows[:train]), _pairs(rows[train : train + validation]), _pairs(rows[train + validation :])


def write_date(day: date, form: Form) -> str:
    """A date in one form, as normalised text: CLDR's narrow no-break spaces become plain ones.

    >>> write_date(date(2009, 3, 3), Form("fr", "EEEE d MMMM y"))
    'mardi 3 mars 2009'
    >>> write_date(date(2009, 3, 3), Form("en_GB", "'the' {ordinal} 'of' MMMM y"))
    'the 3rd of March 2009'
    """
    from babel.dates import format_date  # slow to import, and needed for this dataset alone

    pattern = form.pattern.replace("{ordinal}", f"d'{_ordinal_ending(day.day)}'")
    return normalise(format_date(day, pattern, locale=form.locale))


def _ordinal_ending(number: int) -> str:
    if number in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _without_style(text: str) -> str:
    return normalise(_drop_accents(_drop_commas(text.casefold())).replace(".", " "))


def _pairs(rows: list[tuple[str, str]]) -> Pairs:
    return Pairs(tuple(text for text, _ in rows), tuple(meaning for _, meaning in rows))
