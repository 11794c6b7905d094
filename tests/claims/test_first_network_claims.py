"""The experiments on the first networks at sizes of seconds: what they give, that they give it again, and what they compare."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from claim_clock import Clock, measured_twice

from gyebo.claims import (
    mlp_activations,
    mlp_batch_norm,
    mlp_dropout,
    mlp_initialization,
    mlp_lenet5,
    mlp_optimizers,
    perceptron_mlp,
    plain_resnet,
)
from gyebo.claims.classifying import Examples
from gyebo.claims.pictures import digits, generator
from gyebo.genealogy import parameter_counts
from gyebo.models.convolutional.plain_cifar import PlainCifarConfig, plain_cifar
from gyebo.models.convolutional.resnet_cifar import ResNetCifarConfig, resnet_cifar
from gyebo.training.update_rules import RULES

EXPERIMENTS = {
    "mlp-activations": partial(mlp_activations.measure, updates=2),
    "mlp-batch-norm": partial(mlp_batch_norm.measure, most=10, rates=(0.03, 0.1)),
    "mlp-dropout": partial(mlp_dropout.measure, updates=2),
    "mlp-initialization": partial(mlp_initialization.measure, updates=2),
    "mlp-lenet5": partial(mlp_lenet5.measure, updates=2),
    "mlp-optimizers": partial(mlp_optimizers.measure, most_steps=30, rates=(0.1, 1.0)),
    "perceptron-mlp": partial(perceptron_mlp.measure, updates=20),
    "plain-resnet": partial(plain_resnet.measure, updates=2, depths=(8, 14)),
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(mlp_initialization, "WIDTH", 40)
    monkeypatch.setattr(plain_resnet, "PICTURES", 64)
    monkeypatch.setattr(plain_resnet, "TESTED", 20)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_repeats_itself_and_is_drawn(name):
    _, clock = measured_twice(name, EXPERIMENTS[name])
    assert clock.said


class TestPerceptron:
    def test_a_perceptron_learns_what_a_line_separates_and_at_most_three_rows_of_xor(self):
        table = perceptron_mlp.measure(7, Clock(), updates=200).table
        right = {(row["task"], row["model"]): row["share right"] for row in table}
        assert right["AND", "perceptron"] == right["OR", "perceptron"] == 1
        assert right["XOR", "perceptron"] == 0.75
        assert right["XOR", "mlp"] == 1
        assert right["rings", "perceptron"] < 0.7

    def test_rings_lie_about_one_middle(self):
        points, labels = perceptron_mlp.rings(1, "test")
        radii = points.flatten(1).norm(dim=1)
        for ring, radius in enumerate(perceptron_mlp.RADII):
            torch.testing.assert_close(radii[labels == ring], torch.full((perceptron_mlp.POINTS // 2,), radius))


class TestOptimizers:
    def test_a_turned_ravine_is_as_steep(self):
        curvatures = torch.tensor([1 / mlp_optimizers.STEEPER, 1.0], dtype=torch.float64)
        for angle in mlp_optimizers.ANGLES.values():
            torch.testing.assert_close(torch.linalg.eigvalsh(mlp_optimizers.curvature(angle)), curvatures)
        starts = [mlp_optimizers.draw_starts(3, angle) for angle in mlp_optimizers.ANGLES.values()]
        torch.testing.assert_close(starts[0].norm(dim=1), starts[1].norm(dim=1))

    def test_gradient_descent_arrives_when_theory_says(self):
        """Along the ravine each step leaves 1 - rate / STEEPER of the distance, turned or not."""
        start = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
        expected = math.ceil(math.log(mlp_optimizers.NEAR) / math.log(1 - 0.001 / mlp_optimizers.STEEPER))
        assert expected > 1000
        for angle in mlp_optimizers.ANGLES.values():
            points = start @ mlp_optimizers.turned(angle)
            assert mlp_optimizers.arrival(RULES["gradient-descent"], points, angle, Clock(), 10**6) == expected

    def test_what_does_not_arrive_counts_with_all_steps(self):
        points = mlp_optimizers.draw_starts(1, 0.0)
        assert mlp_optimizers.arrival(RULES["gradient-descent"], points, 0.0, Clock(), 5) == 5


class TestInitialization:
    def test_deviations_are_those_that_theory_says(self, monkeypatch):
        monkeypatch.setattr(mlp_initialization, "WIDTH", 400)
        he, xavier = (mlp_initialization.deviations(name, generator(1, "test")) for name in ("ReLU, He", "ReLU, Xavier"))
        assert he[0] / xavier[0] == pytest.approx(math.sqrt(2), rel=0.02)
        assert xavier[10] / xavier[0] == pytest.approx(2**-5, rel=0.5)
        assert he[10] / he[0] == pytest.approx(1, rel=0.5)

    def test_both_networks_have_thirty_hidden_layers(self):
        assert [len(mlp_initialization.network(start, 1).hidden) for start in ("he", "xavier")] == [30, 30]


class TestActivations:
    def test_gradients_are_those_of_the_loss(self):
        pictures = digits().train.first(20)
        model = mlp_activations.network("tanh", 1)
        norms = mlp_activations.gradient_norms(model, pictures)
        torch.nn.functional.cross_entropy(model(pictures.inputs), pictures.labels).backward()
        assert len(norms) == mlp_activations.LAYERS
        assert norms[3] == pytest.approx(float(model.hidden[3].get_parameter("weight").grad.norm()))  # type: ignore[union-attr]


class TestBatchNormalisation:
    def test_networks_differ_in_the_normalisation_alone(self):
        plain, normalised = (mlp_batch_norm.network(name, 64, 10, generator(1, "weights")) for name in mlp_batch_norm.NETWORKS)
        weights = [[module.weight for module in model if isinstance(module, torch.nn.Linear)] for model in (plain, normalised)]
        assert len(weights[0]) == mlp_batch_norm.LAYERS + 1
        assert all(torch.equal(*pair) for pair in zip(*weights, strict=True))
        assert parameter_counts(normalised)[1] - parameter_counts(plain)[1] == 2 * mlp_batch_norm.LAYERS * mlp_batch_norm.WIDTH

    def test_a_network_that_learns_at_no_rate_speaks_against_the_claim(self, monkeypatch):
        monkeypatch.setattr(mlp_batch_norm, "LEARNED", 2.0)
        measured = mlp_batch_norm.measure(1, Clock(), most=10, rates=(0.1,))
        assert not any(row["learned"] for row in measured.table)
        assert dict(measured.effects) == {"higher_rates": 0.0, "updates_saved": 0.0}


class TestDropout:
    def test_so_large_a_share_of_the_labels_is_drawn_anew(self):
        examples = Examples(torch.zeros(1000, 1), torch.zeros(1000, dtype=torch.int64))
        wrong = mlp_dropout.mislabelled(examples, 0.4, generator(1, "test")).labels
        assert 0.33 < float((wrong != 0).double().mean()) < 0.4
        assert torch.equal(mlp_dropout.mislabelled(examples, 0.0, generator(1, "test")).labels, examples.labels)
        assert not examples.labels.any(), "the examples themselves keep their labels"


class TestLeNet:
    def test_the_two_are_of_a_size(self):
        assert {name: parameter_counts(mlp_lenet5.build(name))[1] for name in mlp_lenet5.MODELS} == {
            "mlp": 60_040,
            "lenet5": 60_000,
        }

    def test_moved_digits_are_the_digits_elsewhere(self):
        pictures = digits(mlp_lenet5.DIGIT, mlp_lenet5.BORDER).test.first(10)
        moved = mlp_lenet5.moved(pictures, mlp_lenet5.MOST_SHIFT, 3, generator(1, "test"))
        assert moved.labels.tolist() == 3 * pictures.labels.tolist()
        torch.testing.assert_close(moved.inputs.sum((1, 2, 3)), pictures.inputs.sum((1, 2, 3)).repeat(3), rtol=1e-3, atol=1e-2)
        assert not torch.equal(moved.inputs[:10], moved.inputs[10:20])


def test_plain_and_residual_networks_differ_by_nothing_but_the_sum():
    sizes = {"num_channels": 1, "num_classes": 10, "image_size": plain_resnet.SIZE, "depth": 14, "widths": plain_resnet.WIDTHS}
    plain, residual = plain_cifar(PlainCifarConfig(**sizes)), resnet_cifar(ResNetCifarConfig(**sizes))
    assert [tuple(item.shape) for item in plain.parameters()] == [tuple(item.shape) for item in residual.parameters()]
