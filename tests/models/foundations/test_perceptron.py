"""The perceptron learns by Rosenblatt's rule, makes no more mistakes than Novikoff allows, and learns AND but not XOR."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import Perceptron as Reference

from gyebo.models.foundations.perceptron import Perceptron, PerceptronConfig, mistake_bound, perceptron_criterion


def perceptron(num_classes: int, image_size: int, num_channels: int = 1) -> Perceptron:
    config = PerceptronConfig(num_channels=num_channels, num_classes=num_classes, image_size=image_size)
    return Perceptron(config).double()


def descend(model: Perceptron, images: torch.Tensor, labels: torch.Tensor, rate: float = 1.0) -> list[bool]:
    """One epoch of stochastic gradient descent, an image a step; whether each was a mistake of some unit."""
    mistakes = []
    for image, label in zip(images, labels, strict=True):
        loss = model.training_loss(image[None], label[None])
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter -= rate * gradient
        mistakes.append(any(gradient.any() for gradient in gradients))
    return mistakes


def digits(number: int) -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = load_digits().images[:number], load_digits().target[:number]
    return torch.tensor(images, dtype=torch.float64)[:, None], torch.tensor(labels)


def test_descent_is_rosenblatts_rule():
    """Number by number, the same weights as the rule written out; all are whole numbers, so no rounding is between them."""
    images, labels = digits(200)
    model = perceptron(10, 8)
    weights, biases = np.zeros((10, 64)), np.zeros(10)
    for _ in range(3):
        descend(model, images, labels)
        for pattern, label in zip(images.flatten(1).numpy(), labels.tolist(), strict=True):
            for unit in range(10):
                target = 1 if unit == label else -1
                if target * (weights[unit] @ pattern + biases[unit]) <= 0:
                    weights[unit] += target * pattern
                    biases[unit] += target
    assert np.array_equal(model.output.weight.detach().numpy(), weights)
    assert np.array_equal(model.output.bias.detach().numpy(), biases)


def test_equals_scikit_learn():
    images, labels = digits(300)
    model = perceptron(10, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it did not converge, as nobody asked it to
        reference = Reference(shuffle=False, tol=None, max_iter=4).fit(images.flatten(1).numpy(), labels.numpy())
    for _ in range(4):
        descend(model, images, labels)
    np.testing.assert_array_equal(model.output.weight.detach().numpy(), reference.coef_)
    np.testing.assert_array_equal(model.output.bias.detach().numpy(), reference.intercept_)
    answers = model(images).argmax(1)
    np.testing.assert_array_equal(answers.numpy(), reference.predict(images.flatten(1).numpy()))


def test_from_zero_the_rate_changes_no_answer():
    images, labels = digits(60)
    whole, half = perceptron(10, 8), perceptron(10, 8)
    for _ in range(2):
        assert descend(whole, images, labels) == descend(half, images, labels, rate=0.5)
    torch.testing.assert_close(half.output.weight, whole.output.weight / 2, rtol=0, atol=0)


CORNERS = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)[:, :, None, None]


@pytest.mark.parametrize(
    ("name", "labels"), [("and", [0, 0, 0, 1]), ("or", [0, 1, 1, 1]), ("nand", [1, 1, 1, 0]), ("nor", [1, 0, 0, 0])]
)
def test_what_a_line_separates_is_learned(name, labels):
    model, labels = perceptron(2, 1, num_channels=2), torch.tensor(labels)
    for _ in range(50):
        if not any(descend(model, CORNERS, labels)):
            break
    else:
        pytest.fail(f"{name} is not learned")
    assert model(CORNERS).argmax(1).tolist() == labels.tolist()


def test_xor_is_never_learned():
    model, labels = perceptron(2, 1, num_channels=2), torch.tensor([0, 1, 1, 0])
    for _ in range(50):
        assert any(descend(model, CORNERS, labels))
        assert (model(CORNERS).argmax(1) == labels).sum() <= 3


@pytest.mark.parametrize("margin", [1.0, 0.3, 0.1])
def test_mistakes_stay_under_the_bound(margin):
    """Patterns in the plane at least so far from a known line, seen until none is a mistake."""
    generator = torch.Generator().manual_seed(0)
    separator = torch.tensor([0.6, -0.8, 0.5], dtype=torch.float64)
    points = 6 * torch.rand(200, 2, generator=generator, dtype=torch.float64) - 3
    patterns = torch.cat([points, torch.ones(200, 1, dtype=torch.float64)], 1)
    patterns = patterns[(patterns @ separator).abs() >= margin * separator.norm()]
    targets = (patterns @ separator).sign()
    bound = mistake_bound(patterns, targets, separator)
    assert bound <= float(patterns.norm(dim=1).max() / margin) ** 2 + 1e-9

    model = perceptron(2, 1, num_channels=2)
    images, labels = patterns[:, :2, None, None], (targets > 0).long()
    mistakes = 0
    while now := sum(descend(model, images, labels)):
        mistakes += now
    assert 0 < mistakes <= bound


def test_the_bound_of_what_does_not_separate_is_refused():
    patterns, targets = torch.tensor([[1.0, 0.0], [2.0, 0.0]]), torch.tensor([1.0, -1.0])
    with pytest.raises(ValueError, match=r"margin of -2.*every pattern on its own side"):
        mistake_bound(patterns, targets, torch.tensor([3.0, 0.0]))


def test_a_score_that_is_not_a_number_stays_one():
    assert perceptron_criterion(torch.tensor([torch.nan]), torch.tensor([1.0])).isnan().all()
