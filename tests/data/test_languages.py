"""Language codes in file names."""

from pathlib import Path

import pytest

from gyebo.data.languages import LANGUAGE_CODES, language_of_file


@pytest.mark.parametrize(
    ("name", "language"),
    [("train.de", "de"), ("val.ko.gz", "ko"), ("a.KOR", "kor"), ("mine.txt", ""), ("mine", ""), ("mine.gz", "")],
)
def test_the_ending_tells_the_language(name: str, language: str):
    assert language_of_file(Path(name)) == language


def test_english_words_of_two_letters_that_are_no_usual_language_stay_words():
    assert not LANGUAGE_CODES & {"go", "do", "up", "we", "am", "as", "so", "to"}
