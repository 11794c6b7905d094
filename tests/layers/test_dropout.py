import pytest
import torch

from gyebo.layers.dropout import Dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("probability", [0.1, 0.35, 0.9])
def test_the_share_of_zeros_and_the_mean_are_right(probability, dtype):
    torch.manual_seed(0)
    numbers = Dropout(probability)(torch.ones(200_001, dtype=dtype))  # not a multiple of four
    share = (numbers == 0).double().mean().item()
    assert share == pytest.approx(probability, abs=5 * (probability * (1 - probability) / 200_001) ** 0.5)
    assert numbers.double().mean().item() == pytest.approx(1.0, abs=0.03)
    kept = numbers[numbers != 0]
    assert (kept == kept[0]).all()


def test_neighbours_are_dropped_independently():
    torch.manual_seed(0)
    kept = (Dropout(0.5)(torch.ones(100_000, 2)) != 0).double()
    assert (kept[:, 0] * kept[:, 1]).mean().item() == pytest.approx(0.25, abs=0.01)
    wide = (Dropout(0.5)(torch.ones(25_000, 4)) != 0).double()  # the four that come from one draw
    assert torch.corrcoef(wide.T).sub(torch.eye(4)).abs().max() < 0.03


def test_the_gradient_is_that_of_the_mask():
    torch.manual_seed(0)
    sequence = torch.randn(3, 5, 7, dtype=torch.float64, requires_grad=True)
    dropped = Dropout(0.4)(sequence)
    (gradient,) = torch.autograd.grad(dropped.sum(), sequence)
    torch.testing.assert_close(gradient * sequence, dropped)


def test_the_generator_decides():
    layer, numbers = Dropout(0.3), torch.ones(1000)
    torch.manual_seed(5)
    first = layer(numbers)
    torch.manual_seed(5)
    assert torch.equal(layer(numbers), first)
    assert not torch.equal(layer(numbers), first)


def test_nothing_happens_in_evaluation_or_at_probability_zero():
    numbers = torch.ones(9)
    assert Dropout(0.5).eval()(numbers) is numbers
    assert Dropout(0.0)(numbers) is numbers


def test_at_one_nothing_is_left_and_no_gradient_either():
    numbers = torch.ones(9, requires_grad=True)
    dropped = Dropout(1.0)(numbers)
    dropped.sum().backward()
    assert not dropped.any()
    assert numbers.grad is not None
    assert not numbers.grad.any()


@pytest.mark.parametrize("probability", [-0.1, 1.5])
def test_what_is_no_probability_is_refused(probability):
    with pytest.raises(ValueError, match=r"dropout=.* is not a probability, a number from 0 to 1"):
        Dropout(probability)
