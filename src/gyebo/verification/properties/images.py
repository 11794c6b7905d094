"""What holds of a classifier's images: an architecture says which are too small for it."""

from __future__ import annotations

import torch

from gyebo.verification.images import ClassifierSubject

__all__ = ["images_that_are_too_small_are_refused"]


def images_that_are_too_small_are_refused(subject: ClassifierSubject) -> None:
    """Images too small for the layers are refused when the model is built, with the smallest size that works, and that one works."""
    smallest = subject.smallest_size()
    if smallest > 1:
        told = subject.refusal(smallest - 1)
        assert str(smallest) in told, f"{smallest} is the smallest size, and the refusal of {smallest - 1} does not name it: {told}"
    model = subject.build(config=subject.of_size(smallest))
    with torch.no_grad():
        logits = model(*subject.arguments(subject.sized_batch(2, smallest)))
    assert logits.isfinite().all(), f"at the smallest size, {smallest}, a logit is not finite"
