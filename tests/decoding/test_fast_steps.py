"""What surrounds decoding: the model's own context, or packed products."""

from __future__ import annotations

from contextlib import nullcontext

from torch import nn

from gyebo.decoding import PackedProducts, fast_steps


class WithItsOwn(nn.Module):
    def fast_steps(self, sentences: int | None) -> nullcontext[str]:
        return nullcontext("its own")


def test_a_model_brings_its_own_context_or_has_its_products_packed():
    with fast_steps(WithItsOwn()) as entered:  # type: ignore[func-returns-value]
        assert entered == "its own"
    assert isinstance(fast_steps(nn.Linear(2, 3)), PackedProducts)
