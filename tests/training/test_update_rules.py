"""Every update rule equals torch's optimizer step by step, and its paper's form where the docstring says that it does."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from gyebo.training.update_rules import (
    RULES,
    AdadeltaSettings,
    AdagradSettings,
    AdamSettings,
    AdamState,
    AMSGradState,
    GradientDescentSettings,
    MomentumSettings,
    NadamSettings,
    NesterovSettings,
    RMSpropSettings,
    Velocity,
    adam,
    amsgrad,
    momentum,
    nadam,
    nesterov,
)

NUM_STEPS = 50
SHAPE = (3, 5)

# A rule, its settings where they are not the defaults, torch's optimizer, and the options that say the same to it.
CASES = [
    ("gradient-descent", {}, torch.optim.SGD, {}),
    ("gradient-descent", {"rate": 0.1, "weight_decay": 0.3}, torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.3}),
    ("momentum", {}, torch.optim.SGD, {"momentum": 0.9}),
    ("momentum", {"momentum": 0.0}, torch.optim.SGD, {}),
    ("momentum", {"rate": 0.1, "weight_decay": 0.3}, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.3}),
    ("momentum", {"momentum": 0.7, "dampening": 0.4}, torch.optim.SGD, {"momentum": 0.7, "dampening": 0.4}),
    ("nesterov", {}, torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    (
        "nesterov",
        {"rate": 0.1, "momentum": 0.5, "weight_decay": 0.3},
        torch.optim.SGD,
        {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.3, "nesterov": True},
    ),
    ("adagrad", {}, torch.optim.Adagrad, {}),
    (
        "adagrad",
        {"rate": 0.3, "rate_decay": 0.2, "epsilon": 0.1, "weight_decay": 0.3},
        torch.optim.Adagrad,
        {"lr": 0.3, "lr_decay": 0.2, "eps": 0.1, "weight_decay": 0.3},
    ),
    ("adadelta", {}, torch.optim.Adadelta, {}),
    (
        "adadelta",
        {"rate": 0.5, "rho": 0.95, "epsilon": 1e-2, "weight_decay": 0.3},
        torch.optim.Adadelta,
        {"lr": 0.5, "rho": 0.95, "eps": 1e-2, "weight_decay": 0.3},
    ),
    ("rmsprop", {}, torch.optim.RMSprop, {}),
    (
        "rmsprop",
        {"rate": 0.1, "rho": 0.9, "epsilon": 0.1, "weight_decay": 0.3},
        torch.optim.RMSprop,
        {"lr": 0.1, "alpha": 0.9, "eps": 0.1, "weight_decay": 0.3},
    ),
    *(
        (name, ours, kind, theirs | extra)
        for name, kind, extra in [
            ("adam", torch.optim.Adam, {}),
            ("amsgrad", torch.optim.Adam, {"amsgrad": True}),
            ("adamw", torch.optim.AdamW, {}),
            ("adamax", torch.optim.Adamax, {}),
            ("nadam", torch.optim.NAdam, {}),
        ]
        for ours, theirs in [
            ({}, {}),
            (
                {"rate": 0.1, "betas": (0.8, 0.7), "epsilon": 0.1, "weight_decay": 0.3},
                {"lr": 0.1, "betas": (0.8, 0.7), "eps": 0.1, "weight_decay": 0.3},
            ),
            ({"betas": (0.0, 0.5)}, {"betas": (0.0, 0.5)}),
        ]
    ),
    ("nadam", {"momentum_decay": 0.0}, torch.optim.NAdam, {"momentum_decay": 0.0}),
    ("nadam", {"momentum_decay": math.inf}, torch.optim.NAdam, {"momentum_decay": math.inf}),
]


def parameters_and_gradients() -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients of many sizes, so that epsilon counts in some of them; the first fifth is zero at times."""
    generator = torch.Generator().manual_seed(1)
    parameters, gradients = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in (SHAPE, (NUM_STEPS, *SHAPE)))
    gradients *= torch.logspace(-6, 2, SHAPE[1], dtype=torch.float64)
    gradients[::3, :, 0] = 0
    return parameters, gradients


