"""Fetching files: from servers on this machine with and without ranges, that break off, lie and fail."""

import contextlib
import dataclasses
import errno
import gzip
import hashlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import FileIO
from pathlib import Path

import pytest

from gyebo.data import download
from gyebo.data.dataset import DataFile
from gyebo.data.download import data_folder, fetch
from gyebo.errors import DiskError, GyeboError

CONTENT = bytes(range(256)) * 1000


class Server:
    """An HTTP server of one content, with the faults that a test switches on; it keeps the ranges asked for."""

    def __init__(self) -> None:
        self.content = CONTENT
        self.knows_ranges = True
        self.announces_length = True
        self.stops_after: int | None = None  # bytes of a body, then the connection closes
        self.status = 200
        self.ranges: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = False  # so that closing waits for the answers under way
        self.url = f"http://127.0.0.1:{self.http.server_port}/file.bin"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.knows_ranges else 0
        if self.status != 200 or start >= len(self.content):
            request.send_error(self.status if self.status != 200 else 416)
            return
        body = self.content[start:]
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        if self.announces_length:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client has seen enough
            request.wfile.write(body[: self.stops_after])

    def file(self, content: bytes = CONTENT, mirror: str = "") -> DataFile:
        sha256 = hashlib.sha256(content).hexdigest()
        return DataFile(path="set/file.bin", url=self.url, sha256=sha256, size=len(content), mirror=mirror, note="Know this.")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_file_is_downloaded_once_with_progress(server: Server, tmp_path: Path):
    progress: list[tuple[int, int]] = []
    path = fetch(server.file(), tmp_path / "data", lambda done, total: progress.append((done, total)))
    assert path == tmp_path / "data/set/file.bin"
    assert path.read_bytes() == CONTENT
    assert progress[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in progress] == sorted(done for done, _ in progress)
    assert files_in(tmp_path) == ["data/set/file.bin"]
    assert fetch(server.file(), tmp_path / "data") == path
    assert server.ranges == [None]


def test_a_truncated_transfer_is_resumed(server: Server, tmp_path: Path):
    server.stops_after = 100_000
    with pytest.raises(GyeboError, match=r"the transfer .* 100,000 bytes are kept: the same command goes on"):
        fetch(server.file(), tmp_path)
    assert files_in(tmp_path) == ["set/file.bin.part"]
    server.stops_after = None
    progress: list[int] = []
    fetch(server.file(), tmp_path, lambda done, total: progress.append(done))
    assert (tmp_path / "set/file.bin").read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-"]
    assert progress[0] > 100_000
    assert files_in(tmp_path) == ["set/file.bin"]


