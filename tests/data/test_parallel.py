"""Parallel text opened by name and from own files: splits, notes, fingerprints, and what is refused."""

import os
import unicodedata
from pathlib import Path

import pytest

from gyebo.config import from_mapping, to_mapping
from gyebo.data import parallel
from gyebo.data.parallel import PairsConfig, open_parallel, open_whole
from gyebo.data.registry import all_datasets
from gyebo.errors import DiskError, UsageError

needs_data = pytest.mark.skipif(not os.environ.get("GYEBO_DATA"), reason="GYEBO_DATA names no folder of datasets")


def write_pairs(path: Path, count: int = 100, header: str = "") -> str:
    rows = [f"source {number}\ttarget {number}" for number in range(count)]
    path.write_text("\n".join([header, *rows] if header else rows))
    return str(path)


def test_the_config_round_trips_and_refuses_negative_counts():
    config = PairsConfig(source="de", validation=5, test_files=("a.tsv",))
    assert from_mapping(PairsConfig, to_mapping(config)) == config
    with pytest.raises(UsageError, match=r"pairs.limit is -1, but a count of pairs cannot be negative"):
        from_mapping(PairsConfig, {"limit": -1})


# Own files


def test_an_own_table_is_split_by_default(tmp_path: Path):
    text = open_parallel((write_pairs(tmp_path / "mine.tsv"),), PairsConfig())
    assert (text.name, text.source_language, text.target_language) == ("mine", "", "")
    assert [len(split) for split in (text.train, text.validation, text.test)] == [90, 5, 5]
    assert (text.licence, text.citation, text.url, text.notes) == ("", "", "", ())


@pytest.mark.parametrize(("count", "held_out"), [(5, 1), (30_000, 1_000)])
def test_the_default_split_has_bounds(tmp_path: Path, count: int, held_out: int):
    text = open_parallel((write_pairs(tmp_path / "mine.tsv", count),), PairsConfig())
    assert len(text.validation) == len(text.test) == held_out


def test_counts_and_limit(tmp_path: Path):
    path = write_pairs(tmp_path / "mine.tsv")
    whole = open_parallel((path,), PairsConfig(validation=10, test=20))
    text = open_parallel((path,), PairsConfig(validation=10, test=20, limit=7))
    assert (len(whole.train), len(text.validation), len(text.test)) == (70, 10, 20)
    assert text.train.source == whole.train.source[:7]
    assert text.validation == whole.validation
    assert text.notes == ("The first 7 of 70 training pairs are used.",)
    assert text.fingerprint != whole.fingerprint


def test_the_order_of_the_file_moves_no_sentence_to_another_split(tmp_path: Path):
    path = tmp_path / "mine.tsv"
    write_pairs(path)
    before = open_parallel((str(path),), PairsConfig())
    path.write_text("\n".join(reversed(path.read_text().split("\n"))))
    after = open_parallel((str(path),), PairsConfig())
    assert set(after.test.source) == set(before.test.source)
    assert set(after.validation.source) == set(before.validation.source)


def test_aligned_files(tmp_path: Path):
    (tmp_path / "corpus.en").write_text("".join(f"line {number}\n" for number in range(20)))
    (tmp_path / "corpus.ko").write_text("".join(f"{number}번 줄\n" for number in range(20)))
    text = open_parallel((str(tmp_path / "corpus.en"), str(tmp_path / "corpus.ko")), PairsConfig())
    assert (text.name, text.source_language, text.target_language) == ("corpus", "en", "ko")
    for left, right in zip(text.train.source, text.train.target, strict=True):
        assert left.removeprefix("line ") == right.removesuffix("번 줄")


def test_decomposed_text_gives_the_same_fingerprint(tmp_path: Path):
    rows = "".join(f"été {number}\t한글 {number}\n" for number in range(10))
    (tmp_path / "nfc.tsv").write_text(rows)
    (tmp_path / "nfd.tsv").write_text(unicodedata.normalize("NFD", rows))
    assert (tmp_path / "nfc.tsv").read_bytes() != (tmp_path / "nfd.tsv").read_bytes()
    composed, decomposed = (open_parallel((str(tmp_path / name),), PairsConfig()) for name in ("nfc.tsv", "nfd.tsv"))
    assert composed.fingerprint == decomposed.fingerprint


def test_a_decomposed_file_name_is_found_by_its_composed_one(tmp_path: Path):
    write_pairs(tmp_path / unicodedata.normalize("NFD", "한글.tsv"))
    assert len(open_parallel((str(tmp_path / "한글.tsv"),), PairsConfig()).train) == 90


def test_empty_pairs_are_counted_in_the_notes(tmp_path: Path):
    path = tmp_path / "mine.tsv"
    write_pairs(path)
    path.write_text(path.read_text() + "\nalone\t \n\u00a0\talone\n")
    assert open_parallel((str(path),), PairsConfig()).notes == ("2 pairs with an empty side dropped.",)
    path.write_text("a\t\nb\t\n")
    with pytest.raises(UsageError, match=r"mine.tsv: all 2 pairs have an empty side"):
        open_parallel((str(path),), PairsConfig())


def test_own_files_for_the_other_splits(tmp_path: Path):
    train = write_pairs(tmp_path / "train.tsv", 50, header="de\ten")
    (tmp_path / "val.tsv").write_text("en\tde\ntarget 3\tsource 3\nnew\tneu\nempty\t\n")
    (tmp_path / "test.de").write_text("eins\nzwei\n")
    (tmp_path / "test.en").write_text("one\ntwo\n")
    text = open_parallel(
        (train,),
        PairsConfig(
            source="de",
            target="en",
            validation_files=(str(tmp_path / "val.tsv"),),
            test_files=(str(tmp_path / "test.de"), str(tmp_path / "test.en")),
        ),
    )
    assert len(text.train) == 50
    assert text.validation.source == ("source 3", "neu")
    assert text.test.target == ("one", "two")
    assert text.notes == (
        "1 pair with an empty side dropped.",
        "1 source sentences of the validation files are also trained on.",
    )


