"""`--tensorboard`: the records of metrics.jsonl as TensorBoard's event files too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gyebo.errors import UsageError
from gyebo.training.loop import Listener

__all__ = ["tensorboard_listener"]


def tensorboard_listener(folder: Path) -> Listener:
    """A listener that writes numbers into `folder` as they come; `tensorboard --logdir runs` shows them.

    A resumed training hides the points after its checkpoint, as metrics.jsonl does.
    Raises UsageError where TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError as error:
        raise UsageError("--tensorboard needs the extra `track`: pip install 'gyebo[track]'") from error
    writer: SummaryWriter | None = None

    def listen(record: dict[str, Any]) -> None:
        nonlocal writer
        if record["kind"] == "progress":
            return
        if writer is None:
            writer = SummaryWriter(str(folder), purge_step=record["step"])
        for name, value in record.items():
            if name not in ("step", "kind") and isinstance(value, int | float) and not isinstance(value, bool):
                writer.add_scalar(f"{record['kind']}/{name}", value, record["step"])
        writer.flush()

    return listen
