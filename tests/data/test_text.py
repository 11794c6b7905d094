"""Text files as Unicode: encodings, gzip, bounds and normalising."""

import codecs
import gzip
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gyebo.data.text import decode_text, normalise, read_text
from gyebo.errors import DiskError, UsageError


def test_composed_and_decomposed_text_read_equal():
    for composed in ("한글", "é", "août 2009"):
        decomposed = unicodedata.normalize("NFD", composed)
        assert decomposed != composed
        assert normalise(decomposed) == composed


def test_white_space_becomes_single_spaces():
    assert normalise("\t Va\u202f!\u00a0\u3000 Oui.\r\n") == "Va ! Oui."
    assert normalise("\u2028 \n") == ""


@given(st.text())
def test_normalising_twice_changes_nothing(text: str):
    once = normalise(text)
    assert normalise(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert "\n" not in once
    assert "\t" not in once


@pytest.mark.parametrize("name", ["text.txt", "text.txt.gz", "TEXT.TXT.GZ"])
def test_a_byte_order_mark_is_dropped(tmp_path: Path, name: str):
    data = codecs.BOM_UTF8 + "가.\n".encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.lower().endswith(".gz") else data)
    assert read_text(tmp_path / name) == "가.\n"


def test_latin_1_is_named_by_line_and_byte(tmp_path: Path):
    path = tmp_path / "latin.txt"
    path.write_bytes("Va !\nété\n".encode("latin-1"))
    with pytest.raises(UsageError, match=r"latin.txt, line 2 is not UTF-8: byte 0xe9 at byte offset 5.*ISO-8859-1"):
        read_text(path)


def test_the_byte_offset_counts_the_byte_order_mark():
    with pytest.raises(UsageError, match="line 1 is not UTF-8: byte 0xff at byte offset 4"):
        decode_text(codecs.BOM_UTF8 + b"a\xff", "bytes")


@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-32"])
def test_wide_encodings_are_named(tmp_path: Path, encoding: str):
    path = tmp_path / "wide.txt"
    path.write_bytes("Go.\n".encode(encoding))
    with pytest.raises(UsageError, match=f"wide.txt is {encoding} text .* iconv -f {encoding} -t UTF-8"):
        read_text(path)


def test_nul_bytes_are_refused(tmp_path: Path):
    path = tmp_path / "binary.txt"
    path.write_bytes(b"Go.\nRun\0!\n")
    with pytest.raises(UsageError, match=r"binary.txt, line 2 holds a NUL byte \(byte offset 7\)"):
        read_text(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path):
    with pytest.raises(UsageError, match=r"There is no file .*absent.txt"):
        read_text(tmp_path / "absent.txt")
    with pytest.raises(UsageError, match="is a folder, but a text file was expected"):
        read_text(tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "plain"])
def test_broken_gzip_is_named(tmp_path: Path, damage: str):
    packed = bytearray(gzip.compress(b"Go.\tVa !\n" * 1000))
    if damage == "flipped":
        packed[len(packed) // 2] ^= 0xFF
    data = {"truncated": bytes(packed[:-10]), "flipped": bytes(packed), "plain": b"Go.\n"}[damage]
    path = tmp_path / "broken.txt.gz"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"broken.txt.gz cannot be unpacked"):
        read_text(path)


@pytest.mark.parametrize("name", ["large.txt", "large.txt.gz"])
def test_what_is_read_is_bounded(tmp_path: Path, name: str):
    data = b"a" * 1001
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    with pytest.raises(UsageError, match=r"holds more than 1,000 bytes of text"):
        read_text(tmp_path / name, max_bytes=1000)
    assert len(read_text(tmp_path / name, max_bytes=1001)) == 1001


def test_refused_reading_is_a_disk_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "secret.txt"
    path.write_text("Go.")

    def refuse(*arguments: object, **options: object):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DiskError, match=r"reading .*secret.txt, permission is refused"):
        read_text(path)
