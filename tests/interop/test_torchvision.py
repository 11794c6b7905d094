"""torchvision's models and ours have the same logits from the same weights, there and back; other files are refused."""

from __future__ import annotations

import pickle
import re

import pytest
import safetensors.torch
import torch
from torch import nn

from gyebo.config import from_mapping
from gyebo.errors import GyeboError, UsageError
from gyebo.genealogy import architecture
from gyebo.interop.torchvision import config_of, from_torchvision, read_torchvision, to_torchvision
from gyebo.verification.properties.graphs import MissingPackageError
from gyebo.verification.torchvision_reference import torchvision_models

CLASSES = 7
NARROWER = 8
"""how many times: torchvision's widths are fixed, and whole models are slow to make"""


def narrow(module: nn.Module, classes: int) -> nn.Module:
    """The same network with fewer maps and units, new weights, and running averages that are not those of a new model."""

    def fewer(width: int) -> int:
        return width if width in (1, 3, classes) else width // NARROWER

    for name, part in module.named_children():
        match part:
            case nn.Conv2d():
                shape = part.kernel_size, part.stride, part.padding
                new = nn.Conv2d(fewer(part.in_channels), fewer(part.out_channels), *shape, bias=part.bias is not None)
            case nn.Linear():
                new = nn.Linear(fewer(part.in_features), fewer(part.out_features))
            case nn.BatchNorm2d():
                new = nn.BatchNorm2d(fewer(part.num_features), eps=part.eps)
                for average in (new.running_mean, new.running_var):
                    average.data.uniform_(0.5, 1.5)
            case _:
                new = narrow(part, classes)
        setattr(module, name, new)
    return module


def vgg(row):
    models = torchvision_models()
    return models.VGG(models.vgg.make_layers(row), num_classes=CLASSES, init_weights=False)


VGG_16 = [64, 64, "M", 128, 128, "M", *[256] * 3, "M", *[512] * 3, "M", *[512] * 3, "M"]
VGG_11 = [64, "M", 128, "M", *[256] * 2, "M", *[512] * 2, "M", *[512] * 2, "M"]
MODELS = {
    "alexnet-one-tower": (
        "alexnet-one-tower",
        lambda: torchvision_models().AlexNet(num_classes=CLASSES),
        {"widths": (8, 24, 48, 32, 32), "hidden_width": 512},
    ),
    "vgg-D": ("vgg", lambda: vgg(VGG_16), {"widths": (8, 16, 32, 64, 64), "hidden_width": 512}),
    "vgg-A": ("vgg", lambda: vgg(VGG_11), {"widths": (8, 16, 32, 64, 64), "hidden_width": 512, "depths": (1, 1, 2, 2, 2)}),
    "googlenet": (
        "googlenet-batch-norm",
        lambda: torchvision_models().GoogLeNet(num_classes=CLASSES, init_weights=False),
        {"width": 8},
    ),
    "googlenet without auxiliary classifiers": (
        "googlenet-batch-norm",
        lambda: torchvision_models().GoogLeNet(num_classes=CLASSES, init_weights=False, aux_logits=False),
        {"width": 8, "auxiliary": False},
    ),
}


@pytest.fixture(params=MODELS)
def pair(request):
    """(name, torchvision's model, our config)"""
    name, build, options = MODELS[request.param]
    try:
        with torch.device("meta"):
            module = build()
    except MissingPackageError as missing:
        pytest.skip(str(missing))
    torch.manual_seed(0)
    config = from_mapping(architecture(name).config, {"num_channels": 3, "num_classes": CLASSES, "image_size": 224} | options)
    return name, narrow(module, CLASSES).eval(), config


def test_logits_are_torchvisions_and_the_way_back_is_exact(pair):
    name, module, config = pair
    model = from_torchvision(module.state_dict(), name, config)
    assert not model.training
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        expected = module(images)
        torch.testing.assert_close(model(images), expected, rtol=1e-5, atol=1e-5)
    assert expected.std() > 1e-3
    back = to_torchvision(model, name)
    assert back.keys() == module.state_dict().keys()
    for key, tensor in module.state_dict().items():
        assert torch.equal(back[key], tensor), key
    module.load_state_dict(back)  # strict


def test_a_state_dict_is_renamed_without_its_model(pair):
    """In whatever order a file gives the tensors."""
    name, module, config = pair
    state = from_torchvision(module.state_dict(), name, config).state_dict()
    again = to_torchvision(dict(sorted(state.items(), reverse=True)), name)
    assert again.keys() == module.state_dict().keys()
    assert all(torch.equal(again[key], tensor) for key, tensor in module.state_dict().items())


def tiny(name="vgg", **changes):
    entry = architecture(name)
    config = from_mapping(entry.config, dict(entry.tiny) | changes)
    torch.manual_seed(0)
    return config, entry.model(config)


def test_weights_of_another_precision_are_read():
    config, model = tiny()
    half = {name: tensor.bfloat16() for name, tensor in to_torchvision(model, "vgg").items()}
    read = from_torchvision(half, "vgg", config)
    assert read.output.weight.dtype == torch.float32
    assert torch.equal(read.output.weight, model.output.weight.bfloat16().float())


