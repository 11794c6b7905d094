"""The Transformer and its variants: Marian's code in Hugging Face's transformers, and the papers' equations again."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from gyebo.verification.parity.case import Answer, ParityCase, Weights
from gyebo.verification.properties.graphs import MissingPackageError

__all__ = ["CASES"]


MARIAN_POSITIONS = 64


def waves(positions: int, like: Tensor) -> Tensor:
    """PE(pos, 2i) = sin(pos / 10000^(2i/D)), PE(pos, 2i + 1) = cos(pos / 10000^(2i/D)), number by number: (T, D); like: (..., D)."""
    width = like.shape[-1]
    angles = [[position / 10_000 ** (2 * (column // 2) / width) for column in range(width)] for position in range(positions)]
    return like.new_tensor([[(math.cos if column % 2 else math.sin)(angle) for column, angle in enumerate(row)] for row in angles])


@cache
def _marian(config: Any, dtype: torch.dtype) -> nn.Module:
    """Marian's Transformer with our sizes; its weights are random, and given anew at each call."""
    try:
        transformers: Any = import_module("transformers")
    except ImportError as error:
        raise MissingPackageError("needs transformers") from error
    settings = transformers.MarianConfig(
        vocab_size=config.source_vocabulary,
        decoder_vocab_size=config.target_vocabulary,
        share_encoder_decoder_embeddings=False,
        tie_word_embeddings=False,  # every matrix is given by its name, and where ours are one, it is given twice
        max_position_embeddings=MARIAN_POSITIONS,
        encoder_layers=config.num_layers,
        decoder_layers=config.num_layers,
        encoder_attention_heads=config.num_heads,
        decoder_attention_heads=config.num_heads,
        encoder_ffn_dim=config.feed_forward_width,
        decoder_ffn_dim=config.feed_forward_width,
        d_model=config.width,
        activation_function="relu",
        scale_embedding=True,
        use_cache=False,
        pad_token_id=0,
        eos_token_id=3,
        forced_eos_token_id=3,
        decoder_start_token_id=2,
        attn_implementation="eager",  # the one that hands out its weights
    )
    return transformers.MarianMTModel(settings).to(dtype).eval()


def marian(weights: Weights, config: Any, example: tuple[list[int], ...]) -> Answer:
    """One sentence pair through Hugging Face's MarianMTModel with these weights."""
    source, target = (torch.tensor([numbers]) for numbers in example)
    like = weights["target_embedding.weight"]
    model = _marian(config, like.dtype)
    arguments = {"input_ids": source, "decoder_input_ids": target, "output_attentions": True}
    found = functional_call(model, _marian_weights(weights, config, like), (), arguments, strict=True)
    return {"logits": found.logits[0], "alignment": found.cross_attentions[-1][0].mean(0)}


def _marian_weights(weights: Weights, config: Any, like: Tensor) -> dict[str, Tensor]:
    """Our weights by Marian's names.

    Marian writes all sines before all cosines, and rounds them to float32. The paper's table takes its place: permuted weights would
    bring the order right, and not the roundings, which float64 shows.
    """
    positions = waves(MARIAN_POSITIONS, like)
    theirs = {
        "model.encoder.embed_tokens.weight": weights.get("source_embedding.weight", like),
        "model.decoder.embed_tokens.weight": like,
        "lm_head.weight": weights.get("output.weight", like),
        "model.encoder.embed_positions.weight": positions,
        "model.decoder.embed_positions.weight": positions,
        "final_logits_bias": like.new_zeros(1, config.target_vocabulary),
    }
    parts = {
        "encoder": {"attention": "self_attn", "feed_forward": ""},
        "decoder": {"masked_attention": "self_attn", "cross_attention": "encoder_attn", "feed_forward": ""},
    }
    for stack, sublayers in parts.items():
        for number in range(config.num_layers):
            for ours, marians in sublayers.items():
                mine, yours = f"{stack}.{number}", f"model.{stack}.layers.{number}"
                norm = f"{yours}.{marians}_layer_norm" if marians else f"{yours}.final_layer_norm"
                for kind in ("weight", "bias"):
                    theirs[f"{norm}.{kind}"] = weights[f"{mine}.add_norm_{ours}.norm.{kind}"]
                if marians:
                    matrices = (*weights[f"{mine}.{ours}.projection"].chunk(3), weights[f"{mine}.{ours}.output"])
                    for name, matrix in zip(("q_proj", "k_proj", "v_proj", "out_proj"), matrices, strict=True):
                        theirs[f"{yours}.{marians}.{name}.weight"] = matrix
                        theirs[f"{yours}.{marians}.{name}.bias"] = like.new_zeros(config.width)  # the paper has none
                else:
                    for name, layer in (("fc1", "inner"), ("fc2", "outer")):
                        for kind in ("weight", "bias"):
                            theirs[f"{yours}.{name}.{kind}"] = weights[f"{mine}.{ours}.{layer}.{kind}"]
    return theirs


