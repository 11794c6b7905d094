"""gyebo's own training, `Trainer.run`, taking turns."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from turns import Turns

import gyebo
from gyebo.data.batching import Rows
from gyebo.data.parallel import open_parallel
from gyebo.models.attention.bahdanau import Bahdanau, BahdanauConfig
from gyebo.models.attention.transformer import Transformer, TransformerConfig
from gyebo.tasks.interface import Interrupt, Split
from gyebo.tasks.translate import Translate, TranslationProblem
from gyebo.training.config import BatchConfig, EvaluationConfig, OptimizerConfig, TrainingConfig
from gyebo.training.loop import Trainer

NEVER = 10**9


def build(settings: dict[str, Any], source_vocabulary: int, target_vocabulary: int) -> nn.Module:
    """The model of the architecture that the settings name, in their sizes."""
    width, dropout = settings["width"], settings["dropout"]
    if settings["architecture"] == "transformer":
        return Transformer(
            TransformerConfig(
                source_vocabulary=source_vocabulary,
                target_vocabulary=target_vocabulary,
                tied="target",
                width=width,
                num_heads=4,
                num_layers=3,
                feed_forward_width=4 * width,
                dropout=dropout,
            )
        )
    return Bahdanau(
        BahdanauConfig(
            source_vocabulary=source_vocabulary,
            target_vocabulary=target_vocabulary,
            embedding_width=settings["embedding_width"],
            width=width,
            alignment_width=width,
            readout_width=width,
            dropout=dropout,
        )
    )


class TurnTaker:
    """The problem, waiting for its turn before each update; everything else is its own."""

    def __init__(self, problem: TranslationProblem, turns: Turns) -> None:
        self.problem, self.turns = problem, turns
        self.training: Split = problem.training
        self.validation: Split = problem.validation
        self.notes = problem.notes

    def check(self, model: nn.Module) -> None:
        self.problem.check(model)

    def loss(self, model: nn.Module, rows: Rows, device: str) -> Tensor:
        self.turns.before_update(self.training.num_tokens(rows))
        return self.problem.loss(model, rows, device)

    def validate(self, model: nn.Module, device: str, interrupt: Interrupt) -> dict[str, float]:
        return self.problem.validate(model, device, interrupt)

    def higher_is_better(self, metric: str) -> bool:
        return self.problem.higher_is_better(metric)


def main() -> None:
    settings = json.loads(sys.argv[1])
    torch.set_num_threads(settings["threads"])
    folder = Path(settings["folder"])
    task = Translate.load(json.loads((folder / "translate.json").read_text(encoding="utf-8")), folder)
    data = open_parallel(("multi30k",), task.config.pairs)
    begin = time.perf_counter()
    problem = task.problem(data)
    encoding_seconds = time.perf_counter() - begin
    torch.manual_seed(1)
    model = build(settings, len(task.source), len(task.target))
    config = TrainingConfig(
        epochs=NEVER,
        precision=settings["precision"],
        checkpoint_every=NEVER,
        batch=BatchConfig(tokens=settings["batch_size"]),
        optimizer=OptimizerConfig(name="adam", rate=settings["rate"], clip=1.0),
        evaluation=EvaluationConfig(every=NEVER),
    )
    turns = Turns(
        {
            "project": f"gyebo {gyebo.__version__}",
            "torch": torch.__version__,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "encoding_seconds": encoding_seconds,
            "epoch_tokens": int(problem.training.target.lengths.sum()),
        }
    )
    with tempfile.TemporaryDirectory() as run_folder:
        Trainer(model, TurnTaker(problem, turns), config, Path(run_folder)).run()


if __name__ == "__main__":
    main()
