"""The Transformer: its modules, its formulas, layer by layer beside torch's, and hypotheses that share a memory."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from gyebo.decoding import DecodingConfig, beam_search
from gyebo.decoding.rows import repeat_rows, select_rows
from gyebo.genealogy import architecture, parameter_counts
from gyebo.layers.multi_head import MaskedMultiHeadAttention, MultiHeadAttention
from gyebo.layers.positions import SinusoidalPositions, sinusoids
from gyebo.layers.sequence import real_positions
from gyebo.models.attention.transformer import (
    AddNorm,
    DecoderLayer,
    EncoderLayer,
    FeedForward,
    InputEmbedding,
    Transformer,
    TransformerConfig,
)
from gyebo.models.attention.transformer_pre_norm import NormAdd
from gyebo.models.attention.transformer_rotary import NoPositions
from gyebo.models.interfaces import BEGIN, END

CONFIG = TransformerConfig(
    source_vocabulary=11, target_vocabulary=13, width=12, num_heads=3, num_layers=2, feed_forward_width=10, dropout=0.0
)
NAMES = ("transformer", "transformer-pre-norm", "transformer-learned-positions", "transformer-rotary")
SOURCE, SOURCE_LENGTHS = torch.tensor([[5, 6, 7, 8, 3], [9, 4, 3, 0, 0], [6, 10, 5, 3, 0]]), torch.tensor([5, 3, 4])
TOLERANCE = 1e-12  # float64: the same sums in another order


def build(name: str = "transformer", **changes: object) -> Transformer:
    entry = architecture(name)
    torch.manual_seed(0)
    return entry.model(entry.config(**(dict(entry.tiny) | changes))).double().eval()


def near(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=TOLERANCE)


def test_the_six_modules_of_the_paper_are_there():
    kinds = [type(module) for module in build().modules()]
    layers = CONFIG.num_layers
    found = {
        InputEmbedding: 2,
        SinusoidalPositions: 2,
        MultiHeadAttention: 2 * layers,  # the encoder's own, and the decoder's of the memory
        MaskedMultiHeadAttention: layers,
        AddNorm: 5 * layers,
        FeedForward: 2 * layers,
    }
    assert {kind: kinds.count(kind) for kind in found} == found


def test_embeddings_are_scaled_by_the_root_of_the_width():
    model = build()
    near(model.source_embedding(SOURCE), model.source_embedding.weight[SOURCE] * math.sqrt(12))
    read = []
    model.encoder[0].register_forward_pre_hook(lambda module, given: read.append(given[0]))
    model.encode(SOURCE, SOURCE_LENGTHS)
    near(read[0], model.source_embedding.weight[SOURCE] * math.sqrt(12) + sinusoids(torch.arange(5), 12, torch.float64))


class TestTies:
    def test_target_and_output_share_one_tensor(self):
        model = build(tied="target")
        assert model.output.weight is model.target_embedding.weight
        assert model.source_embedding.weight is not model.target_embedding.weight
        features = torch.randn(2, 12, dtype=torch.float64)
        near(model.logits(features), features @ model.target_embedding.weight.T)

    def test_all_three_share_one_tensor(self):
        model = build(tied="all", source_vocabulary=13)
        assert model.output.weight is model.target_embedding.weight is model.source_embedding.weight

    def test_none_shares(self):
        model = build(tied="none")
        assert len({id(part.weight) for part in (model.output, model.target_embedding, model.source_embedding)}) == 3

    @pytest.mark.parametrize(("tied", "matrices"), [("all", 1), ("target", 2), ("none", 3)])
    def test_a_shared_matrix_counts_once(self, tied, matrices):
        rest = parameter_counts(build(tied="all", source_vocabulary=13))[1] - 13 * 12
        assert parameter_counts(build(tied=tied, source_vocabulary=13))[1] == rest + matrices * 13 * 12

    def test_two_vocabularies_cannot_share_one_matrix(self):
        with pytest.raises(ValueError) as caught:
            Transformer(replace(CONFIG, tied="all"))
        assert str(caught.value) == (
            "tied='all' shares one matrix between vocabularies of 11 and 13 tokens. Learn one vocabulary for both sides"
            " (translate.joint_vocabulary = true), or tie 'target' only"
        )


def test_base_with_32000_words_has_60_million_parameters():
    """The vocabulary of Joey NMT's base model, which its paper calls 60.5 million."""
    size = architecture("transformer").sizes["base"].config
    with torch.device("meta"):
        model = Transformer(TransformerConfig(**(dict(size) | {"source_vocabulary": 32_000, "target_vocabulary": 32_000})))
    assert parameter_counts(model)[1] == 60_485_632


def test_post_norm_is_the_norm_of_the_sum():
    layer, sequence = AddNorm(4, 0.0), torch.randn(2, 3, 4)
    nn.init.normal_(layer.norm.weight)
    expected = nn.functional.layer_norm(sequence + sequence.sin(), (4,), layer.norm.weight, layer.norm.bias)
    torch.testing.assert_close(layer(sequence, torch.sin), expected)


