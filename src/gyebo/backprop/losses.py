"""From predictions to one number: cross-entropy for classes, mean squared error for values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["MeanSquaredError", "SoftmaxWithLoss"]

Array = np.ndarray


@dataclass(eq=False)
class SoftmaxWithLoss:
    """Cross-entropy of softmax, the mean over the batch.  logits (B, V) and labels (B,), numbers of classes -> one number.

    L = 1/B sum_i (log sum_j e^z_ij - z_i,label)        p = softmax(z)        dL/dz = (p - one-hot label) / B

    The maximum is taken out of the exponentials first (log-sum-exp), so that no logit is too large for them.
    """

    labels: Array

    def forward(self, logits: Array) -> Array:
        self.labels = _checked_labels(self.labels, logits)
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (B, V)
        self.probabilities = np.exp(log_probabilities)
        return -log_probabilities[np.arange(len(logits)), self.labels].mean()

    def backward(self, gradient: Array) -> tuple[Array]:
        num_examples, num_classes = self.probabilities.shape
        one_hot = np.eye(num_classes)[self.labels]  # (B, V)
        return (gradient * (self.probabilities - one_hot) / num_examples,)


class MeanSquaredError:
    """L = the mean of (prediction - target)^2 over all n numbers.  dL/dprediction = 2 (prediction - target) / n."""

    def forward(self, prediction: Array, target: Array) -> Array:
        if prediction.shape != target.shape or not prediction.size:
            raise ValueError(
                f"A mean squared error came with a prediction of shape {prediction.shape} and a target of shape {target.shape}; "
                "it takes two of the same shape, with at least one number. Reshape the target to the prediction's shape."
            )
        self.difference = prediction - target
        return (self.difference**2).mean()

    def backward(self, gradient: Array) -> tuple[Array, Array]:
        at_prediction = gradient * 2 * self.difference / self.difference.size
        return at_prediction, -at_prediction


def _checked_labels(labels: Array, logits: Array) -> Array:
    labels = np.asarray(labels)
    if logits.ndim != 2 or not logits.size or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"A softmax with loss came with logits of shape {logits.shape} and labels of shape {labels.shape}; it takes logits "
            "(B, V) and one label for each example, (B,). Give the numbers of the classes, not one-hot rows."
        )
    whole = labels.dtype.kind in "iu"
    if not whole or labels.min() < 0 or labels.max() >= logits.shape[1]:
        came = f"from {labels.min()} to {labels.max()}" if whole else f"of type {labels.dtype}"
        raise ValueError(
            f"A softmax with loss over {logits.shape[1]} classes came with labels {came}; it takes whole numbers from 0 to "
            f"{logits.shape[1] - 1}. Number the classes from 0."
        )
    return labels
