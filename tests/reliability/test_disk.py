"""A disk that is full, or a place where nothing may be written: exit code 3, one paragraph, and nothing half-written."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_runs import ENVIRONMENT, assert_equal, command, one_paragraph, train, train_to_end

from gyebo.errors import DiskError
from gyebo.runs import RunFolder
from gyebo.training.checkpoints import checkpoint_folders


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of one and a half megabytes, mounted for the test."""
    folder = Path(tempfile.mkdtemp(prefix="gyebo-small-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        folder.rmdir()
        pytest.skip("mounting a small file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def test_full_disk_while_saving(reference, small_disk):
    run = small_disk / "run"
    filler = small_disk / "filler"
    assert train(reference.recipe, run, "--kill-while-writing", 3).returncode != 0
    before = [path.name for path in checkpoint_folders(run / "training")]
    assert before == ["step-000005", "step-000010"]
    shutil.rmtree(next(path for path in (run / "training").iterdir() if path.name.startswith(".writing")))
    with filler.open("wb") as file:
        free = shutil.disk_usage(small_disk).free
        file.write(bytes(free - 40_000))
    full = train(reference.recipe, run)
    assert full.returncode == 3, full.stderr
    message = one_paragraph(full.stderr)
    assert "the disk is full: free some space or choose another place" in message
    assert "untouched" in message
    assert [path.name for path in checkpoint_folders(run / "training")] == before
    assert sorted(path.name for path in (run / "training").iterdir()) == before, "nothing half-written stays"
    filler.unlink()
    # the report does not fit on the small disk: the run goes on elsewhere
    elsewhere = reference.folder.parent / "from-the-small-disk"
    shutil.copytree(run, elsewhere)
    train_to_end(reference.recipe, elsewhere)
    assert_equal(elsewhere, reference.state)


def test_no_byte_free_from_the_start(reference, small_disk):
    (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free))
    full = train(reference.recipe, small_disk / "run")
    assert full.returncode == 3, full.stderr
    assert "the disk is full" in one_paragraph(full.stderr)


def test_a_file_stands_where_the_runs_folder_should_be(reference, tmp_path):
    (tmp_path / "runs").write_text("not a folder")
    refused = train(reference.recipe, tmp_path / "runs" / "dates")
    assert refused.returncode == 3, refused.stderr
    assert f"While opening the folder {tmp_path / 'runs' / 'dates'}, the system says" in one_paragraph(refused.stderr)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a proc file system")
def test_a_file_system_that_takes_no_folders(reference):
    refused = train(reference.recipe, Path("/proc/gyebo-runs/dates"))
    assert refused.returncode == 3, refused.stderr
    assert "/proc/gyebo-runs/dates" in one_paragraph(refused.stderr)


def test_permission_refused(tmp_path, monkeypatch):
    """Root may write everywhere, so the refusal itself is made up; what is done with it is real."""

    def refuse(self: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with (
        pytest.raises(DiskError, match="permission is refused: change the permissions or choose another place"),
        RunFolder(tmp_path / "x").lock(),
    ):
        raise AssertionError("the folder was opened")


def test_a_limit_on_the_size_of_files(reference, tmp_path):
    """EFBIG instead of ENOSPC: an error that has no sentence of its own still is one paragraph."""
    done = subprocess.run(
        command(reference.recipe, tmp_path / "run"),
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)),
    )
    assert done.returncode == 3, done.stderr
    assert "the system says 'File too large'" in one_paragraph(done.stderr)
    assert not list((tmp_path / "run").rglob(".*.tmp"))
