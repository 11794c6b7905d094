"""Train a tiny model in a fresh process and leave the sha256 of its weights: `python -m gyebo.verification.fingerprint MODULE FILE`.

MODULE is the model file's dotted name; it ends with an ARCHITECTURE.
"""

from __future__ import annotations

import hashlib
import sys
from importlib import import_module
from pathlib import Path

import torch

from gyebo.genealogy import Architecture
from gyebo.storage import write_text
from gyebo.verification.subject import subject_of

__all__ = ["fingerprint"]


def fingerprint(entry: Architecture, seed: int = 7) -> str:
    """The sha256 of the weights after three steps of Adam, dropout included."""
    subject = subject_of(entry)
    model = subject.build(seed=seed, config=subject.with_dropout(0.3)).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(3):
        optimizer.zero_grad()
        subject.loss(model, subject.batch(3, seed=step)).backward()
        optimizer.step()
    digest = hashlib.sha256()
    for name, parameter in model.named_parameters():
        digest.update(name.encode())
        digest.update(parameter.detach().numpy().tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    write_text(Path(sys.argv[2]), fingerprint(import_module(sys.argv[1]).ARCHITECTURE))
