"""The embedded dataset: each text means one day, and nothing held out was trained on."""

import os
import re
import subprocess
import sys
import time
from datetime import date

import babel
import pytest

from gyebo.data.dates import FORMS, Form, generate_dates, write_date
from gyebo.data.pairs import Pairs, fingerprint
from gyebo.data.text import normalise

TAG = re.compile(r"<(en|fr|ko)> ")


@pytest.fixture(scope="module")
def splits() -> tuple[Pairs, Pairs, Pairs]:
    return generate_dates()


@pytest.fixture(scope="module")
def rows(splits: tuple[Pairs, Pairs, Pairs]) -> list[tuple[str, str]]:
    return [row for pairs in splits for row in zip(pairs.source, pairs.target, strict=True)]


def test_sizes(splits: tuple[Pairs, Pairs, Pairs]):
    assert [len(pairs) for pairs in splits] == [20_000, 1_000, 1_000]


def test_texts_are_normalised(rows: list[tuple[str, str]]):
    assert [text for text, _ in rows if normalise(text) != text] == []
    assert not any(ord(letter) > 0x7F and letter.isspace() for text, _ in rows for letter in text)


def test_targets_are_iso_dates_in_the_years_promised(rows: list[tuple[str, str]]):
    years = {date.fromisoformat(meaning).year for _, meaning in rows}
    assert (min(years), max(years)) == (1950, 2069)
    for text, meaning in rows:
        if meaning[:4] in text:
            assert 1950 <= int(meaning[:4]) <= 2049
        else:
            assert meaning[2:4] in text
            assert 1970 <= int(meaning[:4]) <= 2069


def test_texts_stand_alone_and_nothing_held_out_was_trained_on(splits: tuple[Pairs, Pairs, Pairs], rows: list[tuple[str, str]]):
    assert len({text for text, _ in rows}) == len(rows)

    def bare(pairs: Pairs) -> set[str]:
        return {TAG.sub("", text).casefold() for text in pairs.source if "월" in text or re.search(r"[a-zû]{3}", text)}

    train, validation, test = map(bare, splits)
    assert not train & validation
    assert not train & test
    assert not validation & test


def test_untagged_texts_mean_one_day_in_every_language(rows: list[tuple[str, str]]):
    untagged = {text: meaning for text, meaning in rows if not TAG.match(text)}
    for text, meaning in rows:
        bare = TAG.sub("", text)
        assert untagged.get(bare, meaning) == meaning


MONTH = re.compile(r"\d월|jan|f[ée]v|feb|mar[. c]|mars|a[pv]r|ma[iy]|jui|jun|jul|ao[uû]|aug|sep|oct|nov|d[ée]c", re.IGNORECASE)
WEEKDAY = re.compile(r"\b[a-z]{3}\.?,? (?=\d+/)", re.IGNORECASE)  # "mar. 03/03/2009" names no month


def test_digits_alone_are_tagged_and_half_of_the_rest(rows: list[tuple[str, str]]):
    numeric = [text for text, _ in rows if not MONTH.search(WEEKDAY.sub("", TAG.sub("", text)))]
    assert len(numeric) > 6_000
    assert all(TAG.match(text) for text in numeric)
    others = {text for text, _ in rows}.difference(numeric)
    assert 0.48 < sum(bool(TAG.match(text)) for text in others) / len(others) < 0.52


def test_numeric_texts_read_back_by_the_rule_of_their_language(rows: list[tuple[str, str]]):
    order = {"en": "mdy", "fr": "dmy", "ko": "ymd"}
    count = 0
    for text, meaning in rows:
        if (match := TAG.match(text)) and re.fullmatch(r"[\d./ -]+", text[match.end() :]):
            numbers = dict(zip(order[match[1]], map(int, re.findall(r"\d+", text[match.end() :])), strict=True))
            year = numbers["y"] if numbers["y"] > 99 else numbers["y"] + (1900 if numbers["y"] >= 70 else 2000)
            assert date(year, numbers["m"], numbers["d"]).isoformat() == meaning
            count += 1
    assert count > 3_000


