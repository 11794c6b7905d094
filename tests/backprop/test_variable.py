"""The graph: order, branches, depth, and what a variable may hold."""

import numpy as np
import pytest
from operation_cases import gradient_of

from gyebo.backprop import Variable, add, apply, multiply, sigmoid, topological_order, total
from gyebo.backprop.arithmetic import Multiply


def test_two_apples():
    """The example of the book: 2 apples at 100, tax 1.1."""
    apple, number, tax = Variable(100.0), Variable(2.0), Variable(1.1)
    price = apple * number * tax
    price.backward()
    gradients = [gradient_of(variable) for variable in (apple, number, tax)]
    assert np.allclose([price.value, *gradients], [220, 2.2, 110, 200], rtol=1e-15)


def test_branches_sum():
    x = Variable(3.0)
    square = x * x
    (square * square + square + x).backward()
    assert x.gradient == 4 * 27 + 2 * 3 + 1
    assert square.gradient == 2 * 9 + 1


def test_a_diamond_is_walked_after_both_of_its_sides():
    x = Variable(2.0)
    left, right = x * 3.0, sigmoid(x)
    result = left * (right + left)
    order = topological_order(result)
    assert len(order) == len(set(order))
    for variable in order:
        assert all(order.index(source) < order.index(variable) for source in variable.inputs)
    result.backward()
    s = 1 / (1 + np.exp(-2.0))
    assert np.isclose(gradient_of(x), 3 * s + 6 * s * (1 - s) + 36, rtol=1e-14)


@pytest.mark.parametrize("length", [5_000, 20_000])
def test_a_deep_graph_needs_no_deep_stack(length):
    x = result = Variable(1.0)
    for _ in range(length):
        result = result + 1.0
    result.backward()
    assert result.value == length + 1
    assert x.gradient == 1
    del result  # is taken down without overflow as well


def test_a_graph_of_many_paths_is_walked_once():
    result = x = Variable(1.0)
    for _ in range(60):
        result = result + result  # 2^60 paths
    result.backward()
    assert x.gradient == 2.0**60


def test_backward_begins_anew():
    x = Variable(3.0)
    square = x * x
    square.backward()
    square.backward()
    assert x.gradient == 6
    square.backward(0.5)
    assert x.gradient == 3


def test_a_failed_backward_leaves_the_gradients():
    x = Variable([1.0, 2.0])
    total(x).backward()
    with pytest.raises(ValueError):
        (x * 2.0).backward()
    assert x.gradient is not None


def test_one_operation_may_be_applied_twice():
    operation = Multiply()
    a, b, c = Variable(2.0), Variable(3.0), Variable(5.0)
    apply(operation, apply(operation, a, b), c).backward()
    assert (a.gradient, b.gradient, c.gradient) == (15, 10, 6)


def test_arrays_and_numbers_join_on_either_side():
    x = Variable([1.0, 2.0])
    for result in (np.array([3.0, 4.0]) * x, x * [3.0, 4.0], multiply([3, 4], x)):
        assert result.value.tolist() == [3, 8]
        result.backward([1, 1])
        assert gradient_of(x).tolist() == [3, 4]
    assert (np.ones(2) - x).value.tolist() == [0, -1]
    assert (1 - x).value.tolist() == [0, -1]
    assert (x - 1).value.tolist() == [0, 1]
    assert (np.ones((1, 2)) @ Variable(np.ones((2, 1)))).value.tolist() == [[2]]


def test_whole_numbers_become_real_ones_and_given_arrays_are_shared():
    array = np.ones(3)
    assert Variable(array).value is array
    assert Variable([1, 2]).value.dtype == np.float64
    assert Variable(np.float32(1)).value.dtype == np.float32


def test_plain_numbers_take_the_type_beside_them():
    x = Variable(np.ones(2, np.float32))
    for result in (2 * x, x + 1, -x, 1.5 - x, x - 1.5):
        assert result.value.dtype == np.float32
    assert (x * np.ones(2)).value.dtype == np.float64  # as NumPy joins arrays


def test_what_is_printed_is_short():
    assert repr(Variable(np.ones((4, 5)))) == "Variable(shape (4, 5))"
    assert repr(add(1.0, 2.0)) == "Variable(3.0, made by Add)"


@pytest.mark.parametrize("value", ["text", None, 1j, {"a": 1}, ["1", "2"], [[1], [1, 2]]])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="A variable holds an array of real numbers"):
        Variable(value)


def test_several_numbers_have_no_single_gradient():
    with pytest.raises(ValueError, match=r"came to a variable of shape \(2,\).* total\(variable\)"):
        Variable([1.0, 2.0]).backward()


def test_a_gradient_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"a gradient of shape \(1, 2\), and its variable has shape \(2,\)\. Give one number"):
        Variable([1.0, 2.0]).backward([[1.0, 1.0]])
