"""One project's Transformer on batches that are made already, taking turns: embeddings, 3 + 3 layers, loss, gradient, Adam.

Runs under the Python of the project that its settings name: "gyebo", "Marian" (Hugging Face), "torch" or "JoeyNMT".  All share one
matrix between both embeddings and the output layer, and train with the same dropout, label smoothing and fused Adam.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from turns import Turns

PADDING, UNKNOWN, BEGIN, END = 0, 1, 2, 3


@dataclass(frozen=True)
class Batch:
    """source (B, S) and its lengths (B,); target (B, T), begun; following (B, T), ended; padding behind both."""

    source: Tensor
    lengths: Tensor
    target: Tensor
    following: Tensor

    @property
    def tokens(self) -> int:
        return int((self.following != PADDING).sum())


Loss = Callable[[Batch], Tensor]


def read_batches(path: Path) -> list[Batch]:
    arrays = np.load(path)
    count = len(arrays.files) // 4
    names = ("source", "lengths", "target", "following")
    return [Batch(*(torch.from_numpy(arrays[f"{name}.{number}"]) for name in names)) for number in range(count)]


def gyebo(sizes: dict[str, Any]) -> tuple[nn.Module, Loss, str]:
    import gyebo
    from gyebo.layers.cross_entropy import summed_cross_entropy
    from gyebo.models.attention.transformer import Transformer, TransformerConfig

    config = TransformerConfig(
        source_vocabulary=sizes["vocabulary"],
        target_vocabulary=sizes["vocabulary"],
        tied="all",
        width=sizes["width"],
        num_heads=sizes["heads"],
        num_layers=sizes["layers"],
        feed_forward_width=sizes["feed_forward"],
        dropout=sizes["dropout"],
    )
    model = Transformer(config)

    def loss(batch: Batch) -> Tensor:
        real = batch.following != PADDING
        logits = model.logits(model.features(batch.source, batch.lengths, batch.target)[real])
        return summed_cross_entropy(logits, batch.following[real], sizes["smoothing"]) / len(logits)

    return model, loss, f"gyebo {gyebo.__version__}"


def marian(sizes: dict[str, Any]) -> tuple[nn.Module, Loss, str]:
    import transformers

    config = transformers.MarianConfig(
        vocab_size=sizes["vocabulary"],
        d_model=sizes["width"],
        encoder_layers=sizes["layers"],
        decoder_layers=sizes["layers"],
        encoder_attention_heads=sizes["heads"],
        decoder_attention_heads=sizes["heads"],
        encoder_ffn_dim=sizes["feed_forward"],
        decoder_ffn_dim=sizes["feed_forward"],
        dropout=sizes["dropout"],
        attention_dropout=0.0,
        activation_dropout=0.0,
        activation_function="relu",
        scale_embedding=True,
        use_cache=False,
        pad_token_id=PADDING,
        decoder_start_token_id=BEGIN,
        eos_token_id=END,
        forced_eos_token_id=END,
        attn_implementation=sizes["attention"],
    )
    model = transformers.MarianMTModel(config)

    def loss(batch: Batch) -> Tensor:
        output = model(input_ids=batch.source, attention_mask=(batch.source != PADDING).long(), decoder_input_ids=batch.target)
        return F.cross_entropy(
            output.logits.flatten(0, 1).float(),
            batch.following.flatten(),
            ignore_index=PADDING,
            label_smoothing=sizes["smoothing"],
        )

    return model, loss, f"Marian of transformers {transformers.__version__}, {sizes['attention']} attention"


class TorchTranslator(nn.Module):
    """torch.nn.Transformer with what it leaves to its user: embeddings, positions, output layer."""

    def __init__(self, sizes: dict[str, Any]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(sizes["vocabulary"], sizes["width"])
        self.body = nn.Transformer(
            sizes["width"],
            sizes["heads"],
            sizes["layers"],
            sizes["layers"],
            sizes["feed_forward"],
            sizes["dropout"],
            batch_first=True,
        )
        for layer in self.body.modules():  # the others have no dropout here either
            if isinstance(layer, nn.MultiheadAttention):
                layer.dropout = 0.0
        for layer in (*self.body.encoder.layers, *self.body.decoder.layers):
            layer.dropout.p = 0.0
        self.dropout = nn.Dropout(sizes["dropout"])
        position = torch.arange(1024)[:, None] * torch.exp(torch.arange(0, sizes["width"], 2) * (-math.log(1e4) / sizes["width"]))
        self.register_buffer("waves", torch.stack([position.sin(), position.cos()], -1).flatten(1))

    def embed(self, tokens: Tensor) -> Tensor:
        waves = self.waves[: tokens.shape[1]]  # type: ignore[index]
        return self.dropout(self.embedding(tokens) * math.sqrt(self.embedding.embedding_dim) + waves)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        padding = source == PADDING
        causal = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        features = self.body(
            self.embed(source),
            self.embed(target),
            tgt_mask=causal,
            tgt_is_causal=True,
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
        return F.linear(features, self.embedding.weight)


def torch_transformer(sizes: dict[str, Any]) -> tuple[nn.Module, Loss, str]:
    model = TorchTranslator(sizes)

    def loss(batch: Batch) -> Tensor:
        logits = model(batch.source, batch.target).flatten(0, 1)
        return F.cross_entropy(logits.float(), batch.following.flatten(), ignore_index=PADDING, label_smoothing=sizes["smoothing"])

    return model, loss, f"torch.nn.Transformer {torch.__version__}"


def joeynmt(sizes: dict[str, Any]) -> tuple[nn.Module, Loss, str]:
    from importlib.metadata import version
    from types import SimpleNamespace

    from joeynmt.model import build_model
    from joeynmt.vocabulary import Vocabulary

    tokens = {"unk_token": "<unk>", "pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "sep_token": None}
    numbers = {"unk_id": PADDING, "pad_id": UNKNOWN, "bos_id": BEGIN, "eos_id": END, "sep_id": None}
    special = SimpleNamespace(**tokens, **numbers, lang_tags=[])
    vocabulary = Vocabulary([f"w{number}" for number in range(sizes["vocabulary"] - 4)], special)
    side = {
        "type": "transformer",
        "num_layers": sizes["layers"],
        "num_heads": sizes["heads"],
        "hidden_size": sizes["width"],
        "ff_size": sizes["feed_forward"],
        "dropout": sizes["dropout"],
        "layer_norm": "post",
        "embeddings": {"embedding_dim": sizes["width"], "scale": True, "dropout": 0.0},
    }
    model = build_model({"tied_embeddings": True, "tied_softmax": True, "encoder": side, "decoder": side}, vocabulary, vocabulary)
    model.loss_function = ("crossentropy", sizes["smoothing"])

    def numbered(tokens: Tensor) -> Tensor:
        """Its unknown token is 0 and its padding 1, the other way round; the batches hold no unknown tokens."""
        return tokens.masked_fill(tokens == PADDING, UNKNOWN)

    def loss(batch: Batch) -> Tensor:
        summed, *_ = model(
            return_type="loss",
            src=numbered(batch.source),
            trg_input=numbered(batch.target),
            trg=numbered(batch.following),
            src_mask=(batch.source != PADDING).unsqueeze(1),
            src_length=batch.lengths,
            trg_mask=(batch.following != PADDING).unsqueeze(1),
        )
        return summed / batch.tokens

    return model, loss, f"JoeyNMT {version('joeynmt')}"


PROJECTS = {"gyebo": gyebo, "Marian": marian, "torch": torch_transformer, "JoeyNMT": joeynmt}


def updates(model: nn.Module, loss: Loss, batches: Iterator[Batch], precision: str, turns: Turns) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, betas=(0.9, 0.98), fused=True)
    for batch in batches:
        turns.before_update(batch.tokens)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
            value = loss(batch)
        value.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def main() -> None:
    settings = json.loads(sys.argv[1])
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(1)
    model, loss, name = PROJECTS[settings["project"]](settings["sizes"])
    batches = read_batches(Path(settings["batches"]))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    turns = Turns({"project": name, "parameters": parameters})
    updates(model.train(), loss, cycle(batches), settings["precision"], turns)


if __name__ == "__main__":
    main()
