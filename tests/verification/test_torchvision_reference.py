"""torchvision is imported beside a torch that its compiled operators are not for, and missed in one line."""

from __future__ import annotations

import pytest
import torch

from gyebo.verification import torchvision_reference
from gyebo.verification.properties.graphs import MissingPackageError
from gyebo.verification.torchvision_reference import OPERATORS, torchvision_models


@pytest.fixture
def models():
    try:
        return torchvision_models()
    except MissingPackageError as missing:
        pytest.skip(str(missing))


def test_a_model_of_torchvision_computes(models):
    torch.manual_seed(0)
    model = models.squeezenet1_1(weights=None, num_classes=3).eval()
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 3)


def test_operators_that_torchvision_describes_exist(models):
    for operator in OPERATORS:
        assert hasattr(torch.ops.torchvision, operator.partition("(")[0])


def test_missing_torchvision_is_told(monkeypatch):
    monkeypatch.setattr(torchvision_reference, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match="needs torchvision"):
        torchvision_models.__wrapped__()


def test_operators_of_another_build_of_torch_do_not_load(tmp_path):
    assert not torchvision_reference._operators_load(tmp_path)
    (tmp_path / "_C.so").write_bytes(b"not a library")
    assert not torchvision_reference._operators_load(tmp_path)
