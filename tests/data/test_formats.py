"""The user's own files: what is written in each format is read back, and each fault is named with file and line."""

import csv
import gzip
import io
import json
import tempfile
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.data.formats import MAX_LINE_CHARACTERS, read_pairs, split_lines
from gyebo.errors import UsageError

# Any text of Unicode but what no text file may hold (NUL, surrogates) and what this format uses as separator.
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
LINE_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n\r"), max_size=30)
CELL_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n\r\t"), max_size=30)


def rows_of(text: st.SearchStrategy[str]) -> st.SearchStrategy[list[tuple[str, str]]]:
    composed = text.map(lambda value: unicodedata.normalize("NFC", value))
    return st.lists(st.tuples(composed, composed), min_size=1, max_size=8)


def write(path: Path, text: str) -> Path:
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def written(name: str, text: str) -> list[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        return read_pairs((write(Path(folder, name), text),), "source", "target").rows


@given(rows_of(CELL_TEXT), st.sampled_from(["pairs.tsv", "pairs.tsv.gz", "pairs.txt"]))
@settings(deadline=None)
def test_tsv_is_read_back(rows: list[tuple[str, str]], name: str):
    assert written(name, "source\ttarget\n" + "".join(f"{left}\t{right}\n" for left, right in rows)) == rows


@given(rows_of(ANY_TEXT), st.sampled_from(["pairs.csv", "pairs.csv.gz"]), st.sampled_from(["\n", "\r\n"]))
@settings(deadline=None)
def test_csv_is_read_back(rows: list[tuple[str, str]], name: str, line_end: str):
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=line_end, quoting=csv.QUOTE_ALL)  # else it leaves a lone CR unquoted
    writer.writerows([("target", "note", "source"), *((b, "-", a) for a, b in rows)])
    assert written(name, out.getvalue()) == rows


@given(rows_of(ANY_TEXT), st.sampled_from(["pairs.jsonl", "pairs.jsonl.gz"]), st.booleans())
@settings(deadline=None)
def test_jsonl_is_read_back(rows: list[tuple[str, str]], name: str, escaped: bool):
    lines = [json.dumps({"source": left, "target": right}, ensure_ascii=escaped) for left, right in rows]
    assert written(name, "\n".join(lines)) == rows


@given(rows_of(LINE_TEXT), st.sampled_from(["", ".gz"]), st.sampled_from(["\n", "\r\n"]))
@settings(deadline=None)
def test_aligned_files_are_read_back(rows: list[tuple[str, str]], ending: str, line_end: str):
    with tempfile.TemporaryDirectory() as folder:
        source = write(Path(folder, f"train.en{ending}"), "".join(left + line_end for left, _ in rows))
        target = write(Path(folder, f"train.ko{ending}"), "".join(right + line_end for _, right in rows))
        table = read_pairs((source, target))
    assert table.rows == rows
    assert (table.source_language, table.target_language) == ("en", "ko")


@given(st.binary(max_size=200), st.sampled_from(["x.tsv", "x.csv", "x.jsonl", "x.csv.gz"]))
@settings(deadline=None)
def test_any_bytes_are_read_or_refused_in_one_paragraph(data: bytes, name: str):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        message = str(path)
        try:
            read_pairs((path,))
        except UsageError as error:
            message = str(error)
    assert str(path) in message


def test_a_last_line_needs_no_line_feed():
    assert split_lines("a\nb") == split_lines("a\nb\n") == ["a", "b"]
    assert split_lines("") == []
    assert split_lines("\n") == [""]


# Headers and columns


def test_columns_one_and_two_without_a_header(tmp_path: Path):
    table = read_pairs((write(tmp_path / "p.tsv", "Go.\tVa !\tCC-BY\nNo.\tNon.\tCC-BY\n"),))
    assert table.rows == [("Go.", "Va !"), ("No.", "Non.")]
    assert (table.source_language, table.target_language, table.notes) == ("", "", ())


@pytest.mark.parametrize("header", ["source\ttarget", "src\ttrg", "en\tko", "ENG\tKor", " en \tko"])
def test_a_known_header_is_recognised_and_noted(tmp_path: Path, header: str):
    table = read_pairs((write(tmp_path / "p.tsv", f"{header}\nGo.\t가.\n"),))
    assert table.rows == [("Go.", "가.")]
    assert "was read as a header, not as a pair" in table.notes[0]


