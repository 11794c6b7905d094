"""torchvision's ResNets and DenseNets: read, and written again."""

from __future__ import annotations

import pytest
import torch

from gyebo.errors import UsageError
from gyebo.genealogy import architecture
from gyebo.interop.torchvision import config_of, from_torchvision, to_torchvision
from gyebo.verification.properties.graphs import MissingPackageError
from gyebo.verification.torchvision_reference import torchvision_models

SIZES = [("resnet", "18", "resnet18"), ("resnet", "50 v1.5", "resnet50"), ("densenet", "121", "densenet121")]


@pytest.mark.parametrize(("name", "size", "theirs"), SIZES)
def test_the_same_weights_give_the_same_logits_and_come_back_as_they_were(name, size, theirs):
    try:
        models = torchvision_models()
    except MissingPackageError as missing:
        pytest.skip(str(missing))
    torch.manual_seed(0)
    reference = getattr(models, theirs)(weights=None, num_classes=7).eval()
    state = reference.state_dict()
    config = config_of(state, name, size)
    assert config.num_classes == 7
    ours = from_torchvision(state, name, config)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = reference(images)
        assert (ours(images) - expected).abs().max() <= 1e-5 * expected.abs().max().clamp(min=1)
    back = to_torchvision(ours, name)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[key], tensor) for key, tensor in state.items())
    reference.load_state_dict(back)


def test_a_resnet_of_the_other_stride_is_refused_both_ways():
    """Its tensors have the same names and shapes, and it computes something else."""
    entry = architecture("resnet")
    there = entry.config(**entry.tiny, bottleneck=True, stride_at="3x3")
    here = entry.config(**entry.tiny, bottleneck=True)
    state = to_torchvision(entry.model(there), "resnet")
    from_torchvision(state, "resnet", there)
    for refused in (lambda: from_torchvision(state, "resnet", here), lambda: to_torchvision(entry.model(here), "resnet")):
        with pytest.raises(UsageError, match=r"halve the maps in their first 1x1 convolution.*stride_at='3x3'"):
            refused()
