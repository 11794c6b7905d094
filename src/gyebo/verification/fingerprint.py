"""The sha256 of weights that were trained from a seed, taken here and in another process.

The other process is started once and then asked for one model after the other, as most of
the time goes into its imports. A line in is the dotted name of a model file, which ends with an ARCHITECTURE; a line out is JSON.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import json
import os
import subprocess
import sys
import traceback
from importlib import import_module

import torch

from gyebo.genealogy import Architecture
from gyebo.verification.subject import subject_of

__all__ = ["fingerprint", "fingerprint_in_another_process"]


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


def fingerprint_in_another_process(entry: Architecture) -> str:
    """The same, where the order of sets is another one.  Raises AssertionError if the model cannot be trained there."""
    process = _other_process()
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(entry.config.__module__ + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
    except BrokenPipeError:
        line = ""
    if not line:
        _other_process.cache_clear()
        raise AssertionError(f"the process that trains it ended with {process.wait()}")
    answer = json.loads(line)
    assert "error" not in answer, f"training it in another process failed: {answer['error']}"
    return answer["sha256"]


@functools.cache
def _other_process() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", f"from {__name__} import _serve; _serve()"],
        env=os.environ | {"PYTHONHASHSEED": "random"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(_end, process)
    return process


def _end(process: subprocess.Popen[str]) -> None:
    process.communicate()  # the end of its input ends it


def _answer(module: str) -> dict[str, str]:
    try:
        return {"sha256": fingerprint(import_module(module).ARCHITECTURE)}
    except Exception:
        return {"error": traceback.format_exc()}


def _serve() -> None:
    """Answer line by line until there are no more: standard input and output are pipes to the process that asks."""
    with open(1, "w", encoding="utf-8") as answers:
        for line in sys.stdin:
            answers.write(json.dumps(_answer(line.strip())) + "\n")
            answers.flush()