def test_pre_norm_is_the_sum_with_what_reads_the_norm():
    layer, sequence = NormAdd(4, 0.0), torch.randn(2, 3, 4)
    nn.init.normal_(layer.norm.weight)
    normed = nn.functional.layer_norm(sequence, (4,), layer.norm.weight, layer.norm.bias)
    torch.testing.assert_close(layer(sequence, torch.sin), sequence + normed.sin())


@pytest.mark.parametrize("kind", [AddNorm, NormAdd])
def test_dropout_falls_on_the_sublayer_alone(kind):
    """Whatever is dropped, the sequence itself goes through."""
    layer, sequence = kind(400, 0.5).train(), torch.randn(1, 1, 400)
    layer.norm = nn.Identity()
    added = (layer(sequence, torch.ones_like) - sequence).flatten()
    assert 0.3 < (added.abs() < 1e-6).float().mean() < 0.7
    torch.testing.assert_close(added[added > 1], torch.full_like(added[added > 1], 2.0), rtol=0, atol=1e-3)


def test_feed_forward_is_equation_2():
    layer, sequence = FeedForward(4, 6), torch.randn(2, 3, 4)
    nn.init.normal_(layer.inner.bias)
    nn.init.normal_(layer.outer.bias)
    inner = torch.maximum(torch.tensor(0.0), sequence @ layer.inner.weight.T + layer.inner.bias)
    torch.testing.assert_close(layer(sequence), inner @ layer.outer.weight.T + layer.outer.bias)


class TestLayersAreTorchs:
    """nn.TransformerEncoderLayer and nn.TransformerDecoderLayer with our weights, outputs and all gradients."""

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
    @pytest.mark.parametrize("norm_first", [False, True], ids=["post-norm", "pre-norm"])
    def test_encoder_layer(self, norm_first, dtype):
        ours = self.random(EncoderLayer(CONFIG, NormAdd if norm_first else AddNorm, None), dtype)
        theirs = nn.TransformerEncoderLayer(12, 3, 10, dropout=0.0, batch_first=True, norm_first=norm_first).to(dtype)
        self.copy(ours, theirs, {"self_attn": ours.attention}, [ours.add_norm_attention, ours.add_norm_feed_forward])
        sequence, real = self.normal(3, 5, 12, dtype=dtype), real_positions(SOURCE_LENGTHS, 5)
        self.compare(
            ours,
            theirs,
            {"self_attn": ours.attention},
            lambda x: ours(x, real[:, None, None])[real],
            lambda x: theirs(x, src_key_padding_mask=~real)[real],
            [sequence],
        )

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
    @pytest.mark.parametrize("norm_first", [False, True], ids=["post-norm", "pre-norm"])
    def test_decoder_layer(self, norm_first, dtype):
        ours = self.random(DecoderLayer(CONFIG, NormAdd if norm_first else AddNorm, None), dtype)
        theirs = nn.TransformerDecoderLayer(12, 3, 10, dropout=0.0, batch_first=True, norm_first=norm_first).to(dtype)
        attentions = {"self_attn": ours.masked_attention, "multihead_attn": ours.cross_attention}
        norms = [ours.add_norm_masked_attention, ours.add_norm_cross_attention, ours.add_norm_feed_forward]
        self.copy(ours, theirs, attentions, norms)
        sequence, memory = self.normal(3, 4, 12, dtype=dtype), self.normal(3, 5, 12, seed=1, dtype=dtype)
        real, blocked = real_positions(SOURCE_LENGTHS, 5), torch.ones(4, 4, dtype=torch.bool).triu(1)
        self.compare(
            ours,
            theirs,
            attentions,
            lambda x, m: ours(x, m, real[:, None, None]),
            lambda x, m: theirs(x, m, tgt_mask=blocked, memory_key_padding_mask=~real),
            [sequence, memory],
        )

    @staticmethod
    def normal(*sizes: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
        return torch.randn(*sizes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)

    @staticmethod
    def random(layer: nn.Module, dtype: torch.dtype) -> nn.Module:
        """Norms too, so that one in another's place is seen."""
        generator = torch.Generator().manual_seed(7)
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
        return layer.to(dtype)

    @staticmethod
    def copy(ours, theirs, attentions, norms) -> None:
        with torch.no_grad():
            for name, attention in attentions.items():
                other = getattr(theirs, name)
                other.in_proj_weight.copy_(attention.projection)
                other.out_proj.weight.copy_(attention.output)
                other.in_proj_bias.zero_()  # which the paper does not have
                other.out_proj.bias.zero_()
            theirs.linear1.load_state_dict(ours.feed_forward.inner.state_dict())
            theirs.linear2.load_state_dict(ours.feed_forward.outer.state_dict())
            for number, norm in enumerate(norms, 1):
                getattr(theirs, f"norm{number}").load_state_dict(norm.norm.state_dict())

    @staticmethod
    def compare(ours, theirs, attentions, mine, yours, inputs) -> None:
        tolerance = {torch.float32: 2e-5, torch.float64: 1e-10}[inputs[0].dtype]  # gradients of random norms are about ten
        inputs = [each.requires_grad_() for each in inputs]
        output, expected = mine(*inputs), yours(*inputs)
        torch.testing.assert_close(output, expected, rtol=0, atol=tolerance)
        slope = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)
        pairs = [(each, each) for each in inputs]
        for name, attention in attentions.items():
            other = getattr(theirs, name)
            pairs += [(attention.projection, other.in_proj_weight), (attention.output, other.out_proj.weight)]
        pairs += zip(ours.feed_forward.inner.parameters(), theirs.linear1.parameters(), strict=True)
        pairs += zip(ours.feed_forward.outer.parameters(), theirs.linear2.parameters(), strict=True)
        found = torch.autograd.grad((output * slope).sum(), [pair[0] for pair in pairs])
        wanted = torch.autograd.grad((expected * slope).sum(), [pair[1] for pair in pairs])
        for one, other in zip(found, wanted, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=tolerance)


