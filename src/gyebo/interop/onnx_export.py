"""The folder that an export leaves: two graphs, what turns text into their tokens, and a list of it all with checksums.

encoder.onnx  step.onnx                              the model, see `gyebo.interop.onnx_graphs`
config.json  tokenizer-*.json  recipe.toml           the task: how text becomes tokens, and how outputs are searched
export.json                                          what each graph takes and gives, and the sha256 of every other file
README.md                                            how to use it, with gyebo and without

It is written under another name, read back, and compared with the model; only then does it get its own. A folder of this name is
whole, or not there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import gyebo
from gyebo.config import from_mapping, to_mapping
from gyebo.errors import GyeboError, UsageError, disk_errors
from gyebo.genealogy import architecture
from gyebo.interop.onnx_card import card_text
from gyebo.interop.onnx_check import check_graphs
from gyebo.interop.onnx_facts import ExportFacts, FileFacts, GraphFacts, SpecialTokens, graph_facts
from gyebo.interop.onnx_graphs import LONGEST_TRACED, require_packages, translator_graphs
from gyebo.interop.onnx_translator import OnnxTranslator, open_session
from gyebo.layers.limits import position_limit, source_limit
from gyebo.runs import Run, RunFolder, find_run
from gyebo.storage import sha256_of, sync_folder, write_json, write_text, write_whole

__all__ = ["Approve", "ExportResult", "export_onnx", "is_export", "load_export", "open_run"]

TASK = "translate"
FACTS, ENCODER, STEP = "export.json", "encoder.onnx", "step.onnx"
OWN_FILES = (FACTS, ENCODER, STEP, "config.json", "recipe.toml", "tokenizer*.json", "README.md")
"""what stands in a folder that an export has left"""
MAX_GRAPH_BYTES = 2**31 - 1  # a protocol buffer is not larger
MEND = "Export the run again, into another --output."

Approve: TypeAlias = Callable[[Run], None]
"""called with the exported run before its folder gets its name; raises to leave nothing"""


@dataclass(frozen=True)
class ExportResult:
    """What an export has left, and how far its graphs are from the model."""

    folder: Path
    largest_difference: float
    facts: ExportFacts


def export_onnx(run: Run, output: Path, approve: Approve = lambda exported: None) -> ExportResult:
    """Write a run as ONNX graphs into the folder `output`, once they are found to compute what its model does.

    An earlier export in that folder is replaced.
    Raises UsageError for a run of another task, a folder that holds other things, and where a package of the extra `export` is
    missing; GyeboError where the graphs differ from the model; DiskError where the disk refuses; and what `approve` raises. Whatever
    is raised, `output` is what it was before.
    """
    output = Path(os.path.abspath(output))  # noqa: PTH100 - Path.resolve would follow a link that the user has put there
    check_exportable(run, output)
    graphs = translator_graphs(run.model, {"architecture": run.architecture_name, "gyebo": gyebo.__version__})
    for name, graph in ((ENCODER, graphs.encoder), (STEP, graphs.step)):
        if len(graph) > MAX_GRAPH_BYTES:
            raise GyeboError(
                f"{name} would have {len(graph) / 2**30:.1f} GiB, and an ONNX file cannot be larger than 2. Nothing was written."
            )
    with disk_errors(output, "exporting to", "Nothing is left of this export."):
        output.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(output)
        temporary = output.with_name(f".exporting-{output.name}-{os.getpid()}")
        try:
            temporary.mkdir()
            _write(run, temporary, {ENCODER: graphs.encoder, STEP: graphs.step})
            exported = load_export(temporary)
            difference = check_graphs(run.model, exported.model, _vocabularies(run))
            approve(exported)
            _put_in_place(temporary, output)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return ExportResult(output, difference, read_facts(output))


def check_exportable(run: Run, output: Path) -> None:
    """Raise UsageError where a run cannot be exported into a folder, before any work is done."""
    if run.task_name != TASK:
        raise UsageError(
            f"The run {run.name} is of the task {run.task_name}, and only runs of the task {TASK} are exported to ONNX. `gyebo list runs`"
            " shows the task of each."
        )
    if is_export(run.folder.path):
        raise UsageError(f"{run.folder.path} is an export itself: name the run that it was made from.")
    require_packages()
    limit = source_limit(run.model)
    if limit is not None and limit.tokens < LONGEST_TRACED:
        raise UsageError(
            f"The run {run.name} reads at most {limit.tokens} tokens, but its graphs are traced with sources of {LONGEST_TRACED}. Train it"
            f" with {limit.option} {LONGEST_TRACED} or more."
        )
    if not output.exists():
        return
    if not output.is_dir():
        raise UsageError(f"{output} is a file, and a folder was expected. Give another --output.")
    with disk_errors(output, "reading"):
        foreign = sorted(path.name for path in output.iterdir() if not any(map(path.match, OWN_FILES)))
        begun = any(output.iterdir())
    if foreign or (begun and not is_export(output)):
        what = f"such as {foreign[0]!r}" if foreign else "and no export"
        raise UsageError(f"The folder {output} holds other files, {what}, which an export would replace. Give another --output.")


def _vocabularies(run: Run) -> tuple[int, int]:
    fields = run.task.model_fields()
    return fields["source_vocabulary"], fields["target_vocabulary"]


def _write(run: Run, folder: Path, graphs: dict[str, bytes]) -> None:
    """All files of an export; export.json last, because it says that the others are whole."""
    run.task.save(folder)
    for path in (run.folder.config, run.folder.recipe):
        if path.is_file():
            write_whole(folder / path.name, path.read_bytes())
    for name, graph in graphs.items():
        write_whole(folder / name, graph)
    encoder, step = (graph_facts(open_session(graphs[name])) for name in (ENCODER, STEP))
    write_text(folder / "README.md", card_text(run.name, architecture(run.architecture_name), encoder, step))
    facts = ExportFacts(
        format="onnx",
        gyebo=gyebo.__version__,
        architecture=run.architecture_name,
        max_tokens=position_limit(run.model),
        tokens=SpecialTokens(),
        encoder=encoder,
        step=step,
        files=tuple(FileFacts(name=path.name, sha256=sha256_of(path)) for path in sorted(folder.iterdir())),
    )
    write_json(folder / FACTS, to_mapping(facts))


def _put_in_place(temporary: Path, output: Path) -> None:
    """Give the finished folder its name, in place of an earlier export."""
    if output.is_dir():
        replaced = output.with_name(f".exporting-{output.name}-{os.getpid()}-replaced")
        output.rename(replaced)
        try:
            temporary.rename(output)
        except BaseException:
            replaced.rename(output)
            raise
        shutil.rmtree(replaced)
    else:
        temporary.rename(output)
    sync_folder(output.parent)


def _remove_leftovers(output: Path) -> None:
    """Remove what exports to the same place have left that were killed."""
    begin = f".exporting-{output.name}-"
    for path in output.parent.iterdir():
        number = path.name.removeprefix(begin).removesuffix("-replaced")
        if path.name.startswith(begin) and number.isdigit() and not _is_running(int(number)):
            shutil.rmtree(path)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        pass
    return process != os.getpid()


def is_export(folder: Path) -> bool:
    """Whether a folder is an export, or was one before files of it were lost."""
    return any((folder / name).is_file() for name in (FACTS, ENCODER, STEP))


def open_run(name: str, runs_dir: Path = Path("runs")) -> Run:
    """The run, or the export of one, of a path or of a name in the runs folder.

    Raises UsageError where there is none, and GyeboError where it is damaged.
    """
    for path in (Path(name), runs_dir / name):
        if is_export(path):
            return load_export(path)
    return Run(find_run(name, runs_dir))


def load_export(folder: Path) -> Run:
    """An exported folder as a run whose model ONNX Runtime computes: it predicts and evaluates as the run does that it came from.

    Raises UsageError where the folder is no export, or onnxruntime is not installed; GyeboError where a file is missing, damaged, or of
    another model.
    """
    facts = read_facts(folder)
    for file in facts.files:
        _check_file(folder / file.name, file, facts)
    encoder = _session(folder / ENCODER, facts.encoder, facts)
    step = _session(folder / STEP, facts.step, facts)
    run = Run(RunFolder(folder))
    run.model = OnnxTranslator(encoder, step, facts.max_tokens).eval()
    return run


def read_facts(folder: Path) -> ExportFacts:
    """export.json, typed.  Raises UsageError where the folder is no export, GyeboError where the file is damaged."""
    path = folder / FACTS
    if not is_export(folder):
        raise UsageError(f"{folder} is not an exported folder: it holds no {FACTS}. `gyebo export RUN --format onnx` writes one.")
    try:
        facts = from_mapping(ExportFacts, RunFolder(folder).read(path), str(path))
    except GyeboError as error:
        raise GyeboError(
            f"The export {folder} is damaged: {path} is missing or is not what an export writes ({error}) {MEND}"
        ) from error
    names = [file.name for file in facts.files]
    if {ENCODER, STEP, "config.json"} - {*names} or any(Path(name).name != name for name in names):
        raise GyeboError(f"The export {folder} is damaged: {path} does not list the files of an export. {MEND}")
    return facts


def _check_file(path: Path, expected: FileFacts, facts: ExportFacts) -> None:
    if not path.is_file():
        raise GyeboError(f"The export {path.parent} is not whole: {path.name} is missing. {MEND}")
    with disk_errors(path, "reading"):
        found = sha256_of(path)
    if found != expected.sha256:
        other = _architecture_of(path) if path.suffix == ".onnx" else ""
        what = (
            f"it is of the architecture {other!r}"
            if other not in ("", facts.architecture)
            else "it is damaged, or of another model"
        )
        raise GyeboError(
            f"{path} is not the file that was exported with the architecture {facts.architecture!r}: {what}. (Its sha256 is"
            f" {found[:16]}..., and {FACTS} has {expected.sha256[:16]}...) {MEND}"
        )


def _session(path: Path, expected: GraphFacts, facts: ExportFacts) -> Any:
    """An open graph, whose architecture, inputs and outputs are found to be those that export.json states."""
    session = open_session(str(path))
    found = session.get_modelmeta().custom_metadata_map.get("architecture", "")
    if found != facts.architecture:
        raise GyeboError(f"{path} is of the architecture {found!r}, but {FACTS} beside it is of {facts.architecture!r}. {MEND}")
    own = graph_facts(session)
    if own != expected:
        given, stated = ({item.name for item in (*graph.inputs, *graph.outputs)} for graph in (own, expected))
        odd = sorted(given ^ stated) or ["a shape"]
        raise GyeboError(
            f"The inputs and outputs of {path} are not those that {FACTS} states ({odd[0]} differs), so one of them is of another model."
            f" {MEND}"
        )
    return session


def _architecture_of(path: Path) -> str:
    """The architecture that a graph's file names; empty where it is no graph, or names none."""
    try:
        return open_session(str(path)).get_modelmeta().custom_metadata_map.get("architecture", "")
    except GyeboError:
        return ""
