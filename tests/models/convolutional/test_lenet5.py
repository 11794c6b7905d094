"""LeNet-5 has the paper's layers, table, codes, first weights and loss."""

from __future__ import annotations

import math

import pytest
import torch

from gyebo.config import from_mapping
from gyebo.errors import UsageError
from gyebo.models.convolutional.lenet5 import CONNECTIONS, LeNet5, LeNet5Config, class_codes, squash
from gyebo.models.convolutional.lenet5_modern import LeNet5Modern, LeNet5ModernConfig


def lenet5(image_size: int = 28, num_classes: int = 10, **options) -> LeNet5:
    torch.manual_seed(0)
    return LeNet5(LeNet5Config(num_channels=1, num_classes=num_classes, image_size=image_size, **options))


def test_layers_have_the_papers_counts():
    counts = {name: sum(each.numel() for each in part.parameters()) for name, part in lenet5().named_children()}
    assert counts == {"frame": 0, "c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48_120, "f6": 10_164}


def test_connections_are_the_papers():
    """340,908 in all: each weight and bias of a unit, wherever the unit stands; the output has 84 a class."""
    sides = {"c1": 28**2, "s2": 14**2, "c3": 10**2, "s4": 5**2, "c5": 1, "f6": 1}
    model = lenet5()
    connections = {name: sum(each.numel() for each in getattr(model, name).parameters()) * side for name, side in sides.items()}
    # a unit of S2 and S4 has four inputs through one coefficient, and a bias
    connections |= {"s2": 6 * 14**2 * 5, "s4": 16 * 5**2 * 5}
    assert connections == {"c1": 122_304, "s2": 5_880, "c3": 151_600, "s4": 2_000, "c5": 48_120, "f6": 10_164}
    assert sum(connections.values()) + 10 * 84 == 340_908


def test_table_one():
    assert [len(seen) for seen in CONNECTIONS] == [3] * 6 + [4] * 9 + [6]
    assert len(set(CONNECTIONS)) == 16
    assert CONNECTIONS[4] == (0, 4, 5)
    assert CONNECTIONS[12:15] == ((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5))
    assert all(sum(below in seen for seen in CONNECTIONS) == 10 for below in range(6))


def test_a_map_of_c3_sees_only_its_own():
    model, maps = lenet5(), torch.randn(1, 6, 14, 14)
    before = model.c3(maps)
    maps[:, 0] += 1
    changed = (model.c3(maps) != before).flatten(2).any(2)[0].tolist()
    assert changed == [0 in seen for seen in CONNECTIONS]


def test_squashing_keeps_one():
    assert squash(torch.tensor([1.0, -1.0])).tolist() == pytest.approx([1, -1], abs=1e-4)


def test_sides_of_the_maps():
    model, seen = lenet5(), {}
    for name, part in model.named_children():
        part.register_forward_hook(lambda _, __, output, name=name: seen.update({name: tuple(output.shape[1:])}))
    model(torch.zeros(1, 1, 28, 28))
    assert seen == {
        "frame": (1, 32, 32),
        "c1": (6, 28, 28),
        "s2": (6, 14, 14),
        "c3": (16, 10, 10),
        "s4": (16, 5, 5),
        "c5": (120, 1, 1),
        "f6": (84,),
    }


def test_digits_have_codes_of_their_own():
    codes = class_codes(10)
    assert codes.shape == (10, 84)
    assert codes.abs().eq(1).all()
    distances = (codes[:, None] - codes).square().sum(2) + 1000 * torch.eye(10)
    assert distances.min() == distances[3, 8] == 28


@pytest.mark.parametrize("num_classes", [2, 7, 26])
def test_other_classes_have_the_same_codes_in_every_run(num_classes):
    codes = class_codes(num_classes)
    assert codes.shape == (num_classes, 84)
    assert torch.equal(codes, class_codes(num_classes))
    assert len({tuple(code.tolist()) for code in codes}) == num_classes


def test_first_weights_are_within_their_bounds():
    model = lenet5()
    for parameter, fan_in in ((model.c1.weight, 25), (model.s2.coefficient, 4), (model.c5.weight, 400), (model.f6.bias, 120)):
        assert parameter.abs().max() <= 2.4 / fan_in
        assert parameter.abs().max() > 0.5 * 2.4 / fan_in
    of_the_last_map = model.c3.kernels[-6:]
    assert of_the_last_map.abs().max() <= 2.4 / 150 < model.c3.kernels[:3].abs().max() <= 2.4 / 75


def test_loss_is_equation_nine():
    model = lenet5(rubbish=50.0)
    images, labels = torch.randn(3, 1, 28, 28), torch.tensor([3, 8, 0])
    penalties = -model(images).detach().double()
    expected = sum(
        row[label] + math.log(math.exp(-50) + sum(math.exp(-penalty) for penalty in row))
        for row, label in zip(penalties.tolist(), labels.tolist(), strict=True)
        for row in [torch.tensor(row, dtype=torch.float64)]
    )
    assert model.training_loss(images, labels).item() == pytest.approx(float(expected), rel=1e-5)


def test_what_is_farther_than_rubbish_is_not_pushed():
    """A wrong class that is far beyond j has no gradient, however near the right one is."""
    model = lenet5(rubbish=1.0)
    features = model.codes[3:4].clone().requires_grad_()  # right where the 3 stands
    model.features = lambda images: features
    model.training_loss(torch.zeros(1, 1, 28, 28), torch.tensor([3])).backward()
    assert features.grad.abs().max() < 1e-9


@pytest.mark.parametrize("build", [LeNet5Config, LeNet5ModernConfig])
def test_the_background_fills_the_edge(build):
    model = {LeNet5Config: LeNet5, LeNet5ModernConfig: LeNet5Modern}[build]
    small = model(build(num_channels=1, num_classes=10, image_size=28, background=-0.7)).eval()
    whole = model(build(num_channels=1, num_classes=10, image_size=32)).eval()
    whole.load_state_dict(small.state_dict())
    images = torch.randn(2, 1, 28, 28)
    framed = torch.full((2, 1, 32, 32), -0.7)
    framed[:, :, 2:30, 2:30] = images
    torch.testing.assert_close(small(images), whole(framed), rtol=0, atol=0)


@pytest.mark.parametrize(
    "build", [lenet5, lambda size: LeNet5Modern(LeNet5ModernConfig(num_channels=1, num_classes=3, image_size=size))]
)
def test_small_images_are_refused(build):
    with pytest.raises(ValueError, match=r"image_size=8 is too small.*The smallest that works is 28; let the task scale"):
        build(8)


def test_rubbish_that_is_no_distance_is_refused():
    with pytest.raises(UsageError, match="rubbish=0 is no distance"):
        from_mapping(LeNet5Config, {"num_channels": 1, "num_classes": 10, "image_size": 28, "rubbish": 0.0})
