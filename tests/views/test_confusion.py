"""The confusion matrix as a figure."""

import altair as alt
import numpy as np
import pytest

from gyebo.views.confusion import confusion


def test_each_cell_holds_its_count_and_each_axis_its_classes():
    figure = confusion(["it's a cat", "개"], [[90, 7], [0, 51]])
    assert figure.data == {"classes": ["it's a cat", "개"], "counts": [[90, 7], [0, 51]]}
    alt.Chart.from_dict(figure.spec)
    drawn = figure.to_svg()
    for text in (">90<", ">7<", ">51<", "it's a cat", "개", "taken for", "share of the row"):
        assert text in drawn, text
    assert ">0<" not in drawn, "an empty cell stays empty"


def test_the_shade_of_a_mistake_is_its_share_of_the_row():
    [values] = [data["values"] for data in [confusion(["a", "b"], [[3, 1], [0, 0]]).spec["data"]]]
    assert {(row["label"], row["predicted"]): row["share"] for row in values} == {
        ("a", "a"): 0.75,
        ("a", "b"): 0.25,
        ("b", "a"): 0.0,
        ("b", "b"): 0.0,
    }


def test_no_mistake_at_all_can_be_drawn():
    assert confusion(["a", "b"], [[3, 0], [0, 2]]).to_png()[1:4] == b"PNG"


def test_many_classes_have_no_numbers():
    counts = np.diag(np.full(17, 1234))
    assert "1,234" not in confusion([f"class {number}" for number in range(17)], counts.tolist()).to_svg()
    assert "1,234" in confusion([f"class {number}" for number in range(16)], counts[:16, :16].tolist()).to_svg()


@pytest.mark.parametrize(
    ("classes", "counts", "message"),
    [
        (["a"], [[1]], "of 1 classes cannot be drawn; give 2 to 100"),
        ([str(number) for number in range(101)], [[0]], "of 101 classes"),
        (["a", "b"], [[1, 2]], r"2 classes need .* their shape is \(1, 2\)"),
        (["a", "b"], [[1, -2], [0, 1]], "counts from 0"),
        (["a", "b"], [[0.5, 0.5], [0, 1]], "counts from 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(classes, counts, message):
    with pytest.raises(ValueError, match=message):
        confusion(classes, counts)
