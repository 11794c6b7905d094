"""metrics.jsonl: appended, cut back to a checkpoint, and read with care."""

from __future__ import annotations

import errno

import pytest

from gyebo.errors import DiskError, GyeboError
from gyebo.training.metrics import MetricsFile, read_metrics


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


def test_append_and_cut_back(path):
    file = MetricsFile(path, 0)
    file.append({"step": 1, "text": "가"})
    size = file.sync()
    file.append({"step": 2})
    file.close()
    assert read_metrics(path) == [{"step": 1, "text": "가"}, {"step": 2}]
    file = MetricsFile(path, size)
    file.append({"step": 3})
    assert file.sync() == path.stat().st_size
    file.close()
    assert [record["step"] for record in read_metrics(path)] == [1, 3]


def test_missing_bytes_are_refused(path):
    path.write_text('{"step": 1}\n')
    with pytest.raises(GyeboError, match=r"has 12 bytes, but the checkpoint was written after 2,000: records are missing"):
        MetricsFile(path, 2000)
    assert path.read_text() == '{"step": 1}\n'


def test_no_file_and_a_line_cut_off(path):
    assert read_metrics(path) == []
    path.write_text('{"step": 1}\n{"step": 2')
    assert read_metrics(path) == [{"step": 1}]


@pytest.mark.parametrize("line", ["{", "5", "[]", "\0", "[" * 100_000])
def test_a_broken_line_is_named(path, line):
    path.write_text('{"step": 1}\n' + line + "\n")
    with pytest.raises(GyeboError, match=r"metrics\.jsonl, line 2, is not a JSON record"):
        read_metrics(path)


def test_no_folder(tmp_path):
    with pytest.raises(DiskError, match="While opening"):
        MetricsFile(tmp_path / "no" / "metrics.jsonl", 0)


def test_full_disk(path):
    file = MetricsFile(path, 0)
    raw = file._file

    class Full:
        """A file on a full disk: what was buffered fails again when it is closed."""

        def write(self, data):
            return len(data)

        def flush(self):
            raise OSError(errno.ENOSPC, "No space left on device")

        close = flush

    file._file = Full()
    with pytest.raises(DiskError, match=r"the disk is full.*The last checkpoint is untouched"):
        file.append({"step": 1})
    file.close()
    raw.close()
