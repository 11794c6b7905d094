"""Exported folders: whole or not there, read back as the run they came from, and refused with a paragraph when anything is wrong."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import onnx
import pytest
import torch
from small_exports import NAME, new_model, small_run, tiny_graphs
from torch import nn

from gyebo.errors import DiskError, GyeboError, UsageError
from gyebo.interop import export_onnx, load_export, onnx_export, open_run
from gyebo.interop.onnx_graphs import Graphs
from gyebo.layers.limits import Limit
from gyebo.runs import Run
from gyebo.storage import sha256_of

FILES = {
    *("encoder.onnx", "step.onnx", "export.json", "config.json", "README.md"),
    *("tokenizer-source.json", "tokenizer-target.json"),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return small_run(tmp_path_factory.mktemp("runs") / "dates")


def graphs_that_are_there(model: nn.Module, metadata: Mapping[str, str]) -> Graphs:
    return tiny_graphs(metadata["architecture"])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports that take the graphs which are there already: tracing takes seconds, and is tested by itself."""
    monkeypatch.setattr(onnx_export, "translator_graphs", graphs_that_are_there)


@pytest.fixture(scope="module")
def whole(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_export, "translator_graphs", graphs_that_are_there)
        return export_onnx(run, tmp_path_factory.mktemp("exports") / "dates").folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "dates"))


def change_facts(folder: Path, **change: object) -> None:
    path = folder / "export.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


def state_sums_of_what_is_there(folder: Path) -> None:
    """What somebody would do who puts another file in place and mends the checksums."""
    files = json.loads((folder / "export.json").read_text())["files"]
    change_facts(folder, files=[{"name": each["name"], "sha256": sha256_of(folder / each["name"])} for each in files])


# What is written


def test_a_folder_is_all_that_using_it_needs(whole: Path, run: Run):
    assert {path.name for path in whole.iterdir()} == FILES
    facts = json.loads((whole / "export.json").read_text())
    assert (facts["architecture"], facts["tokens"]["begin"], facts["max_tokens"]) == ("bahdanau", 2, None)
    assert {each["name"] for each in facts["files"]} == FILES - {"export.json"}
    assert all(each["sha256"] == sha256_of(whole / each["name"]) for each in facts["files"])
    texts = ["le 3 mars", "le 4 mai"]
    own, theirs = (each.predict(texts) for each in (load_export(whole), run))
    assert [each.output for each in own] == [each.output for each in theirs]
    assert [each.score for each in own] == pytest.approx([each.score for each in theirs], abs=1e-4)


