"""The multilayer perceptron equals scikit-learn's with its weights, learns XOR, and is what its options say."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.neural_network import MLPClassifier
from torch.nn import functional as F

from gyebo.config import from_mapping
from gyebo.errors import UsageError
from gyebo.models.foundations.mlp import MLP, MLPConfig

SIZE = {"num_channels": 1, "num_classes": 4, "image_size": 3}


@pytest.mark.parametrize(("ours", "theirs"), [("sigmoid", "logistic"), ("tanh", "tanh"), ("relu", "relu"), ("linear", "identity")])
def test_equals_scikit_learn_with_its_weights(ours, theirs):
    draws = np.random.default_rng(0)
    patterns, labels = draws.normal(size=(40, 9)), np.arange(40) % 4
    reference = MLPClassifier((7, 5), activation=theirs, solver="lbfgs", max_iter=3, random_state=0)
    with pytest.warns(match="converge"):
        reference.fit(patterns, labels)
    model = MLP(MLPConfig(**SIZE, widths=(7, 5), activation=ours)).double()
    with torch.no_grad():
        for layer, weight, bias in zip([*model.hidden, model.output], reference.coefs_, reference.intercepts_, strict=True):
            layer.weight.copy_(torch.tensor(weight.T))
            layer.bias.copy_(torch.tensor(bias))
        probabilities = model(torch.tensor(patterns).view(40, 1, 3, 3)).softmax(1)
    np.testing.assert_allclose(probabilities.numpy(), reference.predict_proba(patterns), rtol=0, atol=1e-12)


def xor_loss(widths: tuple[int, ...], activation: str) -> float:
    torch.manual_seed(1)
    model = MLP(MLPConfig(num_channels=2, num_classes=2, image_size=1, widths=widths, activation=activation))
    corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])[:, :, None, None]
    labels = torch.tensor([0, 1, 1, 0])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(corners), labels)
        loss.backward()
        optimizer.step()
    return loss.item()


def test_a_hidden_layer_learns_xor():
    assert xor_loss((4,), "tanh") < 0.01


@pytest.mark.parametrize("widths", [(), (4,), (4, 4)])
def test_without_activations_it_is_no_better_than_guessing(widths):
    assert xor_loss(widths, "linear") > 0.99 * math.log(2)


@pytest.mark.parametrize(
    ("initialization", "expected"), [("normal", 0.01), ("xavier", math.sqrt(2 / 700)), ("he", math.sqrt(2 / 400))]
)
def test_weights_start_as_the_option_says(initialization, expected):
    torch.manual_seed(0)
    model = MLP(MLPConfig(num_channels=1, num_classes=4, image_size=20, widths=(300,), initialization=initialization))
    assert model.hidden[0].weight.std().item() == pytest.approx(expected, rel=0.02)
    assert not model.hidden[0].bias.any()


def test_widths_are_the_layers():
    model = MLP(MLPConfig(**SIZE, widths=(7, 5)))
    assert [tuple(layer.weight.shape) for layer in (*model.hidden, model.output)] == [(7, 9), (5, 7), (4, 5)]


def test_a_layer_without_units_is_refused():
    with pytest.raises(UsageError, match=r"widths=\[7, 0\] has a layer without units"):
        from_mapping(MLPConfig, SIZE | {"widths": [7, 0]})
