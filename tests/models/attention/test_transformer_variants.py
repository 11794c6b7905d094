"""What the Transformer's variants exchange, that they exchange nothing else, and what they refuse."""

from __future__ import annotations

import re

import pytest
import torch

from gyebo.decoding import DecodingConfig, beam_search
from gyebo.errors import UsageError
from gyebo.genealogy import architecture, facts
from gyebo.layers.limits import position_limit
from gyebo.layers.positions import LearnedPositions, RotaryPositions
from gyebo.models.attention.transformer import AddNorm, Transformer
from gyebo.models.attention.transformer_pre_norm import NormAdd
from gyebo.models.attention.transformer_rotary import NoPositions

VARIANTS = ("transformer-pre-norm", "transformer-learned-positions", "transformer-rotary")


def build(name: str, **changes: object) -> Transformer:
    entry = architecture(name)
    torch.manual_seed(0)
    return entry.model(entry.config(**(dict(entry.tiny) | changes))).eval()


def shapes(model: Transformer) -> dict[str, torch.Size]:
    return {name: parameter.shape for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_a_transformer_of_another_name(name):
    assert isinstance(build(name), Transformer)
    assert facts(name).variant_of == "transformer"
    assert not facts(name).parents
    assert issubclass(architecture(name).config, architecture("transformer").config)
    assert architecture(name).config is not architecture("transformer").config


def test_pre_norm_exchanges_the_norms():
    model, original = build("transformer-pre-norm"), build("transformer")
    added = shapes(model).keys() - shapes(original).keys()
    assert added == {f"{stack}_norm.{kind}" for stack in ("encoder", "decoder") for kind in ("weight", "bias")}
    assert {name: shape for name, shape in shapes(model).items() if name not in added} == shapes(original)
    kinds = [type(module) for module in model.modules()]
    assert kinds.count(NormAdd) == 10
    assert AddNorm not in kinds


def test_pre_norm_sums_what_its_layers_add():
    """Without the final norm, the stack's output is its input and what every sublayer added: nothing normalises the sum."""
    model = build("transformer-pre-norm")
    source, mask = torch.tensor([[5, 6, 3]]), torch.ones(1, 1, 1, 3, dtype=torch.bool)
    entering, leaving = [], []
    model.encoder[0].register_forward_pre_hook(lambda module, given: entering.append(given[0]))
    model.encoder_norm.register_forward_pre_hook(lambda module, given: leaving.append(given[0]))
    added = []
    for layer in model.encoder:
        for part in (layer.attention, layer.feed_forward):
            part.register_forward_hook(lambda module, given, output: added.append(output))
    model.remember(source, mask)
    torch.testing.assert_close(leaving[0], entering[0] + sum(added))


def test_learned_positions_exchange_the_waves():
    model, original = build("transformer-learned-positions", max_positions=9), build("transformer")
    added = {name: shape for name, shape in shapes(model).items() if name not in shapes(original)}
    assert added == {"source_positions.weight": (9, 12), "target_positions.weight": (9, 12)}
    assert isinstance(model.source_positions, LearnedPositions)


def test_rotary_turns_self_attention_and_adds_nothing():
    model = build("transformer-rotary")
    assert shapes(model) == shapes(build("transformer"))
    assert isinstance(model.source_positions, NoPositions)
    assert all(isinstance(layer.attention.rotation, RotaryPositions) for layer in model.encoder)
    assert all(isinstance(layer.masked_attention.rotation, RotaryPositions) for layer in model.decoder)
    assert all(layer.cross_attention.rotation is None for layer in model.decoder)


class TestLearnedLimit:
    """Nine positions for each side."""

    def model(self) -> Transformer:
        return build("transformer-learned-positions", max_positions=9)

    def test_the_longest_pair_is_read(self):
        logits = self.model()(torch.full((1, 9), 5), torch.tensor([9]), torch.full((1, 9), 5))
        assert logits.shape == (1, 9, 13)
        assert position_limit(self.model()) == 9

    @pytest.mark.parametrize(("source", "target"), [(10, 4), (4, 10)])
    def test_longer_ones_are_refused(self, source, target):
        with pytest.raises(UsageError, match=r"A sentence of 10 tokens is longer than the 9 positions .*--model\.max-positions"):
            self.model()(torch.full((1, source), 5), torch.tensor([source]), torch.full((1, target), 5))

    @pytest.mark.parametrize("beam", [1, 3])
    def test_a_search_ends_where_the_positions_end(self, beam):
        config = DecodingConfig(beam=beam, length_ratio=10.0)
        sources = torch.tensor([[5, 6, 7, 3], [8, 3, 0, 0]]), torch.tensor([4, 2])
        found = beam_search(self.model(), *sources, config, position_limit(self.model()))
        assert max(len(hypothesis.tokens) for row in found for hypothesis in row) == 9
        with pytest.raises(UsageError, match="A sentence of 10 tokens"):
            beam_search(self.model(), *sources, config)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("transformer-learned-positions", {"max_positions": 0}, "max_positions=0 leaves no place for a token"),
        (
            "transformer-rotary",
            {"num_heads": 4},
            "width=12 and num_heads=4 make heads of width 3, which cannot be turned in pairs; try width=24",
        ),
        ("transformer-rotary", {"num_heads": 5}, "width=12 does not split into num_heads=5 equal heads; try width=10"),
        ("transformer-pre-norm", {"tied": "all"}, "tied='all' shares one matrix between vocabularies of 11 and 13 tokens"),
    ],
)
def test_options_that_are_refused(name, changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        build(name, **changes)


@pytest.mark.parametrize("name", ["transformer", "transformer-pre-norm", "transformer-learned-positions", "transformer-rotary"])
@pytest.mark.parametrize("field", ["num_layers", "feed_forward_width"])
def test_no_layers_and_no_width_are_refused(name, field):
    entry = architecture(name)
    with pytest.raises(ValueError, match=f"{field}=0 leaves no Transformer"):
        entry.config(**{**entry.tiny, field: 0})
