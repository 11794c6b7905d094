"""What the tests of exports share: an untrained run, and tiny translators beside their graphs, exported once a session."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import nn

from gyebo.config import from_mapping
from gyebo.data.pairs import Pairs
from gyebo.data.vocabulary import Vocabulary, VocabularyConfig
from gyebo.genealogy import architecture
from gyebo.interop.onnx_graphs import Graphs, translator_graphs
from gyebo.interop.onnx_translator import OnnxTranslator, open_session
from gyebo.layers.limits import position_limit
from gyebo.runs import Run, RunFolder
from gyebo.runs.run import save_config, save_weights
from gyebo.tasks.translate import Translate, TranslateConfig

PAIRS = Pairs(("le 3 mars", "le 4 mai"), ("2009-03-03", "1678-05-04"))
NAME = "bahdanau"


def small_run(path: Path, model: nn.Module | None = None) -> Run:
    """A run of an untrained translator that aligns: of `tiny_model`, or of another model of its size."""
    entry, folder = architecture(NAME), RunFolder(path)
    sizes = (entry.tiny["source_vocabulary"], entry.tiny["target_vocabulary"])
    units = [VocabularyConfig(unit="character", min_count=1, size=size) for size in sizes]
    sides = [Vocabulary.train(texts, unit) for texts, unit in zip((PAIRS.source, PAIRS.target), units, strict=True)]
    assert tuple(map(len, sides)) == sizes
    task = Translate(TranslateConfig(source=units[0], target=units[1]), *sides)
    task.save(path)
    save_config(folder, task, "translate", NAME, entry.config(**entry.tiny), {"fingerprint": "x"})
    save_weights(model or tiny_model(NAME), folder, NAME, 7)
    return Run(folder)


def new_model(name: str, seed: int) -> nn.Module:
    entry = architecture(name)
    torch.manual_seed(seed)
    return entry.model(from_mapping(entry.config, entry.tiny, "the tiny config")).eval()


@cache
def tiny_model(name: str) -> nn.Module:
    return new_model(name, 0)


@cache
def tiny_graphs(name: str) -> Graphs:
    return translator_graphs(tiny_model(name), {"architecture": name})


@cache
def tiny_exported(name: str) -> OnnxTranslator:
    graphs = tiny_graphs(name)
    return OnnxTranslator(open_session(graphs.encoder), open_session(graphs.step), position_limit(tiny_model(name)))