@pytest.fixture
def double_precision():
    """torch's Nadam keeps its product of momenta in the default dtype, so that in single precision it is off by 1e-9."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize(("name", "settings", "kind", "options"), CASES, ids=lambda value: str(value)[:40])
def test_equals_torch_at_every_step(name, settings, kind, options):
    rule = dataclasses.replace(RULES[name], settings=dataclasses.replace(RULES[name].settings, **settings))
    parameters, gradients = parameters_and_gradients()
    theirs = torch.nn.Parameter(parameters.clone())
    optimizer = kind([theirs], foreach=False, **options)
    state = rule.start(parameters)
    for gradient in gradients:
        parameters, state = rule.step(parameters, gradient, state)
        theirs.grad = gradient.clone()
        optimizer.step()
        torch.testing.assert_close(parameters, theirs.detach(), rtol=1e-12, atol=1e-12)  # same sums, other order


def test_every_rule_is_compared_with_torch():
    assert {name for name, *_ in CASES} == RULES.keys()


@pytest.mark.parametrize("name", RULES)
def test_what_came_is_left_as_it_was(name):
    rule = RULES[name]
    parameters, gradients = parameters_and_gradients()
    state, kept = rule.start(parameters), parameters.clone()
    for gradient in gradients[:2]:
        before = dataclasses.asdict(state) if state is not None else {}
        _, after = rule.step(parameters, gradient, state)
        torch.testing.assert_close(dataclasses.asdict(state) if state is not None else {}, before, rtol=0, atol=0)
        state = after
    torch.testing.assert_close((parameters, gradients), (kept, parameters_and_gradients()[1]), rtol=0, atol=0)


def bowl_gradient(parameters: torch.Tensor) -> torch.Tensor:
    return parameters * torch.tensor([0.1, 2.0], dtype=torch.float64)


def test_ruders_momentum_is_the_same_path():
    """v' = mu v + lr g, th' = th - v'.  arXiv 1609.04747, section 4.1."""
    settings = MomentumSettings(rate=0.1)
    ours = theirs = torch.tensor([-7.0, 2.0], dtype=torch.float64)
    state, velocity = Velocity(), torch.zeros_like(theirs)
    for _ in range(NUM_STEPS):
        ours, state = momentum(ours, bowl_gradient(ours), state, settings)
        velocity = 0.9 * velocity + 0.1 * bowl_gradient(theirs)
        theirs = theirs - velocity
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_nesterovs_parameters_stand_where_ruders_velocity_leads():
    """v' = mu v + lr grad(th - mu v), th' = th - v': ours are th - mu v.  arXiv 1609.04747, section 4.2."""
    settings = NesterovSettings(rate=0.1)
    ours = theirs = torch.tensor([-7.0, 2.0], dtype=torch.float64)
    state, velocity = Velocity(), torch.zeros_like(theirs)
    for _ in range(NUM_STEPS):
        ours, state = nesterov(ours, bowl_gradient(ours), state, settings)
        velocity = 0.9 * velocity + 0.1 * bowl_gradient(theirs - 0.9 * velocity)
        theirs = theirs - velocity
        torch.testing.assert_close(ours, theirs - 0.9 * velocity, rtol=1e-12, atol=1e-12)
    assert (ours - theirs).abs().max() > 1e-3