@pytest.mark.parametrize("row", ["No\tno", "go\tva", "en\ten", "Source text\tTarget text"])
def test_other_first_rows_are_pairs(tmp_path: Path, row: str):
    assert len(read_pairs((write(tmp_path / "p.tsv", f"{row}\nGo.\t가.\n"),)).rows) == 2


def test_columns_by_number(tmp_path: Path):
    path = write(tmp_path / "p.tsv", "1\tGo.\tVa !\n")
    assert read_pairs((path,), "3", "2").rows == [("Va !", "Go.")]
    assert read_pairs((path,), "2", "3").rows == [("Go.", "Va !")]


def test_one_column_by_name_and_one_by_number(tmp_path: Path):
    table = read_pairs((write(tmp_path / "p.csv", "id,question,answer\n7,Hi?,Yes.\n"),), "question", "3")
    assert table.rows == [("Hi?", "Yes.")]
    assert (table.source_language, table.target_language) == ("question", "answer")


def test_a_missing_column_lists_those_there(tmp_path: Path):
    path = write(tmp_path / "p.tsv", "german\tenglish\nGeh.\tGo.\n")
    with pytest.raises(UsageError, match=r"p.tsv, line 1 has no column 'germna'.*'german', 'english'.*mean 'german'"):
        read_pairs((path,), "germna", "english")


def test_column_zero_and_twice_the_same_column_are_refused(tmp_path: Path):
    path = write(tmp_path / "p.tsv", "Go.\tVa !\n")
    with pytest.raises(UsageError, match="no column 0: columns are counted from 1"):
        read_pairs((path,), "0", "1")
    with pytest.raises(UsageError, match="source and target are both column 2"):
        read_pairs((path,), "2", "")


def test_a_row_with_too_few_columns_is_named(tmp_path: Path):
    path = write(tmp_path / "p.tsv", "Go.\tVa !\n\nHm.\n")
    with pytest.raises(UsageError, match=r"p.tsv, line 3 has 1 column, but column 2 is wanted"):
        read_pairs((path,))
    path = write(tmp_path / "p.csv", '"Go,\nnow.",Va !\n"a\nb"\n')
    with pytest.raises(UsageError, match=r"p.csv, line 3 has 1 column, but column 2 is wanted"):
        read_pairs((path,))
    with pytest.raises(UsageError, match=r"p.csv, line 1 has 2 columns, but column 5 is wanted"):
        read_pairs((path,), "1", "5")


def test_semicolons_in_csv_are_pointed_out(tmp_path: Path):
    with pytest.raises(UsageError, match="commas separate columns, not semicolons"):
        read_pairs((write(tmp_path / "p.csv", "Go.;Va !\n"),))


def test_quotes_in_tsv_are_letters(tmp_path: Path):
    assert read_pairs((write(tmp_path / "p.tsv", "\"Go\t'Va !\n"),)).rows == [('"Go', "'Va !")]


def test_an_unclosed_quote_in_csv_is_named(tmp_path: Path):
    with pytest.raises(UsageError, match=r"p.csv: the row that begins in line 2 is not CSV"):
        read_pairs((write(tmp_path / "p.csv", 'Go.,Va !\n"No.,Non.\nYes.,Oui.\n'),))


# JSON Lines


