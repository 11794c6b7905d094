"""Surfaces have the minima that they name, and the rules go down them as fast as was measured with torch's own optimizers.

The measured numbers were taken with torch.optim in double precision, one rule at a time, at these rates.  They are counts of
steps on a fixed surface from a fixed start, so they come out the same everywhere.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gyebo.training.descent_paths import at_rates, path, paths, steps_until
from gyebo.training.surfaces import SURFACES
from gyebo.training.update_rules import RULES, AdadeltaSettings, RMSpropSettings

BOWL, SADDLE = SURFACES["bowl"], SURFACES["saddle"]


def rule_at(name, **settings):
    return replace(RULES[name], settings=replace(RULES[name].settings, **settings))


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES.keys())
def test_minima_are_where_they_are_said_to_be(surface):
    point = torch.tensor(surface.minimum or (0.0, 0.0), dtype=torch.float64, requires_grad=True)
    surface(point).backward()
    assert (surface(point).item(), point.grad.tolist()) == (0, [0, 0])
    curvatures = torch.linalg.eigvalsh(torch.autograd.functional.hessian(surface, point.detach()))
    assert (curvatures.min() > 0) == (surface.minimum is not None)
    for (low, high), value in zip((surface.horizontal, surface.vertical), surface.start, strict=True):
        assert low < value < high


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES.keys())
def test_at_the_rates_of_a_surface_every_rule_gets_somewhere_on_it(surface):
    assert surface.rates.keys() == RULES.keys()
    for name, points in paths(at_rates(surface.rates), surface, 100).items():
        heights = surface(points)
        assert heights[-1] < 0.9 * heights[0], name
        inside = points[:15]
        for (low, high), numbers in zip((surface.horizontal, surface.vertical), inside.T, strict=True):
            assert low <= numbers.min() <= numbers.max() <= high, name


# f = x^2 / 20 + y^2 from (-7, 2): the steps until f < 1e-3, and f after 30 steps to two digits.
ON_THE_BOWL = [
    ("gradient-descent", {"rate": 0.95}, 43, 0.013),
    ("momentum", {"rate": 0.1}, 58, 0.048),
    ("nesterov", {"rate": 0.1}, 24, 0.024),
    ("adagrad", {"rate": 1.5}, 29, 7.2e-4),
    ("rmsprop", {"rate": 0.1}, 52, 0.024),
    ("rmsprop", {"rate": 0.1, "rho": 0.9}, 85, 0.60),
    ("adam", {"rate": 0.3}, 63, 0.10),
    ("adamax", {"rate": 0.3}, 78, 0.073),
    ("nadam", {"rate": 0.3}, 42, 0.058),
    ("adadelta", {"rho": 0.95}, 1637, 5.8),
]


@pytest.mark.parametrize(("name", "settings", "num_steps", "after_30"), ON_THE_BOWL)
def test_steps_down_the_bowl(name, settings, num_steps, after_30):
    points = path(rule_at(name, **settings), BOWL, max(num_steps, 30))
    assert points[0].tolist() == [-7, 2]
    assert steps_until(lambda points: BOWL(points) < 1e-3, points) == num_steps
    assert BOWL(points)[30].item() == pytest.approx(after_30, rel=0.05)


def test_rmsprop_at_a_constant_rate_never_settles():
    """It hovers at the size of its rate: f stays at 2.6e-3."""
    losses = BOWL(path(rule_at("rmsprop", rate=0.1, rho=0.9), BOWL, 2000))
    assert losses[-1].item() == pytest.approx(2.6e-3, rel=0.02)
    assert losses[-100:].min() > 2e-3


def test_gradient_descent_diverges_from_two_over_the_curvature_on():
    """The largest curvature of the bowl is 2, so 1 is the limit."""
    above, below = (BOWL(path(rule_at("gradient-descent", rate=rate), BOWL, 300)) for rate in (1.01, 0.99))
    assert above[-1] > 1e5
    assert below[-1] < 0.05


# x^2 - y^2 from (1, 1e-3): the steps until |y| > 1, at rate 0.01 (Adadelta 1).
OFF_THE_SADDLE = [
    ("gradient-descent", {"rate": 0.01}, 349),
    ("momentum", {"rate": 0.01}, 72),
    ("adagrad", {"rate": 0.01}, 1263),
    ("rmsprop", {"rate": 0.01, "rho": 0.9}, 72),
    ("adam", {"rate": 0.01}, 77),
    ("adadelta", {"rho": 0.95}, 27),
]


@pytest.mark.parametrize(("name", "settings", "num_steps"), OFF_THE_SADDLE)
def test_steps_off_the_saddle(name, settings, num_steps):
    points = path(rule_at(name, **settings), SADDLE, num_steps)
    assert steps_until(lambda points: points[:, 1].abs() > 1, points) == num_steps


def test_the_paths_are_those_of_torchs_optimizers():
    """On Beale's function, whose gradient depends on both parameters."""
    surface = SURFACES["beale"]
    point = torch.nn.Parameter(torch.tensor(surface.start, dtype=torch.float64))
    optimizer = torch.optim.Adam([point], lr=0.1)
    for ours in paths(at_rates({"adam": 0.1}), surface, 50)["adam"][1:]:
        optimizer.zero_grad()
        surface(point).backward()
        optimizer.step()
        torch.testing.assert_close(ours, point.detach(), rtol=1e-12, atol=1e-12)


def test_every_rule_has_its_path():
    found = paths(RULES, SURFACES["rosenbrock"], 3)
    assert list(found) == list(RULES)
    assert {points.shape for points in found.values()} == {(4, 2)}
    assert path(RULES["adam"], BOWL, 0).tolist() == [[-7, 2]]


def test_what_is_never_reached_is_none():
    assert steps_until(lambda points: BOWL(points) < 1e-3, path(RULES["adam"], BOWL, 5)) is None


def test_adadeltas_paper_has_another_rho_than_torch():
    assert (RULES["adadelta"].settings, RULES["rmsprop"].settings) == (AdadeltaSettings(rho=0.9), RMSpropSettings(rho=0.99))


def test_messages():
    with pytest.raises(ValueError, match=r"There is no update rule 'adm'\. Known are: gradient-descent, momentum"):
        at_rates({"adm": 0.1})
    with pytest.raises(ValueError, match="num_steps=-1 came, but a path has 0 steps or more"):
        path(RULES["adam"], BOWL, -1)
    with pytest.raises(ValueError, match=r"Points of shape \(3,\) came, but \(\.\.\., 2\) was expected"):
        BOWL(torch.zeros(3))