def test_nadam_with_constant_momentum_is_dozats_and_not_ruders():
    """The momentum term is corrected with 1 - b1^(t + 1) in Dozat 2016 and with 1 - b1^t in Ruder's text, section 4.8."""

    def last(correction_ahead: int) -> torch.Tensor:
        parameters, gradients = parameters_and_gradients()
        first = second = torch.zeros_like(parameters)
        for time, gradient in enumerate(gradients, start=1):
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            ahead = 0.9 * first / (1 - 0.9 ** (time + correction_ahead)) + 0.1 * gradient / (1 - 0.9**time)
            parameters = parameters - 0.002 * ahead / ((second / (1 - 0.999**time)).sqrt() + 1e-8)
        return parameters

    parameters, gradients = parameters_and_gradients()
    state = RULES["nadam"].start(parameters)
    for gradient in gradients:
        parameters, state = nadam(parameters, gradient, state, NadamSettings(momentum_decay=math.inf))
    torch.testing.assert_close(parameters, last(1), rtol=1e-12, atol=1e-12)
    assert (parameters - last(0)).abs().max() > 1e-3


def test_amsgrads_second_moment_never_falls_and_adams_does():
    parameters = torch.zeros(1)
    held, falling = AMSGradState.start(parameters), AdamState.start(parameters)
    for gradient in [10.0, *[0.1] * 20]:
        _, held = amsgrad(parameters, torch.tensor([gradient]), held, AdamSettings(betas=(0.9, 0.5)))
        _, falling = adam(parameters, torch.tensor([gradient]), falling, AdamSettings(betas=(0.9, 0.5)))
    assert held.largest_second_moment.item() == 50
    assert falling.second_moment.item() < 0.02


@pytest.mark.parametrize("name", RULES)
def test_shapes_that_differ_are_refused(name):
    rule = RULES[name]
    with pytest.raises(ValueError, match=r"The gradient has shape \(5,\), but the parameters have \(3, 5\)"):
        rule.step(torch.zeros(SHAPE), torch.zeros(5), rule.start(torch.zeros(SHAPE)))
    if rule.start(torch.zeros(1)) is not None:
        _, of_others = rule.step(torch.zeros(5), torch.zeros(5), rule.start(torch.zeros(5)))
        with pytest.raises(ValueError, match=r"has shape \(5,\), but the parameters have \(3, 5\).*the state that belongs"):
            rule.step(torch.zeros(SHAPE), torch.zeros(SHAPE), of_others)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.title)
@pytest.mark.parametrize("rate", [-0.1, 0.0, math.nan, math.inf])
def test_a_rate_that_leads_nowhere_is_refused(rule, rate):
    with pytest.raises(ValueError, match=f"rate={rate:g} came, but a learning rate is a finite number above 0. Try 0.001"):
        dataclasses.replace(rule.settings, rate=rate)


@pytest.mark.parametrize(
    ("settings", "options", "message"),
    [
        (GradientDescentSettings, {"weight_decay": -0.1}, "weight_decay=-0.1 came, but weight_decay is 0 or above"),
        (
            MomentumSettings,
            {"momentum": 1.0},
            "momentum=1 came, but it is the share of the old that is kept: from 0 up to, not incl",
        ),
        (MomentumSettings, {"dampening": -1.0}, "dampening=-1 came"),
        (NesterovSettings, {"momentum": -0.5}, "momentum=-0.5 came"),
        (NesterovSettings, {"weight_decay": math.nan}, "weight_decay=nan came"),
        (AdagradSettings, {"rate_decay": -1.0}, "rate_decay=-1 came, but rate_decay is 0 or above. Give 0 to leave it out."),
        (AdadeltaSettings, {"rho": 1.0}, "rho=1 came"),
        (RMSpropSettings, {"epsilon": -1e-8}, "epsilon=-1e-08 came"),
        (AdamSettings, {"betas": (0.9, 1.0)}, "beta 2=1 came"),
        (AdamSettings, {"betas": (math.nan, 0.9)}, "beta 1=nan came"),
        (NadamSettings, {"momentum_decay": -1.0}, "momentum_decay=-1 came"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, options, message):
    with pytest.raises(ValueError) as caught:
        settings(**options)
    assert message in str(caught.value)
