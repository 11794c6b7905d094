"""RNN, LSTM and both GRUs beside torch.nn: one training step, forward and backward, with and without lengths.

    python benchmarks/recurrent.py [--json FILE] [--threads 2] [--rounds 7]

The peer with lengths is torch's packed sequence, from the padded batch and back to it.  torch has no GRU whose reset
gate works before the product; its peer is torch.nn.GRU, which computes the same number of products.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from timing import alternate, environment, write_results
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from gyebo.layers import GRU, LSTM, RNN, ResetAfterGRU

PAIRS = [(RNN, nn.RNN), (LSTM, nn.LSTM), (GRU, nn.GRU), (ResetAfterGRU, nn.GRU)]
SHAPES = [(64, 30, 256), (128, 20, 256), (64, 15, 512)]  # batch, time, width
SHORTEST = 0.8  # of the longest row: what is left of the differences after batching by length


def training_step(layer: nn.Module, read: Callable[[nn.Module], Tensor], dtype: torch.dtype) -> Callable[[], None]:
    """Forward under autocast where dtype is bfloat16, a loss, and backward into fresh gradients."""

    def step() -> None:
        layer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            outputs = read(layer)
        outputs.float().square().mean().backward()

    return step


def measure(rounds: int) -> Iterator[dict[str, object]]:
    """One row for each layer, shape, dtype, and with or without lengths."""
    torch.manual_seed(0)
    for dtype in (torch.float32, torch.bfloat16):
        for batch_size, num_steps, width in SHAPES if dtype == torch.float32 else SHAPES[:1]:
            inputs = torch.randn(batch_size, num_steps, width, requires_grad=True)
            lengths = torch.randint(int(SHORTEST * num_steps), num_steps + 1, (batch_size,))
            lengths[0] = num_steps

            def whole(layer: nn.Module, inputs: Tensor = inputs) -> Tensor:
                return layer(inputs)[0]

            def padded(layer: nn.Module, inputs: Tensor = inputs, lengths: Tensor = lengths) -> Tensor:
                return layer(inputs, lengths)[0]

            def packed(layer: nn.Module, inputs: Tensor = inputs, lengths: Tensor = lengths) -> Tensor:
                sequence = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
                return pad_packed_sequence(layer(sequence)[0], batch_first=True)[0]

            for ours_type, torch_type in PAIRS:
                ours, peer = ours_type(width, width), torch_type(width, width, batch_first=True)
                for with_lengths in (False, True):
                    seconds = alternate(
                        {
                            "ours": training_step(ours, padded if with_lengths else whole, dtype),
                            "torch": training_step(peer, packed if with_lengths else whole, dtype),
                        },
                        rounds=rounds,
                    )
                    yield {
                        "layer": ours_type.__name__,
                        "shape": f"B{batch_size} T{num_steps} D{width}",
                        "dtype": str(dtype).removeprefix("torch."),
                        "lengths": with_lengths,
                        "ours_ms": round(1000 * seconds["ours"], 2),
                        "torch_ms": round(1000 * seconds["torch"], 2),
                        "ratio": round(seconds["ours"] / seconds["torch"], 3),
                    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the table to this file too")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    print(", ".join(f"{name} {value}" for name, value in environment().items()))
    print(f"{'layer':14} {'shape':15} {'dtype':9} {'lengths':8} {'ours ms':>8} {'torch ms':>9} {'ours/torch':>11}")
    rows = []
    for row in measure(arguments.rounds):
        rows.append(row)
        print(
            f"{row['layer']:14} {row['shape']:15} {row['dtype']:9} {'yes' if row['lengths'] else 'no':8} "
            f"{row['ours_ms']:8} {row['torch_ms']:9} {row['ratio']:11}",
            flush=True,
        )
    if arguments.json is not None:
        write_results(arguments.json, rows)


if __name__ == "__main__":
    main()
