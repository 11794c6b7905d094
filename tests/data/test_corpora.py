"""The registered corpora, as they are in the folder that GYEBO_DATA names."""

import dataclasses
import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from gyebo.data.corpora import Direction, choose_direction, multi30k_rows, tatoeba_rows
from gyebo.data.parallel_datasets import FRA_ENG, KOR_ENG, MULTI30K
from gyebo.errors import GyeboError, UsageError

needs_data = pytest.mark.skipif(not os.environ.get("GYEBO_DATA"), reason="GYEBO_DATA names no folder of datasets")


@pytest.fixture
def folder() -> Path:
    return Path(os.environ["GYEBO_DATA"])


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [("", "", "de en"), ("fr", "cs", "fr cs"), ("en", "", "en de"), ("", "de", "en de"), ("", "fr", "de fr")],
)
def test_the_languages_left_out_are_the_first_that_fit(source: str, target: str, expected: str):
    assert choose_direction(MULTI30K, source, target) == Direction(*expected.split())


def test_a_language_that_is_not_there_is_named():
    with pytest.raises(UsageError, match="The dataset kor-eng has no language 'fr'; it has en, ko"):
        choose_direction(KOR_ENG, "fr", "")
    with pytest.raises(UsageError, match="Source and target are both 'en'"):
        choose_direction(FRA_ENG, "en", "en")


@needs_data
def test_multi30k_has_its_published_sizes(folder: Path):
    splits = multi30k_rows(Direction("de", "en"), folder)
    assert [len(rows) for rows in splits] == [29_000, 1_014, 1_000]
    assert splits[0][0] == (
        "Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche.",
        "Two young, White males are outside near many bushes.",
    )
    other = multi30k_rows(Direction("cs", "fr"), folder)
    assert [len(rows) for rows in other] == [29_000, 1_014, 1_000]
    assert other[0][0][1] == "Deux jeunes hommes blancs sont dehors près de buissons."


@needs_data
def test_tatoeba_has_its_published_sizes_in_both_directions(folder: Path):
    french = tatoeba_rows(FRA_ENG, Direction("en", "fr"), folder)
    assert len(french) == 142_787
    assert tatoeba_rows(FRA_ENG, Direction("fr", "en"), folder)[0] == (french[0][1], french[0][0])
    korean = tatoeba_rows(KOR_ENG, Direction("en", "ko"), folder)
    assert len(korean) == 3_621
    assert korean[0] == ("Go.", "가.")


def test_an_archive_line_without_a_tab_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    archive = tmp_path / "kor-eng/kor-eng.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("kor.txt", "Go.\t가.\tCC-BY\nRun!\n")
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    dataset = dataclasses.replace(KOR_ENG, files=(dataclasses.replace(KOR_ENG.files[0], sha256=sha256),))
    with pytest.raises(GyeboError, match=r"kor.txt in .*kor-eng.zip, line 2 has no tab"):
        tatoeba_rows(dataset, Direction("en", "ko"), tmp_path)


def test_another_version_of_the_archive_is_explained(tmp_path: Path):
    archive = tmp_path / "fra-eng/fra-eng.zip"
    archive.parent.mkdir()
    archive.write_bytes(b"a newer version")
    with pytest.raises(GyeboError) as caught:
        tatoeba_rows(FRA_ENG, Direction("en", "fr"), tmp_path)
    for words in (str(archive), "ManyThings replaces its files", "2017-09-29", FRA_ENG.files[0].sha256):
        assert words in str(caught.value)
