"""The perceptron: a neuron that learns from its mistakes.  Rosenblatt 1958, Psychological Review 65(6).

    f(x) = w . x + b                        the unit says yes where f(x) > 0
    where t f(x) <= 0:  w += t x, b += t    t = +1 for yes, -1 for no; what is right changes nothing

That is stochastic gradient descent, one pattern a step and at a rate of 1, on the perceptron criterion max(0, -t f(x)). For several
classes there is a unit each, which learns to tell its class from all others; the class whose f is largest is the answer.

Novikoff 1962: on patterns that a separator w* of length 1 tells apart with t (w* . x) >= gamma, the rule makes at most (R / gamma)^2
mistakes, R = max |x|, however often it sees them (`mistake_bound`). On patterns that no line separates, it never ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gyebo.genealogy import Architecture, Size
from gyebo.layers.initialization import normal


@dataclass(frozen=True, kw_only=True)
class PerceptronConfig:
    num_channels: int
    num_classes: int
    image_size: int
    initial_std: float = 0.0  # of the first weights; from zero, the rate only scales them and changes no answer


def perceptron_criterion(scores: Tensor, targets: Tensor) -> Tensor:
    """max(0, -t f) of each unit and pattern.  Its gradient by f is -t wherever t f <= 0: a score of 0 is a mistake too.

    scores f and targets t, +1 or -1, of one shape.

    >>> scores = torch.tensor([-2.0, 0.0, -3.0], requires_grad=True)
    >>> criterion = perceptron_criterion(scores, torch.tensor([1.0, 1.0, -1.0]))
    >>> criterion.sum().backward()
    >>> criterion.sum().item(), scores.grad
    (2.0, tensor([-1., -1., 0.]))
    """
    agreement = targets * scores
    return (-agreement).masked_fill(agreement > 0, 0.0)


def mistake_bound(patterns: Tensor, targets: Tensor, separator: Tensor) -> float:
    """(R / gamma)^2: how many mistakes the rule can make at most, from zero weights.  Novikoff 1962.

    patterns (N, D), with a last column of ones where there is a bias; targets (N,), +1 or -1; separator (D,), of any length.
    Raises ValueError where the separator has a pattern on the wrong side, or on the line: then it bounds nothing.

    >>> mistake_bound(torch.tensor([[3.0, 4.0], [-1.0, 0.0]]), torch.tensor([1.0, -1.0]), torch.tensor([2.0, 0.0]))
    25.0
    """
    patterns, separator = patterns.double(), separator.double()
    margin = float((targets * (patterns @ separator)).min() / separator.norm())  # gamma
    if not margin > 0:
        raise ValueError(
            f"The separator has a margin of {margin:g}, but a bound needs one above 0: every pattern on its own side. Give another"
            " separator; where there is none, the perceptron never ends."
        )
    return (float(patterns.norm(dim=1).max()) / margin) ** 2


class Perceptron(nn.Module):
    """A unit for each class; a `gyebo.models.interfaces.ImageClassifier` with a loss of its own."""

    def __init__(self, config: PerceptronConfig) -> None:
        super().__init__()
        num_inputs = config.num_channels * config.image_size**2
        self.output = nn.Linear(num_inputs, config.num_classes)
        weight = normal((config.num_classes, num_inputs), config.initial_std, generator=torch.default_generator)
        self.output.weight = nn.Parameter(weight)
        nn.init.zeros_(self.output.bias)

    def features(self, images: Tensor) -> Tensor:
        return images.flatten(1)  # (B, C H W): the retina

    def logits(self, features: Tensor) -> Tensor:
        return self.output(features)  # (B, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))

    def training_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """The perceptron criterion, summed over units and images: each unit's target is +1 for its own class and -1 for the others."""
        scores = self(images)
        classes = torch.arange(scores.shape[1], device=labels.device)
        targets = torch.where(labels[:, None] == classes, 1.0, -1.0)  # (B, classes)
        return perceptron_criterion(scores, targets.to(scores.dtype)).sum()


ARCHITECTURE = Architecture(
    name="perceptron",
    title="Perceptron",
    year=1958,
    paper="Rosenblatt: The Perceptron: A Probabilistic Model for Information Storage and Organization in the Brain",
    link="https://doi.org/10.1037/h0042519",
    task="classify",
    parents={},
    differences=(
        "The units read the pixels themselves: Rosenblatt put a fixed layer of random connections, association units, between retina and"
        " responses. What learns is the same.",
        "Several classes have a unit each, against all others, and the largest score wins: his responses were yes or no, and this leaves"
        " each of them his rule. Kesler's construction, which compares two classes at a time, is another rule.",
        "A score of exactly 0 is taken for a mistake, whatever the target: with outputs of 0 and 1 one side would count as right. It is"
        " the convention of the convergence theorem, and lets zero weights begin to learn.",
        "Answers compare real scores, not the outputs of threshold units, which for several classes would often say yes twice.",
    ),
    sizes={
        "digits": Size(
            config={"num_channels": 1, "num_classes": 10, "image_size": 28},
            weights=7_840,
            parameters=7_850,
            multiply_adds=7_840,
            source="the paper prints no count: 28 x 28 pixels and a bias for each of 10 digits",
        ),
    },
    config=PerceptronConfig,
    model=Perceptron,
    tiny={"num_channels": 2, "num_classes": 5, "image_size": 4, "initial_std": 0.1},
)