def test_the_loop_of_the_card_runs_as_it_stands(whole: Path, tmp_path: Path):
    text = (whole / "README.md").read_text()
    code = text.partition("```python\n")[2].partition("```")[0]
    done = subprocess.run([sys.executable, "-c", f"{code}\nprint(written)"], cwd=whole, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    written = json.loads(done.stdout)
    assert 1 <= len(written) <= 100
    assert all(isinstance(token, int) for token in written)


@pytest.mark.usefixtures("quick")
def test_an_earlier_export_is_replaced(run: Run, folder: Path):
    (folder / "step.onnx").write_bytes(b"damaged")
    export_onnx(run, folder)
    assert load_export(folder).predict(["le 3 mars"])
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


# Nothing half-written


def refused(
    run: Run, output: Path, error: type[BaseException], message: str, approve: Callable[[Run], None] = lambda run: None
) -> None:
    before = sorted(output.parent.iterdir())
    with pytest.raises(error, match=message):
        export_onnx(run, output, approve)
    assert sorted(output.parent.iterdir()) == before


@pytest.mark.usefixtures("quick")
def test_graphs_that_are_not_the_model_leave_nothing(tmp_path: Path):
    other = small_run(tmp_path / "runs" / "other", new_model(NAME, seed=1))
    (tmp_path / "exports").mkdir()
    refused(other, tmp_path / "exports" / "other", GyeboError, "do not compute what the model does")


@pytest.mark.usefixtures("quick")
def test_what_is_not_approved_leaves_nothing(run: Run, tmp_path: Path, folder: Path):
    def refuse(exported: Run) -> None:
        assert exported.predict(["le 3 mars"])
        raise GyeboError("not good enough")

    refused(run, tmp_path / "new", GyeboError, "not good enough", refuse)
    stamp = sha256_of(folder / "export.json")
    refused(run, folder, GyeboError, "not good enough", refuse)
    assert sha256_of(folder / "export.json") == stamp


@pytest.mark.usefixtures("quick")
def test_an_interrupt_leaves_nothing(run: Run, tmp_path: Path):
    def interrupt(exported: Run) -> None:
        raise KeyboardInterrupt("stopped by the user")

    refused(run, tmp_path / "new", KeyboardInterrupt, "stopped by the user", interrupt)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("number", range(5))
def test_a_full_disk_leaves_nothing(run: Run, tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch):
    synced = 0

    def fsync(descriptor: int) -> None:
        nonlocal synced
        synced += 1
        if synced > 2 * number:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    refused(run, tmp_path / "new", DiskError, "the disk is full: free some space")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """A forked process has none of its parent's other threads: what computes in it must not count on them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("quick", "one_thread")
def test_a_killed_export_leaves_nothing_that_has_the_name_and_does_not_block(run: Run, tmp_path: Path):
    output = tmp_path / "new"
    process = os.fork()
    if process == 0:
        export_onnx(run, output, lambda exported: os.kill(os.getpid(), signal.SIGKILL))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL
    assert not output.exists()
    assert [path.name for path in tmp_path.iterdir()] == [f".exporting-new-{process}"]
    export_onnx(run, output)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.usefixtures("quick")
def test_other_things_in_the_folder_are_left_alone(run: Run, tmp_path: Path):
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter1.tex").write_text("important")
    refused(run, folder, UsageError, r"holds other files, such as 'chapter1\.tex'")
    assert (folder / "chapter1.tex").read_text() == "important"
    file = tmp_path / "file"
    file.write_text("important")
    refused(run, file, UsageError, "is a file, and a folder was expected")


@pytest.mark.usefixtures("quick")
def test_a_model_that_reads_too_little_to_be_traced_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(onnx_export, "source_limit", lambda model: Limit(8, "--model.max-positions"))
    with pytest.raises(UsageError, match=r"reads at most 8 tokens, .* Train it with --model\.max-positions 11 or more\."):
        export_onnx(run, tmp_path / "onnx")
    assert not any(tmp_path.iterdir())


def test_a_model_that_the_exporter_cannot_take_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fails(*arguments: object, **options: object) -> None:
        raise RuntimeError("Constraints violated\nand more")

    monkeypatch.setattr(torch.onnx, "export", fails)
    with pytest.raises(
        GyeboError, match=r"cannot turn this model into an ONNX graph \(Constraints violated\)\. Nothing was written"
    ):
        export_onnx(run, tmp_path / "onnx")
    assert not any(tmp_path.iterdir())


def test_a_run_is_not_exported_over_itself(tmp_path: Path):
    run = small_run(tmp_path / "dates")
    refused(run, run.folder.path, UsageError, "holds other files")


def test_an_export_is_not_exported(folder: Path, tmp_path: Path):
    refused(load_export(folder), tmp_path / "again", UsageError, "is an export itself")


def test_a_run_of_another_task_is_told(tmp_path: Path, run: Run):
    class Language:
        task_name, name = "language", "lm"

    refused(Language(), tmp_path / "new", UsageError, "The run lm is of the task language, and only runs of the task translate")  # type: ignore[arg-type]


@pytest.mark.usefixtures("quick")
def test_a_graph_beyond_two_gib_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(onnx_export, "MAX_GRAPH_BYTES", 100)
    refused(run, tmp_path / "new", GyeboError, "cannot be larger than 2")


# What is read


def told(folder: Path, error: type[GyeboError] = GyeboError) -> str:
    with pytest.raises(error) as caught:
        load_export(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_that_is_no_export(tmp_path: Path):
    assert "is not an exported folder: it holds no export.json" in told(tmp_path, UsageError)
    assert "is not an exported folder" in told(tmp_path / "nowhere", UsageError)


@pytest.mark.parametrize("name", sorted(FILES - {"export.json"}))
def test_a_missing_file_is_named(folder: Path, name: str):
    (folder / name).unlink()
    assert f"is not whole: {name} is missing. Export the run again" in told(folder)


@pytest.mark.parametrize("name", sorted(FILES - {"export.json"}))
def test_a_damaged_file_is_named(folder: Path, name: str):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    message = told(folder)
    assert f"{name} is not the file that was exported" in message
    assert "it is damaged, or of another model" in message


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": "onnx"}', b"\xff", b'{"format": "pickle"}'])
def test_a_damaged_list_is_told(folder: Path, content: bytes):
    (folder / "export.json").write_bytes(content)
    assert "is damaged:" in told(folder)


def test_a_missing_list_is_told(folder: Path):
    (folder / "export.json").unlink()
    assert "export.json is missing or is not what an export writes" in told(folder)


@pytest.mark.parametrize("files", [[], [{"name": "../x", "sha256": ""}]], ids=["none", "elsewhere"])
def test_a_list_of_other_files_is_told(folder: Path, files: list[dict[str, str]]):
    kept = json.loads((folder / "export.json").read_text())["files"] if files else []
    change_facts(folder, files=[*kept, *files])
    assert "does not list the files of an export" in told(folder)


def of_another_architecture(path: Path) -> None:
    graph = onnx.load(path)
    for item in graph.metadata_props:
        if item.key == "architecture":
            item.value = "seq2seq"
    onnx.save(graph, path)


def test_a_graph_of_another_architecture_is_told(folder: Path):
    of_another_architecture(folder / "step.onnx")
    message = told(folder)
    assert "step.onnx is not the file that was exported with the architecture 'bahdanau'" in message
    assert "it is of the architecture 'seq2seq'" in message
    state_sums_of_what_is_there(folder)
    assert "step.onnx is of the architecture 'seq2seq', but export.json beside it is of 'bahdanau'" in told(folder)


def test_a_graph_of_another_model_is_told(folder: Path):
    shutil.copy(folder / "encoder.onnx", folder / "step.onnx")
    state_sums_of_what_is_there(folder)
    message = told(folder)
    assert "The inputs and outputs of" in message
    assert "so one of them is of another model" in message


def test_what_is_no_graph_is_told(folder: Path):
    (folder / "encoder.onnx").write_bytes(b"no graph")
    state_sums_of_what_is_there(folder)
    assert "encoder.onnx is not an ONNX graph" in told(folder)


def test_a_run_or_an_export_is_opened_by_its_name(run: Run, folder: Path):
    assert open_run(str(folder)).predict(["le 3 mars"])[0].output == run.predict(["le 3 mars"])[0].output
    assert open_run(folder.name, folder.parent).model is not run.model
    assert open_run(str(run.folder.path)).folder == run.folder
    (folder / "config.json").unlink()
    with pytest.raises(GyeboError, match=r"config\.json is missing"):
        open_run(str(folder))
    with pytest.raises(UsageError, match="There is no run 'nothing'"):
        open_run("nothing", folder.parent / "empty")
