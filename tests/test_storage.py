"""Files are written whole or not at all, whatever strikes in between."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gyebo.errors import DiskError
from gyebo.storage import remove_leftovers, sha256_of, write_json, write_text, write_whole


class Struck(BaseException):
    """Stands for a kill: nothing but cleaning up may catch it."""


def strike(*arguments: Any) -> None:
    raise Struck


def refuse(*arguments: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize(("fault", "raised"), [(strike, Struck), (refuse, DiskError)])
def test_the_old_file_survives(tmp_path, monkeypatch, call, fault, raised):
    path = tmp_path / "model.bin"
    write_whole(path, b"old")
    monkeypatch.setattr(os, call, fault)
    with pytest.raises(raised):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]


def test_full_disk_message(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(DiskError) as caught:
        write_whole(tmp_path / "x", b"", kept="The weights of before are untouched.")
    assert str(caught.value) == (
        f"While writing {tmp_path / 'x'}, the disk is full: free some space or choose another place."
        " The weights of before are untouched."
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_is_really_full(tmp_path):
    """The temporary name leads to /dev/full, on which every write fails as on a full disk."""
    temporary = tmp_path / f".x.{os.getpid()}.tmp"
    temporary.symlink_to("/dev/full")
    with pytest.raises(DiskError, match="the disk is full"):
        write_whole(tmp_path / "x", b"data")
    assert [path.name for path in tmp_path.iterdir()] == []


def test_folders_are_made_and_synced_after_the_rename(tmp_path, monkeypatch):
    happened = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: (happened.append(str(Path(f"/proc/self/fd/{descriptor}").readlink())), fsync(descriptor))
    )
    monkeypatch.setattr(os, "replace", lambda *names: (happened.append("rename"), replace(*names)))
    write_whole(tmp_path / "a" / "b" / "x", b"data")
    folder = str(tmp_path / "a" / "b")
    assert happened == [f"{folder}/.x.{os.getpid()}.tmp", "rename", folder]


def test_leftovers_of_a_killed_writer_go(tmp_path):
    (tmp_path / ".model.safetensors.4242.tmp").write_bytes(b"half")
    (tmp_path / "kept.tmp").write_bytes(b"the user's")
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.tmp"]


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"]))))
def test_json_is_read_back(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("json") / "x.json"
    write_json(path, value)
    text = path.read_bytes().decode()
    assert json.loads(text) == value
    assert text.endswith("\n")


def test_text_and_sum(tmp_path):
    write_text(tmp_path / "x", "가나\r\n다")
    assert (tmp_path / "x").read_bytes() == "가나\r\n다".encode()
    assert sha256_of(tmp_path / "x") == hashlib.sha256("가나\r\n다".encode()).hexdigest()
