"""What the package as a whole promises: it loads fast, and its font may be given away."""

import subprocess
import sys
from importlib import resources

import altair as alt
import pytest

import gyebo.views
from gyebo.training.surfaces import SURFACES
from gyebo.views.alignment import Alignment, alignment
from gyebo.views.curves import curves
from gyebo.views.descent import descent
from gyebo.views.entropy import LayerEntropy, entropy
from gyebo.views.gates import gates
from gyebo.views.gradients import gradient_norms
from gyebo.views.heads import heads
from gyebo.views.positions import positions

EVERY_VIEW = [
    curves([{"kind": "train", "step": 1, "loss": 1.0}, {"kind": "evaluation", "step": 1, "loss": 1.0, "best": True}]),
    alignment(["가", "나"], ["a"], [[0.5, 0.5]]),
    gates(["가", "나"], {"reset": [[0.5], [0.1]], "cell": [[-0.5], [0.1]]}),
    gradient_norms({"rnn": [1.0, 0.1, 0.0], "lstm": [1.0, 0.9]}),
    heads("heads", "Heads", "What is seen.", {"encoder.0": {"head 1": Alignment(["가"], ["나"], [[1.0]])}}),
    entropy([("self-attention", [LayerEntropy("encoder.0", [1.0], 2.0)])], 1),
    positions({"waves": [[0.0, 1.0], [0.8, 0.5]]}),
    descent(SURFACES["bowl"], {"by hand": [[-7.0, 2.0], [-1.0, 0.5]]}),
]


@pytest.mark.parametrize("figure", EVERY_VIEW, ids=lambda figure: figure.name)
def test_every_finished_specification_follows_the_schema(figure):
    alt.Chart.from_dict(figure.spec)  # raises where it does not


@pytest.mark.parametrize("figure", EVERY_VIEW, ids=lambda figure: figure.name)
def test_every_view_has_one_look_and_words_for_those_who_cannot_see_it(figure):
    assert figure.spec["config"]["font"].startswith("Gyebo Gothic, ")
    assert figure.spec["title"]["text"] == figure.title
    assert figure.spec["description"] == figure.caption


def test_importing_views_loads_no_drawing_library():
    program = "import sys, gyebo.views; print(*sorted({'altair', 'vl_convert', 'numpy', 'torch'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""


def test_the_font_comes_with_its_licence_and_without_a_reserved_name():
    folder = resources.files("gyebo.views").joinpath("fonts")
    font = folder.joinpath("GyeboGothic-Regular.ttf").read_bytes()
    assert len(font) <= 1_500_000
    assert "Gyebo Gothic".encode("utf-16-be") in font
    for reserved in ("NanumGothic", "Nanum Gothic", "나눔고딕"):
        assert reserved.encode("utf-16-be") not in font
    licence = folder.joinpath("OFL.txt").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE" in licence
    assert "Copyright (c) 2010, NAVER Corporation" in licence


def test_the_recorder_is_public_and_loaded_when_it_is_used():
    from gyebo.views import record
    from gyebo.views.recorder import record as own

    assert record is own
    with pytest.raises(AttributeError, match=r"module 'gyebo\.views' has no attribute 'banana'"):
        _ = gyebo.views.banana