def test_only_the_split_without_files_is_held_out(tmp_path: Path):
    path = write_pairs(tmp_path / "train.tsv")
    other = write_pairs(tmp_path / "val.tsv", 3)
    text = open_parallel((path,), PairsConfig(validation_files=(other,)))
    assert (len(text.train), len(text.validation), len(text.test)) == (95, 3, 5)


# What is refused


def test_a_word_that_is_neither_dataset_nor_file_is_answered_with_the_nearest(tmp_path: Path):
    with pytest.raises(UsageError, match=r"'multi30' is neither a named dataset nor a file .* mean 'multi30k'\?"):
        open_parallel(("multi30",), PairsConfig())
    with pytest.raises(UsageError, match="Known are: dates, fra-eng, kor-eng, multi30k"):
        open_parallel(("zzzz",), PairsConfig())
    write_pairs(tmp_path / "mine.tsv")
    with pytest.raises(UsageError, match=r"Did you mean '.*/mine.tsv'\?"):
        open_parallel((str(tmp_path / "mien.tsv"),), PairsConfig())
    with pytest.raises(UsageError, match=r"'absent.tsv' is neither a named dataset nor a file"):
        open_parallel((write_pairs(tmp_path / "a.tsv"),), PairsConfig(test_files=("absent.tsv",)))


def test_a_word_that_no_file_system_takes_is_a_disk_error():
    with pytest.raises(DiskError, match="the system says 'File name too long'"):
        open_parallel(("a" * 5000,), PairsConfig())


def test_datasets_and_files_do_not_mix(tmp_path: Path):
    with pytest.raises(UsageError, match="The dataset 'multi30k' cannot be mixed with files"):
        open_parallel(("multi30k", write_pairs(tmp_path / "a.tsv")), PairsConfig())


def test_no_word_at_all_is_refused():
    with pytest.raises(UsageError, match="0 files were given"):
        open_parallel((), PairsConfig())


# Named datasets


def test_dates():
    text = open_parallel(("dates",), PairsConfig(limit=50))
    assert (text.name, text.source_language, text.target_language) == ("dates", "date", "iso")
    assert [len(split) for split in (text.train, text.validation, text.test)] == [50, 1_000, 1_000]
    assert "Unicode" in text.licence
    assert "<fr> 3/4/2009 is April 3" in text.notes[0]
    with pytest.raises(UsageError, match="goes from 'date' to 'iso' only"):
        open_parallel(("dates",), PairsConfig(source="iso"))
    with pytest.raises(UsageError, match="The dataset dates has no language 'de'"):
        open_parallel(("dates",), PairsConfig(source="de"))


@pytest.mark.parametrize("name", ["dates", "multi30k"])
@pytest.mark.parametrize(
    ("option", "value"), [("validation", 5), ("test", 5), ("validation_files", ("a",)), ("test_files", ("a",))]
)
def test_datasets_with_splits_refuse_others(name: str, option: str, value: object):
    with pytest.raises(UsageError, match=rf"{name} comes with its own validation and test splits, so pairs\.{option} "):
        open_parallel((name,), from_mapping(PairsConfig, {option: value}))


@needs_data
@pytest.mark.parametrize(
    ("name", "options", "languages", "sizes"),
    [
        ("multi30k", {}, "de en", (29_000, 1_014, 1_000)),
        ("multi30k", {"source": "en", "target": "fr"}, "en fr", (29_000, 1_014, 1_000)),
        ("fra-eng", {}, "en fr", (140_787, 1_000, 1_000)),
        ("kor-eng", {"source": "ko"}, "ko en", (3_259, 181, 181)),
        ("kor-eng", {"validation": 50, "test": 60}, "en ko", (3_511, 50, 60)),
    ],
)
def test_corpora_open(name: str, options: dict, languages: str, sizes: tuple[int, int, int]):
    text = open_parallel((name,), PairsConfig(**options))
    assert (text.source_language, text.target_language) == tuple(languages.split())
    assert tuple(len(split) for split in (text.train, text.validation, text.test)) == sizes
    if name != "multi30k":
        assert not set(text.train.source) & (set(text.validation.source) | set(text.test.source))
        assert not set(text.validation.source) & set(text.test.source)
    assert text.licence
    assert text.citation


def test_every_dataset_of_the_registry_can_be_opened(monkeypatch: pytest.MonkeyPatch):
    rows = [(f"source {number}", f"target {number}") for number in range(50)]
    monkeypatch.setattr(parallel, "multi30k_rows", lambda *arguments: (rows, rows[:2], rows[:3]))
    monkeypatch.setattr(parallel, "tatoeba_rows", lambda *arguments: rows)
    for dataset in all_datasets("parallel text"):
        text = open_parallel((dataset.name,), PairsConfig())
        assert text.name == dataset.name
        assert (text.source_language, text.target_language) == dataset.languages[:2]
        assert min(len(text.train), len(text.validation), len(text.test)) > 0


def test_a_file_that_is_only_evaluated_is_all_test_data(tmp_path):
    file = tmp_path / "held-out.tsv"
    file.write_text("".join(f"source {number}\ttarget {number}\n" for number in range(7)), encoding="utf-8")
    whole = open_whole((str(file),), PairsConfig())
    assert (len(whole.train), len(whole.validation), len(whole.test)) == (0, 0, 7)
    assert open_whole(("dates",), PairsConfig()) == open_parallel(("dates",), PairsConfig()), "a named dataset keeps its splits"
