import pytest
import torch
from torch.nn import functional as F

from gyebo.layers import cross_entropy
from gyebo.layers.cross_entropy import summed_cross_entropy


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [
        (torch.float64, 1e-12),
        (torch.float32, 1e-5),
        (torch.bfloat16, 1e-2),
    ],  # a bfloat16 has 8 bits: its gradient is rounded to them
)
def test_loss_and_gradient_are_those_of_torch(dtype, tolerance, smoothing, monkeypatch):
    monkeypatch.setattr(cross_entropy, "CHUNK", 3 * 13)  # several chunks, the last one smaller
    torch.manual_seed(0)
    logits = (3 * torch.randn(11, 13, dtype=torch.float64)).to(dtype).requires_grad_()
    target = torch.randint(13, (11,))
    ours = summed_cross_entropy(logits, target, smoothing)
    wide = logits.to(torch.promote_types(dtype, torch.float32))
    theirs = F.cross_entropy(wide, target, reduction="sum", label_smoothing=smoothing)
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
    gradients = [torch.autograd.grad(loss / 11, logits, retain_graph=True)[0] for loss in (ours, theirs)]
    torch.testing.assert_close(*gradients, rtol=tolerance, atol=tolerance / 10)


def test_two_backward_passes_give_the_same_gradient():
    logits = torch.randn(4, 5, requires_grad=True)
    loss = summed_cross_entropy(logits, torch.tensor([0, 1, 2, 3]))
    first, second = (torch.autograd.grad(loss, logits, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_large_logits_stay_finite_and_the_logits_stay_as_they_are():
    logits = torch.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    before = logits.detach().clone()
    loss = summed_cross_entropy(logits, torch.tensor([1]))
    loss.backward()
    assert loss.item() == pytest.approx(2e4)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert torch.equal(logits.detach(), before)


def test_no_rows_have_no_loss():
    assert summed_cross_entropy(torch.zeros(0, 5), torch.zeros(0, dtype=torch.int64)).item() == 0


def test_compiled_it_is_the_plain_one():
    torch.manual_seed(0)
    logits, target = torch.randn(6, 5), torch.randint(5, (6,))
    compiled = torch.compile(summed_cross_entropy, backend="aot_eager")
    torch.testing.assert_close(compiled(logits, target, 0.1), summed_cross_entropy(logits, target, 0.1))


def test_a_token_without_probability_costs_nothing_without_smoothing():
    logits, target = torch.tensor([[0.0, 1.0, -torch.inf]]), torch.tensor([0])
    torch.testing.assert_close(summed_cross_entropy(logits, target), F.cross_entropy(logits, target))


def test_float64_stays_float64_under_the_compiler(monkeypatch):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert summed_cross_entropy(torch.zeros(2, 4, dtype=torch.float64), torch.tensor([1, 3])).dtype == torch.float64
    assert summed_cross_entropy(torch.zeros(2, 4, dtype=torch.bfloat16), torch.tensor([1, 3])).dtype == torch.float32