def remembered(model: Transformer, source: Tensor) -> Tensor:
    return model.remember(source, torch.ones(1, 1, 1, source.shape[1], dtype=torch.bool))


@pytest.mark.parametrize("order", [[4, 2, 0, 1, 3], [1, 0, 2, 3, 4]])
def test_without_positions_the_encoder_knows_no_order(order):
    """Words in another order give the same vectors in that order; the paper's waves, and turned queries, do not."""
    torch.manual_seed(0)
    blind = Transformer(CONFIG, positions=NoPositions).double().eval()
    source = SOURCE[:1]
    near(remembered(blind, source[:, order]), remembered(blind, source)[:, order])
    for name in NAMES:
        seeing = build(name)
        difference = remembered(seeing, source[:, order]) - remembered(seeing, source)[:, order]
        assert difference.abs().max() > 0.01, name


@pytest.mark.parametrize("name", NAMES)
def test_hypotheses_share_the_memory_of_their_sentence(name):
    """A beam's rows with a memory of a row a sentence: as if each had a memory of its own."""
    model, beam = build(name), 2
    with torch.no_grad():
        memory = model.encode(SOURCE, SOURCE_LENGTHS)
        own = repeat_rows(memory, beam)
        shared, single = repeat_rows(model.start(memory), beam), model.start(own)
        for seed in range(4):
            tokens = torch.randint(4, 13, (len(SOURCE) * beam,), generator=torch.Generator().manual_seed(seed))
            actual, shared = model.step(tokens, shared, memory)
            expected, single = model.step(tokens, single, own)
            near(actual, expected)
            near(shared["alignment"], single["alignment"])
            rows = torch.tensor([1, 0, 2, 2, 5, 4])
            shared, single = select_rows(shared, rows), select_rows(single, rows)


@pytest.mark.parametrize("beam", [1, 4])
@pytest.mark.parametrize("name", NAMES)
def test_what_a_search_adds_up_is_what_the_full_pass_says(name, beam):
    """For every hypothesis that is returned: caches, masks, shared memories and sentences that left changed nothing."""
    model = build(name)
    for source, found in enumerate(beam_search(model, SOURCE, SOURCE_LENGTHS, DecodingConfig(beam=beam, length_margin=8))):
        length = int(SOURCE_LENGTHS[source])
        for hypothesis in found:
            target = torch.tensor([[BEGIN, *hypothesis.tokens[:-1]]])
            with torch.no_grad():
                logits = model(SOURCE[source : source + 1, :length], SOURCE_LENGTHS[source : source + 1], target)[0]
            told = logits.log_softmax(-1)[range(len(hypothesis.tokens)), hypothesis.tokens].sum()
            assert hypothesis.log_probability == pytest.approx(float(told), abs=1e-4), "searches add in float32"
            assert hypothesis.alignment.shape == (len(hypothesis.tokens), length)
            near(hypothesis.alignment.sum(-1), torch.ones(len(hypothesis.tokens), dtype=torch.float64))
            assert END not in hypothesis.tokens[:-1]


def test_alignment_is_the_mean_over_the_last_layers_heads():
    model = build()
    target = torch.tensor([[BEGIN, 5, 9]])
    seen = []
    last = model.decoder[-1].cross_attention
    last.register_forward_pre_hook(lambda module, given: seen.append(given))
    with torch.no_grad():
        model(SOURCE[:1], SOURCE_LENGTHS[:1], target)
        _, inside = last.inside(*seen[0])
        memory = model.encode(SOURCE[:1], SOURCE_LENGTHS[:1])
        state = model.start(memory)
        for position, token in enumerate(target.unbind(1)):
            _, state = model.step(token, state, memory)
            near(state["alignment"], inside["weights"][:, :, position].mean(1))
