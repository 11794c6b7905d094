"""What the training loop costs: a step of a tiny model in gyebo's Trainer beside the same step in a bare PyTorch loop.

    python benchmarks/loop_cost.py [--json FILE] [--rounds 31] [--steps 100] [--threads 1]

The bare loop does what any loop must: take the batch, forward, loss, backward, clip by the gradient's norm, fused Adam,
zero the gradients, and read the loss.  The Trainer does so too, and also guards against NaN, seeds the random draws of
each step, follows the schedule, writes metrics.jsonl (every 50 steps), reports progress, and looks for signals and limits.
Both take the same batches in the same order from the same tensors in memory; picking a batch's rows is in both times.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from timing import alternate, environment, write_results
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.data.batching import Rows
from gyebo.models.attention.bahdanau import Bahdanau, BahdanauConfig
from gyebo.tasks.interface import Interrupt, Split
from gyebo.training.config import EvaluationConfig, OptimizerConfig, TrainingConfig
from gyebo.training.loop import Trainer

NEVER = 10**9
RATIO_ALLOWED = 1.1
NUM_ROWS, ROWS_A_BATCH = 4096, 16
RATE, CLIP = 1e-3, 1.0

Loss = Callable[[nn.Module, Rows], Tensor]


class Batches:
    """A split of rows of equal size; the same order in every epoch."""

    def __init__(self) -> None:
        self._batches = list(np.arange(NUM_ROWS).reshape(-1, ROWS_A_BATCH))

    def __len__(self) -> int:
        return NUM_ROWS

    def batches(self, tokens: int, seed: int, epoch: int) -> list[Rows]:
        return self._batches

    def num_tokens(self, rows: Rows) -> int:
        return len(rows)


class Problem:
    """A loss, summed over the rows of a batch; before each update it asks whether to go on."""

    def __init__(self, loss: Loss, before_update: Callable[[], None]) -> None:
        self.training: Split = Batches()
        self.validation: Split = self.training
        self._loss, self._before_update = loss, before_update

    def loss(self, model: nn.Module, rows: Rows, device: str) -> Tensor:
        self._before_update()
        return self._loss(model, rows)

    def validate(self, model: nn.Module, device: str, interrupt: Interrupt) -> dict[str, float]:
        return {"loss": 0.0}

    def higher_is_better(self, metric: str) -> bool:
        return False


def perceptron() -> tuple[nn.Module, Loss]:
    """Two layers, 16 rows: a step that is nearly nothing but overhead."""
    inputs, labels = torch.randn(NUM_ROWS, 32), torch.randint(10, (NUM_ROWS,))

    def loss(model: nn.Module, rows: Rows) -> Tensor:
        chosen = torch.from_numpy(rows)
        return F.cross_entropy(model(inputs[chosen]), labels[chosen], reduction="sum")

    return nn.Sequential(nn.Linear(32, 64), nn.Tanh(), nn.Linear(64, 10)), loss


def translator() -> tuple[nn.Module, Loss]:
    """Bahdanau's model with 3 words a sentence, 16 sentences: the smallest of the models that gyebo trains."""
    source, target = torch.randint(4, 50, (2, NUM_ROWS, 3))
    lengths = torch.full((ROWS_A_BATCH,), 3)
    config = BahdanauConfig(
        source_vocabulary=50, target_vocabulary=50, embedding_width=32, width=32, alignment_width=32, readout_width=32
    )

    def loss(model: nn.Module, rows: Rows) -> Tensor:
        chosen = torch.from_numpy(rows)
        logits = model(source[chosen], lengths, target[chosen])
        return F.cross_entropy(logits.flatten(0, 1), target[chosen].flatten(), reduction="sum")

    return Bahdanau(config), loss


class BareLoop:
    """The loop as one would write it by hand; a call makes `num_steps` steps."""

    def __init__(self, model: nn.Module, loss: Loss, num_steps: int) -> None:
        self._num_steps = num_steps
        self._losses = self._train(model, loss)

    def __call__(self) -> None:
        for _ in range(self._num_steps):
            next(self._losses)

    def _train(self, model: nn.Module, loss: Loss) -> Iterator[float]:
        optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
        parameters = list(model.parameters())
        split = Batches()
        while True:
            for rows in split.batches(0, seed=1, epoch=0):
                mean = loss(model, rows) / split.num_tokens(rows)
                mean.backward()
                nn.utils.clip_grad_norm_(parameters, CLIP)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                yield mean.item()


class TrainerLoop:
    """`Trainer.run` in a thread, which waits inside the problem's loss; a call lets it make `num_steps` steps."""

    def __init__(self, model: nn.Module, loss: Loss, num_steps: int, folder: Path) -> None:
        self._num_steps = self._left = num_steps
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        config = TrainingConfig(
            epochs=NEVER,
            checkpoint_every=NEVER,
            optimizer=OptimizerConfig(rate=RATE, clip=CLIP),
            evaluation=EvaluationConfig(every=NEVER),
        )
        trainer = Trainer(model, Problem(loss, self._before_update), config, folder)
        threading.Thread(target=trainer.run, daemon=True).start()  # it never ends by itself
        self._done.acquire()

    def __call__(self) -> None:
        self._go.release()
        self._done.acquire()

    def _before_update(self) -> None:
        if self._left == self._num_steps:
            self._done.release()
            self._go.acquire()
            self._left = 0
        self._left += 1


def measure(rounds: int, num_steps: int) -> list[dict[str, object]]:
    """One row for each model."""
    rows: list[dict[str, object]] = []
    for build in (perceptron, translator):
        torch.manual_seed(0)
        model, loss = build()
        with tempfile.TemporaryDirectory() as folder:
            loops = {
                "ours": TrainerLoop(model, loss, num_steps, Path(folder)),
                "bare": BareLoop(copy.deepcopy(model), loss, num_steps),
            }
            seconds = alternate(loops, rounds=rounds)
        ratio = seconds["ours"] / seconds["bare"]
        rows.append(
            {
                "model": build.__name__,
                "ours_us": round(1e6 * seconds["ours"] / num_steps),
                "bare_us": round(1e6 * seconds["bare"] / num_steps),
                "ratio": round(ratio, 3),
                "allowed": RATIO_ALLOWED,
                "met": ratio <= RATIO_ALLOWED,
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the table to this file too")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--steps", type=int, default=100, help="of each loop in a round")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    print(", ".join(f"{name} {value}" for name, value in environment().items()))
    print(f"{'model':12} {'ours us':>8} {'bare us':>8} {'ours/bare':>10} {'allowed':>8}")
    rows = measure(arguments.rounds, arguments.steps)
    for row in rows:
        print(f"{row['model']:12} {row['ours_us']:8} {row['bare_us']:8} {row['ratio']:10} {row['allowed']:8}")
    if arguments.json is not None:
        write_results(arguments.json, rows)


if __name__ == "__main__":
    main()
