"""idx files: what is written is read back, and whatever is damaged is a clear error."""

import gzip
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gyebo.data import idx
from gyebo.data.idx import pack_idx, read_idx, read_idx_images
from gyebo.errors import UsageError

SHAPES = st.lists(st.integers(0, 5), min_size=1, max_size=4)
IN_ONE_FOLDER = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def numbers(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def write(path: Path, tensor: torch.Tensor) -> Path:
    path.write_bytes(pack_idx(tensor))
    return path


def read_or_fault(path: Path) -> tuple[torch.Tensor, str]:
    try:
        return read_idx(path), ""
    except UsageError as error:
        return torch.empty(0), str(error)


@IN_ONE_FOLDER
@given(SHAPES, st.booleans())
def test_what_is_packed_is_read_back(tmp_path: Path, shape: list[int], gzipped: bool):
    path, tensor = tmp_path / "some-ubyte", numbers(tuple(shape))
    path.write_bytes(gzip.compress(pack_idx(tensor)) if gzipped else pack_idx(tensor))
    found = read_idx(path)
    assert found.dtype == torch.uint8
    assert found.shape == tensor.shape
    assert torch.equal(found, tensor)


@IN_ONE_FOLDER
@given(st.data(), st.booleans())
def test_damaged_bytes_are_another_array_or_a_clear_error(tmp_path: Path, data: st.DataObject, gzipped: bool):
    path = tmp_path / "damaged-ubyte"
    whole = pack_idx(numbers((3, 4, 2)))
    damaged = bytearray(gzip.compress(whole) if gzipped else whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    del damaged[data.draw(st.integers(0, len(damaged))) :]
    path.write_bytes(damaged)
    found, fault = read_or_fault(path)
    assert str(path) in fault or found.dtype == torch.uint8


@IN_ONE_FOLDER
@given(st.binary(max_size=60))
def test_any_bytes_at_all(tmp_path: Path, content: bytes):
    path = tmp_path / "any-ubyte"
    path.write_bytes(content)
    found, fault = read_or_fault(path)
    assert str(path) in fault or pack_idx(found) == content


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is no idx file: it begins with nothing"),
        (b"\x89PNG\r\n\x1a\n", "is no idx file: it begins with 89 50 4e 47"),
        (b"\0\0\x08\0", "is no idx file"),
        (b"\0\0\x0d\x01" + b"\0\0\0\x01" + b"\0\0\0\0", r"holds numbers of type 0x0d \(floats\)"),
        (b"\0\0\x77\x01" + b"\0\0\0\x01" + b"\0", r"type 0x77 \(an unknown type\)"),
        (b"\0\0\x08\x03" + b"\0\0\0\x01", "is truncated: it ends inside its header of 16 bytes"),
        (pack_idx(numbers((2, 3)))[:-1], "is truncated: it declares 2 x 3 = 6 bytes, but holds fewer"),
        (gzip.compress(pack_idx(numbers((2, 3)))[:-1], mtime=0), "is truncated: it declares 2 x 3 = 6 bytes, but holds fewer"),
        (pack_idx(numbers((2, 3))) + b"\0", "declares 2 x 3 = 6 bytes, but holds more"),
        (gzip.compress(pack_idx(numbers((2, 3))), mtime=0)[:-9], "cannot be unpacked"),
        (gzip.compress(pack_idx(numbers((2, 3))), mtime=0)[:-4] + b"abcd", "cannot be unpacked"),
    ],
)
def test_each_fault_is_named_with_its_mend(tmp_path: Path, content: bytes, expected: str):
    path = tmp_path / "faulty-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=expected) as raised:
        read_idx(path)
    assert str(path) in str(raised.value)


def test_a_header_that_lies_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "huge-ubyte"
    path.write_bytes(struct.pack(">HBB2I", 0, 8, 2, 2**31, 2**31) + b"\0" * 10)
    with pytest.raises(UsageError, match=r"declares 2,147,483,648 x 2,147,483,648 = .* more than the 4,294,967,296"):
        read_idx(path)
    monkeypatch.setattr(idx, "MAX_IDX_BYTES", 2**62)
    path.write_bytes(gzip.compress(path.read_bytes()[:8] + struct.pack(">I", 2**20) + b"\0" * 10))
    with pytest.raises(UsageError, match="but holds fewer"):  # 2 ** 51 bytes were asked of nobody
        read_idx(path)


def test_a_missing_file_and_a_folder(tmp_path: Path):
    with pytest.raises(UsageError, match="is not there"):
        read_idx(tmp_path / "absent-ubyte")
    with pytest.raises(UsageError, match="is a folder, but an idx file"):
        read_idx(tmp_path)


def test_images_with_their_labels(tmp_path: Path):
    images, labels = write(tmp_path / "images", numbers((5, 3, 4))), write(tmp_path / "labels", numbers((5,)))
    pixels, found = read_idx_images(images, labels)
    assert pixels.shape == (5, 1, 3, 4)
    assert found.dtype == torch.int64
    assert torch.equal(found, numbers((5,)).long())


@pytest.mark.parametrize(
    ("images", "labels", "expected"),
    [
        ((5, 3, 4), (4,), "holds 5 images but .* holds 4 labels"),
        ((5,), (5, 3, 4), "name the file of images first"),
        ((5, 3), (5,), r"in the shape \(5, 3\), but images x height x width"),
        ((0, 3, 4), (0,), r"in the shape \(0, 3, 4\)"),
        ((5, 3, 4), (5, 1), r"in the shape \(5, 1\), but one label for each image"),
    ],
)
def test_files_that_do_not_belong_together(tmp_path: Path, images: tuple, labels: tuple, expected: str):
    with pytest.raises(UsageError, match=expected):
        read_idx_images(write(tmp_path / "images", numbers(images)), write(tmp_path / "labels", numbers(labels)))