@dataclass(frozen=True)
class Naive:
    """Vaswani et al. 2017, section 3, one sentence and one head at a time, in the paper's letters.

    place: the positions (T, D) that are added to the embedding of "source" or "target".
    turn: what becomes of the queries or keys (T, d_k) of a head in self-attention.
    norm_first: the norms stand before the sublayers and behind the stacks (Xiong et al. 2020, figure 1b).
    """

    weights: Weights
    config: Any
    place: Callable[[str, int], Tensor]
    turn: Callable[[Tensor], Tensor] = lambda rows: rows
    norm_first: bool = False

    def answer(self, example: tuple[list[int], ...]) -> Answer:
        source, target = example
        x = self.embed("source", source)
        for number in range(self.config.num_layers):
            x = self.encoder_layer(f"encoder.{number}", x)
        memory = self.finish(x, "encoder_norm")

        y, alignment = self.embed("target", target), memory
        for number in range(self.config.num_layers):
            y, alignment = self.decoder_layer(f"decoder.{number}", y, memory)
        output = self.weights.get("output.weight", self.weights["target_embedding.weight"])
        return {"logits": self.finish(y, "decoder_norm") @ output.T, "alignment": alignment}

    def encoder_layer(self, name: str, x: Tensor) -> Tensor:
        read, _ = self.attend(f"{name}.attention", self.enter(x, f"{name}.add_norm_attention"))
        x = self.leave(x, read, f"{name}.add_norm_attention")
        fed = self.feed_forward(f"{name}.feed_forward", self.enter(x, f"{name}.add_norm_feed_forward"))
        return self.leave(x, fed, f"{name}.add_norm_feed_forward")

    def decoder_layer(self, name: str, y: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """What leaves the layer (T, D), and where it looked (T, S)."""
        read, _ = self.attend_before(f"{name}.masked_attention", self.enter(y, f"{name}.add_norm_masked_attention"))
        y = self.leave(y, read, f"{name}.add_norm_masked_attention")
        read, alignment = self.attend_to(f"{name}.cross_attention", self.enter(y, f"{name}.add_norm_cross_attention"), memory)
        y = self.leave(y, read, f"{name}.add_norm_cross_attention")
        fed = self.feed_forward(f"{name}.feed_forward", self.enter(y, f"{name}.add_norm_feed_forward"))
        return self.leave(y, fed, f"{name}.add_norm_feed_forward"), alignment

    def embed(self, side: str, tokens: list[int]) -> Tensor:
        """Sections 3.4 and 3.5: (T, D)."""
        table = self.weights.get(f"{side}_embedding.weight", self.weights["target_embedding.weight"])
        return torch.stack([table[token] * math.sqrt(self.config.width) for token in tokens]) + self.place(side, len(tokens))

    def enter(self, x: Tensor, name: str) -> Tensor:
        """What a sublayer reads."""
        return self.norm(x, f"{name}.norm") if self.norm_first else x

    def leave(self, x: Tensor, read: Tensor, name: str) -> Tensor:
        """The residual connection around a sublayer.  Section 3.1."""
        return x + read if self.norm_first else self.norm(x + read, f"{name}.norm")

    def finish(self, x: Tensor, name: str) -> Tensor:
        return self.norm(x, name) if self.norm_first else x

    def norm(self, x: Tensor, name: str) -> Tensor:
        """Ba et al. 2016, eq. 4, with torch's epsilon."""
        mean = x.sum(1, keepdim=True) / x.shape[1]
        variance = ((x - mean) ** 2).sum(1, keepdim=True) / x.shape[1]
        return (x - mean) / (variance + 1e-5) ** 0.5 * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def feed_forward(self, name: str, x: Tensor) -> Tensor:
        """Eq. 2."""
        w_1, b_1 = self.weights[f"{name}.inner.weight"].T, self.weights[f"{name}.inner.bias"]
        w_2, b_2 = self.weights[f"{name}.outer.weight"].T, self.weights[f"{name}.outer.bias"]
        return (x @ w_1 + b_1).clamp(min=0) @ w_2 + b_2

    def attend(self, name: str, x: Tensor) -> tuple[Tensor, Tensor]:
        """Self-attention of the encoder."""
        return self.multi_head(name, x, x, self.turn, x.new_zeros(len(x), len(x)))

    def attend_before(self, name: str, y: Tensor) -> tuple[Tensor, Tensor]:
        """Self-attention of the decoder: "all values which correspond to illegal connections" are -infinity (section 3.2.3)."""
        illegal = [[-math.inf if j > i else 0.0 for j in range(len(y))] for i in range(len(y))]
        return self.multi_head(name, y, y, self.turn, y.new_tensor(illegal))

    def attend_to(self, name: str, y: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Encoder-decoder attention."""
        return self.multi_head(name, y, memory, lambda rows: rows, y.new_zeros(len(y), len(memory)))

    def multi_head(
        self, name: str, x: Tensor, memory: Tensor, turn: Callable[[Tensor], Tensor], blocked: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Section 3.2.2, and eq. 1 for every head: what is read (T, D), and the mean of the heads' weights (T, S)."""
        d_k = self.config.width // self.config.num_heads
        w_q, w_k, w_v = (matrix.split(d_k) for matrix in self.weights[f"{name}.projection"].chunk(3))
        heads, every = [], []
        for i in range(self.config.num_heads):
            q, k, v = turn(x @ w_q[i].T), turn(memory @ w_k[i].T), memory @ w_v[i].T
            scores = q @ k.T / math.sqrt(d_k) + blocked
            exponentials = torch.exp(scores - scores.detach().amax(1, keepdim=True))
            weights = exponentials / exponentials.sum(1, keepdim=True)
            heads.append(weights @ v)
            every.append(weights)
        return torch.cat(heads, 1) @ self.weights[f"{name}.output"].T, sum(every, torch.zeros_like(every[0])) / len(every)


def vaswani_2017(weights: Weights, config: Any, example: tuple[list[int], ...]) -> Answer:
    """Waves are added."""
    return Naive(weights, config, _waves_for(weights)).answer(example)


def xiong_2020(weights: Weights, config: Any, example: tuple[list[int], ...]) -> Answer:
    """Waves are added, and the norms come first."""
    return Naive(weights, config, _waves_for(weights), norm_first=True).answer(example)


def gehring_2017(weights: Weights, config: Any, example: tuple[list[int], ...]) -> Answer:
    """Learned vectors are added."""
    return Naive(weights, config, lambda side, size: weights[f"{side}_positions.weight"][:size]).answer(example)


def su_2021(weights: Weights, config: Any, example: tuple[list[int], ...]) -> Answer:
    """Nothing is added, and queries and keys are turned."""
    zero = weights["target_embedding.weight"].new_zeros(())
    return Naive(weights, config, lambda side, size: zero, turn=_rotated).answer(example)


def _waves_for(weights: Weights) -> Callable[[str, int], Tensor]:
    like = weights["target_embedding.weight"]
    return lambda side, size: waves(size, like)


def _rotated(x: Tensor) -> Tensor:
    """R_m x_m for every position m, as eq. 34 has it: x * cos + (-x_2, x_1, -x_4, x_3, ...) * sin, element by element."""
    angles = [[m * 10_000 ** (-2 * (i // 2) / x.shape[1]) for i in range(x.shape[1])] for m in range(len(x))]
    crossed = torch.stack([x[:, i - 1] if i % 2 else -x[:, i + 1] for i in range(x.shape[1])], 1)
    cosine, sine = (x.new_tensor([[wave(angle) for angle in row] for row in angles]) for wave in (math.cos, math.sin))
    return x * cosine + crossed * sine


CASES = (
    ParityCase(architecture="transformer", reference="Vaswani et al. 2017, section 3, head by head", answer=vaswani_2017),
    ParityCase(architecture="transformer", reference="transformers.MarianMTModel", answer=marian),
    ParityCase(architecture="transformer-pre-norm", reference="Xiong et al. 2020, figure 1b, head by head", answer=xiong_2020),
    ParityCase(
        architecture="transformer-learned-positions",
        reference="Vaswani et al. 2017, table 3, row (E), head by head",
        answer=gehring_2017,
    ),
    ParityCase(architecture="transformer-rotary", reference="Su et al. 2021, eq. 34, head by head", answer=su_2021),
)
