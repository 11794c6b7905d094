"""Looks inside: plain numbers in, one figure definition out, and from it HTML, PNG, SVG and JSON.

Each file holds one kind of picture: `curves`, `alignment`, `heads`, `entropy`, `positions`, `gates`, `gradients`, `descent`, and
`graph` (of variables of `gyebo.backprop`); `report` puts figures, tables and texts on one page. `looks` computes them for a run, and
`VIEWS` names these. `record` gives the tensors themselves, of any model. Importing this package imports none of them: the drawing
libraries take a third of a second to load.

>>> import gyebo
>>> from gyebo.views import record
>>> import torch
>>> model = gyebo.create("transformer", {"source_vocabulary": 9, "target_vocabulary": 9, "width": 8, "num_heads": 2}).eval()
>>> source, lengths, target = torch.tensor([[5, 6, 3]]), torch.tensor([3]), torch.tensor([[2, 7]])
>>> logits, calls = record(model, lambda: model(source, lengths, target))
>>> calls["decoder.2.cross_attention"][0].inside["weights"].shape  # (B, N, T, S)
torch.Size([1, 2, 2, 3])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gyebo.views.looks import VIEWS

if TYPE_CHECKING:
    from gyebo.views.recorder import Call, RecordingError, record

__all__ = ["VIEWS", "Call", "RecordingError", "record"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'gyebo.views' has no attribute {name!r}")
    return getattr(import_module("gyebo.views.recorder"), name)
