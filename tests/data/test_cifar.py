"""CIFAR-10's binary version, from archives made here."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from gyebo.data.cifar import read_binary_archive, read_records
from gyebo.errors import GyeboError

FILES = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]


def records(seed: int, count: int = 3) -> bytes:
    random = np.random.default_rng(seed)
    return b"".join(bytes([seed % 10]) + random.integers(0, 256, 3_072, dtype=np.uint8).tobytes() for _ in range(count))


def write_archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_records():
    data = records(7, count=2)
    pixels, labels = read_records(data, "here")
    assert labels.tolist() == [7, 7]
    assert pixels.shape == (2, 3, 32, 32)
    assert pixels[1, 2, 31, 31] == data[-1]  # the last of the blue plane
    assert pixels[0, 0, 0, 1] == data[2]
    assert pixels[0, 1, 0, 0] == data[1 + 1_024]


def test_the_archive_in_any_order(tmp_path: Path):
    files = {name: records(number) for number, name in enumerate(FILES)}
    files = dict(reversed(files.items())) | {"readme.html": b"<html>", "batches.meta.txt": b"airplane\n"}
    (pixels, labels), (test_pixels, test_labels) = read_binary_archive(write_archive(tmp_path / "a.tar.gz", files))
    assert labels.tolist() == [number for number in range(5) for _ in range(3)]
    assert test_labels.tolist() == [5, 5, 5]
    assert (pixels.shape, test_pixels.shape) == ((15, 3, 32, 32), (3, 3, 32, 32))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"test_batch.bin": None}, "has no test_batch.bin. Delete it"),
        ({"data_batch_3.bin": records(1)[:-1]}, "data_batch_3.bin in .* holds 9,218 bytes, but whole records of 3,073"),
        ({"data_batch_3.bin": b""}, "holds 0 bytes"),
        ({"test_batch.bin": b"\x0a" + bytes(3_072)}, "test_batch.bin in .* holds the label 10, but 0 to 9"),
        ({"test_batch.bin": bytes(3_073 * 10_001)}, "declares 30,733,073 bytes, more than 10,000 records"),
    ],
)
def test_faults_are_named(tmp_path: Path, change: dict[str, bytes | None], expected: str):
    files = {name: records(1) for name in FILES} | change
    archive = write_archive(tmp_path / "a.tar.gz", {name: content for name, content in files.items() if content is not None})
    with pytest.raises(GyeboError, match=expected):
        read_binary_archive(archive)


def test_a_cut_archive_is_told(tmp_path: Path):
    archive = write_archive(tmp_path / "a.tar.gz", {name: records(1) for name in FILES})
    archive.write_bytes(archive.read_bytes()[:5_000])
    with pytest.raises(GyeboError, match=r"is not a tar.gz archive that can be read"):
        read_binary_archive(archive)
    archive.write_bytes(b"no archive")
    with pytest.raises(GyeboError, match=r"is not a tar.gz archive that can be read"):
        read_binary_archive(archive)
