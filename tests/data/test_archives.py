"""Zip members: read where everything about the archive is in order, refused otherwise."""

import io
import stat
import struct
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.data.archives import read_files, read_member
from gyebo.errors import DiskError, GyeboError


def make_zip(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_a_member_is_read(tmp_path: Path):
    archive = make_zip(tmp_path / "a.zip", {"kor.txt": "가.".encode(), "folder/_about.txt": b"about"})
    assert read_member(archive, "kor.txt") == "가.".encode()
    assert read_member(archive, "folder/_about.txt") == b"about"


def test_all_files_are_read_in_the_order_of_their_names(tmp_path: Path):
    archive = make_zip(tmp_path / "a.zip", {"b/2.txt": b"two", "b/": b"", "a.txt": b"one"})
    assert list(read_files(archive)) == [("a.txt", b"one"), ("b/2.txt", b"two")]
    with pytest.raises(GyeboError, match=r"'a.txt' declares 3 bytes, more than the 2"):
        list(read_files(archive, max_bytes=2))
    with pytest.raises(GyeboError, match=r"unsafe name '\.\./evil'"):
        list(read_files(make_zip(tmp_path / "b.zip", {"a.txt": b"fine", "../evil": b"evil"})))


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/passwd", "..\\evil", "C:evil", "a/.."])
def test_one_unsafe_name_condemns_the_whole_archive(tmp_path: Path, name: str):
    archive = make_zip(tmp_path / "slip.zip", {"kor.txt": b"fine", name: b"evil"})
    with pytest.raises(GyeboError, match=r"slip.zip: a member has the unsafe name .* Nothing was read"):
        read_member(archive, "kor.txt")
    assert sorted(tmp_path.iterdir()) == [archive]


def test_a_symbolic_link_condemns_the_whole_archive(tmp_path: Path):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr("kor.txt", b"fine")
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(GyeboError, match=r"link.zip: a member is a symbolic link: 'link'"):
        read_member(tmp_path / "link.zip", "kor.txt")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path):
    archive = make_zip(tmp_path / "bomb.zip", {"kor.txt": bytes(10_000_000)})
    assert archive.stat().st_size < 20_000
    with pytest.raises(GyeboError, match=r"declares 10,000,000 bytes, more than the 1,000,000"):
        read_member(archive, "kor.txt", max_bytes=1_000_000)


def test_a_bomb_that_declares_too_little_is_not_unpacked_further(tmp_path: Path):
    data = bytearray(make_zip(tmp_path / "liar.zip", {"kor.txt": bytes(10_000_000)}).read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(signature) + offset, 100)
    (tmp_path / "liar.zip").write_bytes(data)
    with pytest.raises(GyeboError, match=r"liar.zip is not a zip archive that can be read"):
        read_member(tmp_path / "liar.zip", "kor.txt")


def test_encrypted_members_are_refused(tmp_path: Path):
    data = bytearray(make_zip(tmp_path / "locked.zip", {"kor.txt": b"fine"}).read_bytes())
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(data)
    with pytest.raises(GyeboError, match=r"locked.zip: its member 'kor.txt' is encrypted"):
        read_member(tmp_path / "locked.zip", "kor.txt")


def test_other_methods_of_packing_are_refused(tmp_path: Path):
    archive = make_zip(tmp_path / "bzip2.zip", {"kor.txt": b"fine"}, zipfile.ZIP_BZIP2)
    with pytest.raises(GyeboError, match="is packed by method 12, but stored or deflated was expected"):
        read_member(archive, "kor.txt")


def test_a_missing_member_and_a_missing_archive_are_named(tmp_path: Path):
    archive = make_zip(tmp_path / "a.zip", {"kor.txt": b"fine"})
    with pytest.raises(GyeboError, match=r"a.zip has no member 'kor.tx'. Did you mean 'kor.txt'"):
        read_member(archive, "kor.tx")
    with pytest.raises(DiskError, match=r"reading .*absent.zip, the system says 'No such file or directory'"):
        read_member(tmp_path / "absent.zip", "kor.txt")


def test_what_is_no_zip_is_named(tmp_path: Path):
    (tmp_path / "a.zip").write_bytes(b"<html>not found</html>")
    with pytest.raises(GyeboError, match=r"a.zip is not a zip archive that can be read"):
        read_member(tmp_path / "a.zip", "kor.txt")


WHOLE = io.BytesIO()
with zipfile.ZipFile(WHOLE, "w", zipfile.ZIP_DEFLATED) as _archive:
    _archive.writestr("kor.txt", b"Go.\tVa !\n" * 20)


@given(st.integers(0, len(WHOLE.getvalue()) - 1), st.integers(1, 255), st.booleans())
@settings(deadline=None, max_examples=300)
def test_a_damaged_archive_gives_the_right_bytes_or_an_error(position: int, change: int, cut: bool):
    data = bytearray(WHOLE.getvalue())
    data[position] ^= change
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "damaged.zip")
        path.write_bytes(data[:position] if cut else data)
        found, message = b"Go.\tVa !\n" * 20, str(path)
        try:
            found = read_member(path, "kor.txt")
        except GyeboError as error:
            message = str(error)
    assert found == b"Go.\tVa !\n" * 20
    assert str(path) in message
