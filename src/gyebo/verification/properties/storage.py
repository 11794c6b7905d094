"""Weights survive a file, cost nothing on the meta device, and follow from the seed."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

from gyebo.verification.comparison import assert_same_bits
from gyebo.verification.fingerprint import fingerprint, fingerprint_in_another_process
from gyebo.verification.interface import Subject

__all__ = ["builds_on_the_meta_device", "same_seed_same_bits_in_two_processes", "weights_round_trip_through_safetensors"]


def weights_round_trip_through_safetensors(subject: Subject[Any]) -> None:
    """Written as safetensors and read into another model, weights and logits are the same bits, and tied ones still tied."""
    model, other = subject.build(seed=0), subject.build(seed=1)
    ties = _ties(model)
    arguments = subject.arguments(subject.batch(2))
    with TemporaryDirectory() as folder:
        save_model(model, f"{folder}/model.safetensors")
        load_model(other, f"{folder}/model.safetensors")
    assert_same_bits(other.state_dict(), model.state_dict(), "weights read back")
    assert _ties(other) == ties, f"tied are {_ties(other)}, and were {ties}"
    with torch.no_grad():
        assert_same_bits({"logits": other(*arguments)}, {"logits": model(*arguments)}, "with weights read back")


def _ties(model: nn.Module) -> list[list[str]]:
    """The names of each parameter that has several."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return [group for group in names.values() if len(group) > 1]


def builds_on_the_meta_device(subject: Subject[Any]) -> None:
    """On the meta device the model builds without memory, with the names, shapes and types of the real one."""
    with torch.device("meta"):
        model = subject.build()
    real = [name for name, tensor in _tensors(model).items() if not tensor.is_meta]
    assert not real, f"memory was taken for {', '.join(real)}"
    actual, expected = (
        {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in _tensors(each).items()} for each in (model, subject.build())
    )
    assert actual == expected, f"on the meta device the tensors are {actual}, and otherwise {expected}"


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return dict(model.named_parameters()) | dict(model.named_buffers())


def same_seed_same_bits_in_two_processes(subject: Subject[Any]) -> None:
    """This process and another, training from the same seed, end with the same weights, bit for bit."""
    there = fingerprint_in_another_process(subject.entry)
    here = fingerprint(subject.entry)
    assert here == there, f"the weights have the sha256 {here[:12]}... here and {there[:12]}... in the other process"