def test_the_translation_records_of_the_hub(tmp_path: Path):
    path = write(tmp_path / "p.jsonl", '{"id": 1, "translation": {"de": "Geh.", "en": "Go."}}\n\n')
    table = read_pairs((path,), "de", "en")
    assert table.rows == [("Geh.", "Go.")]
    assert (table.source_language, table.target_language) == ("de", "en")
    with pytest.raises(UsageError, match=r"line 1 has no key 'source'. Known are: de, en. .*pairs.source"):
        read_pairs((path,))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"source": "Go."', "p.jsonl, line 2 is not JSON"),
        ("[" * 100_000, "p.jsonl, line 2 is not JSON"),
        ('{"n": ' + "1" * 5000 + "}", "p.jsonl, line 2 is not JSON"),
        ('["Go.", "Va !"]', "p.jsonl, line 2 holds a JSON list, but an object was expected"),
        ("{}", "p.jsonl, line 2 has no key 'source'. It is empty."),
        ('{"source": "Go.", "traget": "Va !"}', "no key 'target'. Did you mean 'traget'?"),
        ('{"source": "Go.", "target": 5}', "line 2: 'target' is of JSON type int, but a text was expected"),
        ('{"source": "Go.", "target": null}', "line 2: 'target' is of JSON type NoneType"),
        (r'{"source": "Go.", "target": "\u0000"}', "line 2: 'target' holds a NUL character"),
        (r'{"source": "Go.", "target": "\ud83d"}', "line 2: 'target' holds one half of a"),
    ],
    ids=range(10),
)
def test_faults_of_json_lines_are_named(tmp_path: Path, line: str, message: str):
    path = write(tmp_path / "p.jsonl", '{"source": "No.", "target": "Non."}\n' + line + "\n")
    with pytest.raises(UsageError) as caught:
        read_pairs((path,))
    assert message in str(caught.value)


def test_escaped_letters_outside_the_basic_plane_are_letters(tmp_path: Path):
    path = write(tmp_path / "p.jsonl", r'{"source": "\ud83d\ude00", "target": "\ud55c"}')
    assert read_pairs((path,)).rows == [("😀", "한")]


# Files as a whole


def test_unequal_line_counts_give_both(tmp_path: Path):
    source, target = write(tmp_path / "a.en", "one\ntwo\nthree\n"), write(tmp_path / "a.ko", "하나\n둘\n")
    with pytest.raises(UsageError, match=r"a.en has 3 lines but .*a.ko has 2: line-aligned files need equally many"):
        read_pairs((source, target))


@pytest.mark.parametrize("name", ["p.tsv", "p.csv", "p.jsonl", "p.tsv.gz"])
@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str, text: str):
    with pytest.raises(UsageError, match=rf"{name}: 0 pairs in it"):
        read_pairs((write(tmp_path / name, text),))


def test_a_header_alone_is_an_empty_file(tmp_path: Path):
    with pytest.raises(UsageError, match="0 pairs in it"):
        read_pairs((write(tmp_path / "p.tsv", "de\ten\n"),), "de", "en")


def test_two_empty_aligned_files_are_refused(tmp_path: Path):
    with pytest.raises(UsageError, match=r"a.en and .*a.ko: 0 pairs in it"):
        read_pairs((write(tmp_path / "a.en", ""), write(tmp_path / "a.ko", "")))


@pytest.mark.parametrize("name", ["p.tsv", "p.csv", "p.jsonl"])
def test_a_text_that_is_too_long_is_named_and_the_longest_is_read(tmp_path: Path, name: str):
    def content(length: int) -> str:
        long = "a" * length
        return {"p.tsv": f"x\ty\nGo.\t{long}\n", "p.csv": f"x,y\nGo.,{long}\n"}.get(
            name, '{"source": "x", "target": "y"}\n' + json.dumps({"source": "Go.", "target": long})
        )

    assert len(read_pairs((write(tmp_path / name, content(MAX_LINE_CHARACTERS)),)).rows) == 2
    with pytest.raises(UsageError, match=rf"{name}, line 2 has a text of 100,000 characters, but at most 10,000"):
        read_pairs((write(tmp_path / name, content(100_000)),))


def test_a_line_that_is_too_long_is_named_in_aligned_files(tmp_path: Path):
    source, target = write(tmp_path / "a.en", "one\ntwo\n"), write(tmp_path / "a.ko", "하나\n" + "둘" * 10_001)
    with pytest.raises(UsageError, match=r"a.ko, line 2 has a text of 10,001 characters"):
        read_pairs((source, target))


def test_an_unknown_ending_and_too_many_files_are_refused(tmp_path: Path):
    with pytest.raises(UsageError, match=r"The ending of .*p.xlsx does not tell its format: .tsv, .csv and .jsonl"):
        read_pairs((write(tmp_path / "p.xlsx", "Go.\tVa !\n"),))
    with pytest.raises(UsageError, match="3 files were given, but pairs come from one table"):
        read_pairs((tmp_path, tmp_path, tmp_path))