def test_missing_counters_of_old_files_are_no_fault():
    config, model = tiny("googlenet-batch-norm")
    state = {name: tensor for name, tensor in to_torchvision(model, "googlenet-batch-norm").items() if "num_batches" not in name}
    read = from_torchvision(state, "googlenet-batch-norm", config)
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in read.state_dict().items())


def test_state_dict_of_other_names_is_refused():
    config, model = tiny()
    state = to_torchvision(model, "vgg")
    without = {name: tensor for name, tensor in state.items() if not name.startswith("features.0.")}
    with pytest.raises(GyeboError, match=r"torchvision's vgg with this config: it lacks 'features\.0\.weight' and 1 more\. Choose"):
        from_torchvision(without, "vgg", config)
    with pytest.raises(GyeboError, match=r"it holds, beyond what is needed, 'features\.1\.running_mean'\. .*batch norm"):
        from_torchvision(state | {"features.1.running_mean": torch.zeros(6)}, "vgg", config)
    with pytest.raises(GyeboError, match=r"it lacks .* and it holds, beyond what is needed, 'blocks\."):
        from_torchvision(model.state_dict(), "vgg", config)


def test_state_dict_of_other_shapes_is_refused():
    config, model = tiny()
    state = to_torchvision(model, "vgg")
    expected = (
        r"'classifier\.6\.weight' is float32 of shape \(1000, 14\), and vgg with this config needs float32 of shape \(5, 14\)"
    )
    with pytest.raises(GyeboError, match=expected):
        from_torchvision(state | {"classifier.6.weight": torch.zeros(1000, 14)}, "vgg", config)
    with pytest.raises(GyeboError, match=r"'classifier\.6\.bias' is int64 of shape \(5,\)"):
        from_torchvision(state | {"classifier.6.bias": torch.zeros(5, dtype=torch.int64)}, "vgg", config)


def test_state_dict_of_another_architecture_of_ours_is_refused():
    _, model = tiny("alexnet-one-tower")
    with pytest.raises(
        UsageError, match=r"no state dict of the architecture vgg: it holds 'conv1\.weight', which vgg does not have"
    ):
        to_torchvision(model, "vgg")
    with pytest.raises(UsageError, match="it is empty"):
        to_torchvision({}, "vgg")


def test_architecture_that_torchvision_lacks_is_refused():
    _, model = tiny("alexnet")
    with pytest.raises(
        UsageError, match=r"torchvision has no weights for the architecture alexnet\. It has some for: alexnet-one-tower"
    ):
        to_torchvision(model, "alexnet")
    with pytest.raises(UsageError, match=r"There is no architecture 'vggg'\. Did you mean 'vgg'\?"):
        from_torchvision({}, "vggg", None)


def test_local_response_is_refused():
    """The tensors are the same with it and without, and the logits are not."""
    config, model = tiny(local_response=True)
    with pytest.raises(UsageError, match=r"local response normalisation, .*Give local_response=false"):
        to_torchvision(model, "vgg")
    state = to_torchvision(tiny()[1], "vgg")
    with pytest.raises(UsageError, match="local response normalisation"):
        from_torchvision(state, "vgg", config)


def test_config_of_a_size_follows_the_file():
    state = {"features.0.weight": torch.zeros(64, 1, 3, 3), "classifier.6.weight": torch.zeros(12, 4096)}
    config = config_of(state, "vgg", "A")
    assert (config.num_channels, config.num_classes, config.image_size, config.depths) == (1, 12, 224, (1, 1, 2, 2, 2))
    assert config_of({}, "vgg", "D").num_classes == 1000
    with pytest.raises(UsageError, match=r"The architecture vgg has no size 'F'\. Known are: A, A-LRN, B, C, D, E"):
        config_of({}, "vgg", "F")


def test_safetensors_files_are_read_and_others_refused(tmp_path):
    _, model = tiny()
    state = to_torchvision(model, "vgg")
    safetensors.torch.save_file(state, tmp_path / "vgg.safetensors")
    read = read_torchvision(tmp_path / "vgg.safetensors")
    assert read.keys() == state.keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in state.items())

    (tmp_path / "vgg.pth").write_bytes(pickle.dumps({}))
    with pytest.raises(UsageError, match=r"\.pth files are pickles, which can run any code") as refused:
        read_torchvision(tmp_path / "vgg.pth")
    with pytest.raises(UsageError, match=r"There is no file .*none\.safetensors"):
        read_torchvision(tmp_path / "none.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "vgg.safetensors").read_bytes()[:-10])
    with pytest.raises(GyeboError, match=r"cut\.safetensors is not a whole safetensors file .* Convert or download it again"):
        read_torchvision(tmp_path / "cut.safetensors")

    torch.save(state, tmp_path / "vgg.pth")
    command = re.search(r"python -c '(.*)'$", str(refused.value))
    exec(command[1])  # the line that the message tells
    assert read_torchvision(tmp_path / "vgg.safetensors").keys() == state.keys()
