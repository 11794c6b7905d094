"""A decoder that takes turns: it translates a piece of work whenever it is asked, in a process of its own.

Its one argument is JSON: "decoder", one of DECODERS; "threads"; "weights", null for the paper's base model with random weights, or the
folder of a trained run; "works", each with "sources" (token numbers, END last), "beam", and "num_tokens" or null.  It says {} once it
is ready; then, for each line with the number of a work, {"outputs": token numbers without END, one list a source}.

In one process, the peers would not be at their best: libraries whose threads wait for work by spinning take the cores from each other.
`ctranslate2` is loaded before torch: after it, it would share torch's OpenMP, which spins less with the threads of two at hand.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import torch
import transformers
from ctranslate2.converters.transformers import BartLoader
from torch import Tensor, nn

import gyebo
from gyebo.decoding import DecodingConfig, beam_search, fast_steps
from gyebo.interop import OnnxTranslator, open_session, translator_graphs
from gyebo.models.interfaces import BEGIN, END, FIRST_TOKEN, PADDING, SPECIAL_TOKENS, State, Translator
from gyebo.verification.parity.transformer import waves

SIZES = {"width": 512, "num_heads": 8, "num_layers": 6, "feed_forward_width": 2048}
VOCABULARY, MAX_POSITIONS = 32_000, 512

Outputs = list[list[int]]
Decode = Callable[["Work"], Outputs]


@dataclass(frozen=True)
class Work:
    """Sources to translate, END last in each; num_tokens: how many to write for each, or None to let them end by themselves."""

    sources: list[list[int]]
    beam: int
    num_tokens: int | None

    @property
    def limit(self) -> int:
        return self.num_tokens or 2 * max(map(len, self.sources)) + 10

    def padded(self) -> tuple[Tensor, Tensor]:
        """(B, S), (B,)."""
        longest = max(map(len, self.sources))
        rows = [row + [PADDING] * (longest - len(row)) for row in self.sources]
        return torch.tensor(rows), torch.tensor([len(row) for row in self.sources])


def gyebo_in_torch(model: nn.Module, words: list[str], threads: int) -> Decode:
    return _searching(model)


def gyebo_exported(model: nn.Module, words: list[str], threads: int) -> Decode:
    graphs = translator_graphs(model)
    return _searching(OnnxTranslator(open_session(graphs.encoder), open_session(graphs.step)))


def _searching(model: nn.Module) -> Decode:
    fast = fast_steps(model)

    def decode(work: Work) -> Outputs:
        config = DecodingConfig(beam=work.beam, patience=1.0, length_ratio=0.0, length_margin=work.limit)
        translator: Translator = model if work.num_tokens is None else Endless(model)  # type: ignore[assignment]
        with fast:
            found = beam_search(translator, *work.padded(), config)
        return [[token for token in hypotheses[0].tokens if token != END] for hypotheses in found]

    return decode


class Endless:
    """A translator that never writes END; all else is the model's."""

    def __init__(self, model: Any) -> None:
        self.encode, self.start, self._step = model.encode, model.start, model.step

    def step(self, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        logits, state = self._step(tokens, state, memory)
        logits[:, END] = -torch.inf
        return logits, state


def hugging_face(model: nn.Module, words: list[str], threads: int) -> Decode:
    marian = as_marian(model)

    def decode(work: Work) -> Outputs:
        source, lengths = work.padded()
        settings = transformers.GenerationConfig(
            num_beams=work.beam,
            early_stopping=work.beam > 1,
            min_new_tokens=work.num_tokens,
            max_new_tokens=work.limit,
            suppress_tokens=[PADDING, BEGIN],
            pad_token_id=PADDING,
            eos_token_id=END,
            decoder_start_token_id=BEGIN,
        )
        real = torch.arange(source.shape[1]) < lengths[:, None]
        with torch.inference_mode():
            found = marian.generate(source, attention_mask=real, generation_config=settings)
        return [[token for token in row[1:] if token not in (END, PADDING)] for row in found.tolist()]

    return decode


def ctranslate2_float32(model: nn.Module, words: list[str], threads: int) -> Decode:
    return _ctranslate(model, words, "float32", threads)


def ctranslate2_int8(model: nn.Module, words: list[str], threads: int) -> Decode:
    return _ctranslate(model, words, "int8", threads)


def _ctranslate(model: nn.Module, words: list[str], precision: str, threads: int) -> Decode:
    with tempfile.TemporaryDirectory() as folder:
        translator = as_ctranslate2(as_marian(model), words, Path(folder) / "model", precision, threads)
    numbers = {word: number for number, word in enumerate(words)}

    def decode(work: Work) -> Outputs:
        found = translator.translate_batch(
            [[words[token] for token in row] for row in work.sources],
            beam_size=work.beam,
            min_decoding_length=work.num_tokens or 1,
            max_decoding_length=work.limit,
            suppress_sequences=[[words[PADDING]], [words[BEGIN]]],
            max_batch_size=len(work.sources),
        )
        return [[numbers[word] for word in result.hypotheses[0]] for result in found]

    return decode


DECODERS: dict[str, Callable[[nn.Module, list[str], int], Decode]] = {
    "gyebo": gyebo_in_torch,
    "gyebo, exported": gyebo_exported,
    "CTranslate2": ctranslate2_float32,
    "CTranslate2 int8": ctranslate2_int8,
    "Hugging Face": hugging_face,
}
"""name -> (model, words, threads) -> the decoder: all of them compute the same model, whose vocabulary is `words`"""


def as_marian(model: Any) -> Any:
    """Our weights in Hugging Face's MarianMTModel, which is the paper's Transformer with biases in its attention."""
    embedding = model.target_embedding.weight
    width, heads = embedding.shape[1], model.encoder[0].attention.num_heads
    inner = len(model.encoder[0].feed_forward.inner.weight)
    config = transformers.MarianConfig(
        vocab_size=len(embedding),
        max_position_embeddings=MAX_POSITIONS,
        encoder_layers=len(model.encoder),
        decoder_layers=len(model.decoder),
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=inner,
        decoder_ffn_dim=inner,
        d_model=width,
        activation_function="relu",
        scale_embedding=True,
        share_encoder_decoder_embeddings=False,
        tie_word_embeddings=False,
        pad_token_id=PADDING,
        eos_token_id=END,
        forced_eos_token_id=None,
        decoder_start_token_id=BEGIN,
    )
    theirs: Any = transformers.MarianMTModel(config).eval()
    with torch.no_grad():
        for stack, mine, source in (
            (theirs.model.encoder, model.encoder, model.source_embedding),
            (theirs.model.decoder, model.decoder, model.target_embedding),
        ):
            stack.embed_tokens.weight.copy_(source.weight)
            stack.embed_positions.weight.copy_(waves(MAX_POSITIONS, embedding))  # Marian orders its waves in another way
            for layer, own in zip(stack.layers, mine, strict=True):
                _copy_layer(layer, own)
        theirs.lm_head.weight.copy_(model.output.weight)
    return theirs


def _copy_layer(theirs: Any, own: Any) -> None:
    attentions = {"attention": "self_attn", "masked_attention": "self_attn", "cross_attention": "encoder_attn"}
    for name, marians in attentions.items():
        if not hasattr(own, name):
            continue
        attention, target = getattr(own, name), getattr(theirs, marians)
        matrices = (*attention.projection.chunk(3), attention.output)
        for projection, matrix in zip((target.q_proj, target.k_proj, target.v_proj, target.out_proj), matrices, strict=True):
            projection.weight.copy_(matrix)
            projection.bias.zero_()
        getattr(theirs, f"{marians}_layer_norm").load_state_dict(getattr(own, f"add_norm_{name}").norm.state_dict())
    theirs.fc1.load_state_dict(own.feed_forward.inner.state_dict())
    theirs.fc2.load_state_dict(own.feed_forward.outer.state_dict())
    theirs.final_layer_norm.load_state_dict(own.add_norm_feed_forward.norm.state_dict())


def as_ctranslate2(marian: Any, words: list[str], folder: Path, precision: str, threads: int) -> Any:
    """Marian's weights in CTranslate2's own format, read back from a folder; for int8 they are rounded where they are."""
    marian.config.normalize_before = marian.config.normalize_embedding = False
    with torch.no_grad():
        spec = BartLoader().get_model_spec(marian)
    spec.register_source_vocabulary(words)
    spec.register_target_vocabulary(words)
    spec.config.unk_token, spec.config.bos_token, spec.config.eos_token = SPECIAL_TOKENS[1:]
    spec.config.decoder_start_token = SPECIAL_TOKENS[BEGIN]
    spec.validate()
    spec.optimize(quantization=precision)
    folder.mkdir()
    spec.save(str(folder))
    return ctranslate2.Translator(str(folder), device="cpu", compute_type=precision, inter_threads=1, intra_threads=threads)


def model_and_words(run: str | None) -> tuple[nn.Module, list[str]]:
    """The weights to decode with, and their vocabulary."""
    if run is not None:
        loaded = gyebo.load(run)
        return loaded.model, loaded.task.target.names(range(len(loaded.task.target)))
    torch.manual_seed(0)
    sizes = SIZES | {"source_vocabulary": VOCABULARY, "target_vocabulary": VOCABULARY, "tied": "none"}
    words = [*SPECIAL_TOKENS, *(f"t{number}" for number in range(FIRST_TOKEN, VOCABULARY))]
    return gyebo.create("transformer", sizes).eval(), words


def main() -> None:
    settings = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not look like an answer
    torch.set_num_threads(settings["threads"])
    decode = DECODERS[settings["decoder"]](*model_and_words(settings["weights"]), settings["threads"])
    works = [Work(**work) for work in settings["works"]]
    print("{}", file=answers, flush=True)
    for asked in sys.stdin:
        print(json.dumps({"outputs": decode(works[int(asked)])}), file=answers, flush=True)


if __name__ == "__main__":
    main()
