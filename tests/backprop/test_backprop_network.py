"""Layers, running estimates, and two networks that learn to read digits."""

import time
import warnings

import numpy as np
import pytest
import torch

from gyebo.backprop import (
    SGD,
    AffineLayer,
    BatchNormLayer,
    ConvolutionLayer,
    Network,
    Variable,
    batch_norm,
    flatten,
    max_pooling,
    relu,
    softmax_with_loss,
)


def mlp(generator):
    return Network(flatten, AffineLayer(64, 100, generator), relu, AffineLayer(100, 10, generator))


def cnn(generator):
    return Network(
        ConvolutionLayer(1, 8, 3, generator, padding=1),
        BatchNormLayer(8),
        relu,
        lambda x: max_pooling(x, 2),  # (B, 8, 4, 4)
        ConvolutionLayer(8, 16, 3, generator, padding=1),
        BatchNormLayer(16),
        relu,
        lambda x: max_pooling(x, 2),  # (B, 16, 2, 2)
        flatten,
        AffineLayer(64, 10, generator),
    )


@pytest.fixture(scope="module")
def digits():
    """1,797 images of 8 x 8 pixels; every fourth is kept for the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sklearn.datasets import load_digits
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 1, 8, 8) / 16
    test = np.arange(len(images)) % 4 == 3
    return images[~test], labels[~test], images[test], labels[test]


def train_digits(network, images, labels, *, num_epochs, learning_rate, generator):
    optimizer = SGD(learning_rate)
    for _ in range(num_epochs):
        order = generator.permutation(len(images))
        for batch in np.split(order, range(32, len(order), 32)):
            softmax_with_loss(network(images[batch]), labels[batch]).backward()
            optimizer.update(network.parameters)


@pytest.mark.parametrize(("build", "num_epochs"), [(mlp, 30), (cnn, 8)], ids=["mlp", "cnn"])
def test_digits_are_learnt(digits, build, num_epochs):
    train_images, train_labels, test_images, test_labels = digits
    generator = np.random.default_rng(0)
    network = build(generator)
    start = time.perf_counter()
    train_digits(network, train_images, train_labels, num_epochs=num_epochs, learning_rate=0.1, generator=generator)
    seconds = time.perf_counter() - start
    accuracy = (network.evaluate(test_images).value.argmax(axis=1) == test_labels).mean()
    print(f"{build.__name__}: {accuracy:.1%} of {len(test_labels)} test images after {num_epochs} epochs, {seconds:.1f} s")
    assert accuracy >= 0.95
    assert seconds <= 20


def test_a_whole_training_step_equals_torch(digits):
    """The same weights and batch: loss, gradients and the weights after one step of SGD."""
    images, labels = digits[0][:16], digits[1][:16]
    network = cnn(np.random.default_rng(0))
    reference = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, padding=1),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 16, 3, padding=1),
        torch.nn.BatchNorm2d(16),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(64, 10),
    ).double()
    theirs = list(reference.parameters())
    with torch.no_grad():
        for ours, parameter in zip(network.parameters, theirs, strict=True):
            value = ours.value.T if ours.value.ndim == 2 else ours.value  # torch.nn.Linear holds (F, D)
            parameter.copy_(torch.from_numpy(value))
    loss = softmax_with_loss(network(images), labels)
    expected = torch.nn.functional.cross_entropy(reference(torch.from_numpy(images)), torch.from_numpy(labels))
    loss.backward()
    expected.backward()
    SGD(0.1).update(network.parameters)
    torch.optim.SGD(theirs, 0.1).step()
    assert abs(float(loss.value) - expected.item()) <= 1e-12
    for ours, parameter in zip(network.parameters, theirs, strict=True):
        value = ours.value.T if ours.value.ndim == 2 else ours.value
        assert np.abs(value - parameter.detach().numpy()).max() <= 1e-12
    trained = reference.eval()(torch.from_numpy(images)).detach().numpy()
    assert np.abs(network.evaluate(images).value - trained).max() <= 1e-12


@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 4, 5)])
def test_running_estimates_equal_torch(shape):
    generator = np.random.default_rng(0)
    layer = BatchNormLayer(3)
    reference = (torch.nn.BatchNorm1d(3) if len(shape) == 2 else torch.nn.BatchNorm2d(3)).double()
    for _ in range(3):
        x = generator.normal(2.0, 3.0, size=shape)
        ours, expected = layer(Variable(x)).value, reference(torch.from_numpy(x)).detach().numpy()
        assert np.abs(ours - expected).max() <= 1e-12
    estimates = reference.state_dict()
    assert np.abs(layer.mean - estimates["running_mean"].numpy()).max() <= 1e-12
    assert np.abs(layer.variance - estimates["running_var"].numpy()).max() <= 1e-12
    before = layer.mean
    one = generator.normal(size=(1, *shape[1:]))
    expected = reference.eval()(torch.from_numpy(one)).detach().numpy()
    assert np.abs(layer.evaluate(Variable(one)).value - expected).max() <= 1e-12
    assert layer.mean is before


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((1, 3)), r"x \(1, 3\): less than two numbers a channel have no spread\. Give a larger batch"),
        (np.ones((0, 3)), "less than two numbers"),
        (np.ones((4, 2)), r"x \(4, 2\), scale \(3,\) and shift \(3,\); it takes"),
        (np.ones((4, 3, 2)), r"x \(4, 3, 2\)"),
    ],
)
def test_batches_that_cannot_be_normalised_are_one_paragraph(x, message):
    with pytest.raises(ValueError, match=message):
        batch_norm(x, np.ones(3), np.zeros(3))


def test_a_parameter_without_gradient_is_named():
    with pytest.raises(ValueError, match=r"'weight' of shape \(64, 100\) has no gradient: backward was not called"):
        SGD(0.1).update(mlp(np.random.default_rng(0)).parameters)


def test_an_update_leaves_the_given_array():
    array = np.ones(2)
    theta = Variable(array)
    theta.gradient = np.ones(2)
    SGD(0.5).update([theta])
    assert array.tolist() == [1, 1]
    assert theta.value.tolist() == [0.5, 0.5]