def test_all_languages_and_all_days_occur(rows: list[tuple[str, str]]):
    assert {int(meaning[8:]) for _, meaning in rows} == set(range(1, 32))
    assert {int(meaning[5:7]) for _, meaning in rows} == set(range(1, 13))
    tags = [match[1] for text, _ in rows if (match := TAG.match(text))]
    for language in ("en", "fr", "ko"):
        assert 0.25 < tags.count(language) / len(tags) < 0.42


def every_form() -> list[Form]:
    return [form for forms in FORMS.values() for form in forms]


@pytest.mark.parametrize("form", every_form(), ids=lambda form: f"{form.locale} {form.pattern}")
def test_a_form_tells_all_days_apart(form: Form):
    first = date(1970, 1, 1).toordinal()
    days = [date.fromordinal(first + offset) for offset in range(0, 29_000, 29)]
    assert len({write_date(day, form) for day in days}) == len(days)


@pytest.mark.parametrize(
    ("locale", "pattern", "text"),
    [
        ("en", "EEEE, MMMM d, y", "Tuesday, March 3, 2009"),
        ("en", "M/d/y", "3/3/2009"),
        ("en_GB", "d MMM yy", "3 Mar 09"),
        ("en_GB", "'the' {ordinal} 'of' MMMM y", "the 3rd of March 2009"),
        ("fr", "'le' EEEE d MMMM y", "le mardi 3 mars 2009"),
        ("fr", "dd/MM/y", "03/03/2009"),
        ("ko", "y년 M월 d일 EEEE", "2009년 3월 3일 화요일"),
        ("ko", "yy. M. d.", "09. 3. 3."),
    ],
)
def test_forms_as_people_write_them(locale: str, pattern: str, text: str):
    form = Form(locale, pattern)
    assert form in FORMS[form.language]
    assert write_date(date(2009, 3, 3), form) == text


@pytest.mark.parametrize(
    "ordinal", ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "20th", "21st", "22nd", "23rd", "30th", "31st"]
)
def test_english_ordinals(ordinal: str):
    day = date(2009, 3, int(ordinal[:-2]))
    assert write_date(day, Form("en_GB", "{ordinal} MMMM y")) == f"{ordinal} March 2009"


def test_the_habits_of_writers_occur(rows: list[tuple[str, str]]):
    texts = [TAG.sub("", text) for text, _ in rows]
    patterns = (r"^the \d+(st|nd|rd|th) of [A-Z]", r"^le \d", r"^Le 1er ", r"^[a-z]+ \d+ \d{4}$", r"fevr", r"\d일\(")
    for pattern in patterns:
        assert any(re.search(pattern, text) for text in texts), pattern


def test_the_same_seed_gives_the_same_pairs_in_another_process():
    program = (
        "from gyebo.data.dates import generate_dates; from gyebo.data.pairs import fingerprint;"
        "print(fingerprint(generate_dates(seed=7, train=300, validation=10, test=10)))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "Asia/Seoul"}
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert finished.stdout.strip() == fingerprint(generate_dates(seed=7, train=300, validation=10, test=10))
    assert fingerprint(generate_dates(seed=8, train=300, validation=10, test=10)) != finished.stdout.strip()


def test_the_pairs_are_those_that_the_published_results_were_measured_on(splits: tuple[Pairs, Pairs, Pairs]):
    # Remake: python -c 'from gyebo.data.parallel import *; print(open_parallel(("dates",), PairsConfig()).fingerprint)'
    if not babel.__version__.startswith("2.18"):
        pytest.skip("another Babel brings another CLDR")
    assert fingerprint(splits) == "ee0bdcd10c02864e09fff80b6e0e3141221c7f1ecac94522ce8afe5414163c46"


def test_generation_is_quick():
    started = time.perf_counter()
    generate_dates()
    assert time.perf_counter() - started < 3