def test_a_server_without_ranges_starts_anew(server: Server, tmp_path: Path):
    server.stops_after, server.knows_ranges = 100_000, False
    with pytest.raises(GyeboError):
        fetch(server.file(), tmp_path)
    server.stops_after = None
    assert fetch(server.file(), tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-"]


def test_a_part_longer_than_the_file_on_the_server_starts_anew(server: Server, tmp_path: Path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set/file.bin.part").write_bytes(bytes(len(CONTENT) - 1))
    server.content = CONTENT[:1000]
    with pytest.raises(GyeboError, match=r"it is another file, of 1,000 bytes instead of 256,000"):
        fetch(server.file(), tmp_path)
    assert server.ranges == ["bytes=255999-", None]


@pytest.mark.parametrize("length", [10, len(CONTENT)])
def test_a_wrong_part_never_becomes_the_file(server: Server, tmp_path: Path, length: int):
    (tmp_path / "set").mkdir()
    (tmp_path / "set/file.bin.part").write_bytes(b"x" * length)
    with pytest.raises(GyeboError, match="was removed"):
        fetch(server.file(), tmp_path)
    assert files_in(tmp_path) == []
    assert fetch(server.file(), tmp_path).read_bytes() == CONTENT


def test_a_part_that_is_too_long_starts_anew(server: Server, tmp_path: Path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set/file.bin.part").write_bytes(CONTENT + b"more")
    assert fetch(server.file(), tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None]


def test_a_download_with_a_wrong_sha256_is_removed(server: Server, tmp_path: Path):
    server.content = bytes(len(CONTENT))
    found, expected = (hashlib.sha256(content).hexdigest() for content in (server.content, CONTENT))
    with pytest.raises(GyeboError) as caught:
        fetch(server.file(), tmp_path)
    place = str(tmp_path / "set/file.bin")
    for words in (f"sha256 {found} and was removed", expected, "Know this.", place, server.url):
        assert words in str(caught.value)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("announces_length", [True, False])
def test_never_more_bytes_than_registered(server: Server, tmp_path: Path, announces_length: bool):
    server.content, server.announces_length = CONTENT * 100, announces_length
    with pytest.raises(GyeboError, match="it is another file"):
        fetch(server.file(), tmp_path)
    assert files_in(tmp_path) == []


def test_the_mirror_serves_what_the_official_address_no_longer_does(server: Server, tmp_path: Path):
    official = Server()
    official.content = b"a newer version"
    thread = threading.Thread(target=official.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    path = fetch(official.file(mirror=server.url), tmp_path)
    official.http.shutdown()
    official.http.server_close()
    thread.join()
    assert path.read_bytes() == CONTENT
    assert (official.ranges, server.ranges) == ([None], [None])


def test_a_refusing_server_is_named(server: Server, tmp_path: Path):
    server.status = 404
    with pytest.raises(GyeboError, match=r"set/file.bin could not be downloaded \(http://.*: the server answers 404"):
        fetch(server.file(), tmp_path)
    assert files_in(tmp_path) == []


def test_without_network_the_error_says_which_file_belongs_where(tmp_path: Path):
    file = DataFile(path="set/file.bin", url="http://127.0.0.1:9/file.bin", sha256="ab" * 32, size=1234)
    with pytest.raises(GyeboError) as caught:
        fetch(file, tmp_path)
    message = str(caught.value)
    for words in ("no answer", str(tmp_path / "set/file.bin"), file.url, file.sha256, "1,234 bytes", "GYEBO_DATA"):
        assert words in message
    assert "\n" not in message
    assert files_in(tmp_path) == []


def test_a_silent_server_is_given_up(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 0.2)
    answering = threading.Event()
    monkeypatch.setattr(server, "answer", lambda request: answering.wait(10))
    with pytest.raises(GyeboError, match=r"no answer: .*timed out"):
        fetch(server.file(), tmp_path)
    answering.set()


def test_a_wrong_file_that_was_there_is_named_and_kept(server: Server, tmp_path: Path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set/file.bin").write_bytes(b"mine")
    with pytest.raises(GyeboError) as caught:
        fetch(server.file(), tmp_path)
    message = str(caught.value)
    for words in (
        f"{tmp_path / 'set/file.bin'} is not the file that was expected",
        hashlib.sha256(b"mine").hexdigest(),
        hashlib.sha256(CONTENT).hexdigest(),
        "Know this.",
        "Restore the right file, or delete this one",
    ):
        assert words in message
    assert (tmp_path / "set/file.bin").read_bytes() == b"mine"
    assert server.ranges == []


def test_another_packing_of_the_same_content_serves_where_it_was_there(server: Server, tmp_path: Path):
    official, other = gzip.compress(CONTENT, 9, mtime=0), gzip.compress(CONTENT, 1, mtime=0)
    file = dataclasses.replace(server.file(official), path="set/file.gz", unpacked_sha256=hashlib.sha256(CONTENT).hexdigest())
    path = tmp_path / file.path
    path.parent.mkdir()
    for content in (official, other):
        path.write_bytes(content)
        assert fetch(file, tmp_path) == path
    for content in (gzip.compress(CONTENT + b"x"), other[:-9], b"no gzip"):
        path.write_bytes(content)
        with pytest.raises(GyeboError, match="is not the file that was expected"):
            fetch(file, tmp_path)
    assert server.ranges == []
    path.unlink()
    server.content = other
    with pytest.raises(GyeboError, match="it is another file"):  # what is downloaded must be the official bytes
        fetch(file, tmp_path)


def test_a_file_that_no_address_serves_is_told_with_its_note(server: Server, tmp_path: Path):
    file = dataclasses.replace(server.file(), url="")
    with pytest.raises(
        GyeboError, match=r"There is no file .*set/file.bin, and no address serves it. Know this. With the file at hand"
    ):
        fetch(file, tmp_path)
    assert files_in(tmp_path) == []
    (tmp_path / "set").mkdir()
    (tmp_path / "set/file.bin").write_bytes(b"another")
    with pytest.raises(GyeboError, match=r"Restore the right file\.$"):
        fetch(file, tmp_path)


def test_a_file_in_the_way_of_the_folder_is_a_disk_error(server: Server, tmp_path: Path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(DiskError, match=r"making the folder .*data/set"):
        fetch(server.file(), tmp_path / "data")


def test_no_permission_is_a_disk_error(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*arguments: object, **options: object):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(DiskError, match="permission is refused"):
        fetch(server.file(), tmp_path / "data")


def test_a_full_disk_is_a_disk_error_and_keeps_what_is_there(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fill(opened: FileIO, chunk: bytes):
        if opened.tell() >= 100_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        opened.write(chunk)

    with monkeypatch.context() as patched:
        patched.setattr(download, "_write_all", fill)
        with pytest.raises(DiskError, match=r"the disk is full.* What was downloaded so far is kept"):
            fetch(server.file(), tmp_path)
    assert files_in(tmp_path) == ["set/file.bin.part"]
    assert fetch(server.file(), tmp_path).read_bytes() == CONTENT
    assert server.ranges[1] is not None


def test_a_refused_rename_leaves_no_file(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(self: Path, target: Path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", refuse)
        with pytest.raises(DiskError, match=r"storing the download as .*file.bin, permission is refused"):
            fetch(server.file(), tmp_path)
    assert not (tmp_path / "set/file.bin").exists()
    assert fetch(server.file(), tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None]  # the .part file was whole


def test_many_at_once_download_once(server: Server, tmp_path: Path):
    def read_into(results: list[bytes], folder: Path) -> None:
        results.append(fetch(server.file(), folder).read_bytes())

    for repetition in range(20):  # the order in which the lock is passed on differs
        folder, results = tmp_path / str(repetition), []
        threads = [threading.Thread(target=read_into, args=(results, folder), daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        assert results == [CONTENT] * 8
        assert files_in(folder) == ["set/file.bin"]
        assert len(server.ranges) == repetition + 1


def test_the_data_folder(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("GYEBO_DATA", "/from/environment")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert data_folder(Path("/given")) == Path("/given")
    assert data_folder(Path("~/data")) == Path("/home/someone/data")
    assert data_folder() == Path("/from/environment")
    monkeypatch.delenv("GYEBO_DATA")
    assert data_folder() == Path("/cache/gyebo/data")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert data_folder() == Path("/home/someone/.cache/gyebo/data")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data_folder() == Path("/home/someone/.cache/gyebo/data")
