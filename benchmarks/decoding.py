"""Translating with a Transformer: gyebo, in PyTorch and exported, beside CTranslate2 and Hugging Face's generate, on the same weights.

    python benchmarks/decoding.py [--json FILE] [--rounds 3] [--threads 2] [--tokens 40]
        [--batches 1 32] [--beams 1 5] [--run RUN] [--sentences 200]

The model has the sizes of the paper's base model (6 + 6 layers, width 512, feed-forward 2048, 8 heads), 32,000 words on each
side, and random weights; all compute in float32.  "gyebo, exported" is the same search over the graphs that `gyebo export` writes,
which ONNX Runtime computes.  Sources have 20 tokens.  Every output has exactly `--tokens` tokens: the end mark is forbidden before.
A beam search ends with its first `beam` finished hypotheses in all of them.  Counted are the tokens of the best hypotheses;
`times_CTranslate2` divides them by those of CTranslate2 in float32.  `same` is the share of outputs that are equal to gyebo's to the
last token.

With `--run`, there are rows besides for the weights of that run, a trained Transformer with one vocabulary for both sides, and the
first `--sentences` texts of its own test split: outputs end by themselves, BLEU stands beside the speed, and CTranslate2 also computes
in int8.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import torch
import transformers
from ctranslate2.converters.transformers import BartLoader
from timing import alternate, environment, write_results
from torch import Tensor, nn

import gyebo
from gyebo.decoding import DecodingConfig, PackedProducts, beam_search
from gyebo.interop import OnnxTranslator, open_session, translator_graphs
from gyebo.models.interfaces import BEGIN, END, FIRST_TOKEN, PADDING, SPECIAL_TOKENS, State, Translator
from gyebo.verification.parity.transformer import waves

SIZES = {"width": 512, "num_heads": 8, "num_layers": 6, "feed_forward_width": 2048}
VOCABULARY, SOURCE_TOKENS, MAX_POSITIONS = 32_000, 20, 512

Outputs = list[list[int]]
Decode = Callable[[], Outputs]


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


class Endless:
    """A translator that never writes END; all else is the model's."""

    def __init__(self, model: Any) -> None:
        self.encode, self.start, self._step = model.encode, model.start, model.step

    def step(self, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        logits, state = self._step(tokens, state, memory)
        logits[:, END] = -torch.inf
        return logits, state


def exported(model: nn.Module) -> OnnxTranslator:
    """The model as ONNX graphs."""
    graphs = translator_graphs(model)
    return OnnxTranslator(open_session(graphs.encoder), open_session(graphs.step))


def ours(model: nn.Module, packed: PackedProducts, work: Work) -> Decode:
    config = DecodingConfig(beam=work.beam, patience=1.0, length_ratio=0.0, length_margin=work.limit)
    translator: Translator = model if work.num_tokens is None else Endless(model)  # type: ignore[assignment]

    def decode() -> Outputs:
        with packed:
            found = beam_search(translator, *work.padded(), config)
        return [[token for token in hypotheses[0].tokens if token != END] for hypotheses in found]

    return decode


def hugging_face(model: Any, work: Work) -> Decode:
    source, lengths = work.padded()
    real = torch.arange(source.shape[1]) < lengths[:, None]
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

    def decode() -> Outputs:
        with torch.inference_mode():
            found = model.generate(source, attention_mask=real, generation_config=settings)
        return [[token for token in row[1:] if token not in (END, PADDING)] for row in found.tolist()]

    return decode


def ctranslate(translator: Any, words: list[str], work: Work) -> Decode:
    numbers = {word: number for number, word in enumerate(words)}
    sources = [[words[token] for token in row] for row in work.sources]

    def decode() -> Outputs:
        found = translator.translate_batch(
            sources,
            beam_size=work.beam,
            min_decoding_length=work.num_tokens or 1,
            max_decoding_length=work.limit,
            suppress_sequences=[[words[PADDING]], [words[BEGIN]]],
            max_batch_size=len(sources),
        )
        return [[numbers[word] for word in result.hypotheses[0]] for result in found]

    return decode


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


def compare(weights: str, candidates: dict[str, Decode], work: Work, rounds: int) -> list[dict[str, object]]:
    """A row for each candidate."""
    outputs = {name: decode() for name, decode in candidates.items()}  # warms up, too
    seconds = alternate(candidates, rounds=rounds, warmup=0)
    rates = {name: sum(map(len, outputs[name])) / seconds[name] for name in candidates}
    return [
        {
            "weights": weights,
            "decoder": name,
            "batch": len(work.sources),
            "beam": work.beam,
            "tokens_per_second": round(rates[name], 1),
            "times_CTranslate2": round(rates[name] / rates["CTranslate2"], 2),
            "bleu": None,
            "same": round(sum(map(list.__eq__, outputs[name], outputs["gyebo"])) / len(work.sources), 3),
        }
        for name in candidates
    ]


def random_model(batches: list[int], beams: list[int], tokens: int, rounds: int, threads: int) -> list[dict[str, object]]:
    torch.manual_seed(0)
    sizes = SIZES | {"source_vocabulary": VOCABULARY, "target_vocabulary": VOCABULARY, "tied": "none"}
    model = gyebo.create("transformer", sizes).eval()
    marian, words = as_marian(model), [*SPECIAL_TOKENS, *(f"t{number}" for number in range(FIRST_TOKEN, VOCABULARY))]
    graphs, packed, rows = exported(model), PackedProducts(model), []
    with tempfile.TemporaryDirectory() as folder:
        translator = as_ctranslate2(marian, words, Path(folder) / "float32", "float32", threads)
        for batch in batches:
            drawn = torch.randint(FIRST_TOKEN, VOCABULARY, (batch, SOURCE_TOKENS - 1)).tolist()
            for beam in beams:
                work = Work([[*row, END] for row in drawn], beam, tokens)
                candidates = {
                    "gyebo": ours(model, packed, work),
                    "gyebo, exported": ours(graphs, packed, work),
                    "CTranslate2": ctranslate(translator, words, work),
                    "Hugging Face": hugging_face(marian, work),
                }
                rows += _told(compare("random", candidates, work, rounds))
    return rows


def trained_model(
    path: str, sentences: int, batches: list[int], beams: list[int], rounds: int, threads: int
) -> list[dict[str, object]]:
    """The same for sentences of a run's test split, in batches of sentences of like length, and their BLEU."""
    from gyebo.pipeline import open_data
    from gyebo.runs import load
    from gyebo.tasks.text_metrics import bleu_tokenizer, text_metrics

    run = load(path)
    model, task, data = run.model, run.task, open_data(run, (), None).test
    marian, words = as_marian(model), task.target.names(range(len(task.target)))
    sources = task.source.encode(data.source[:sentences])
    order = sorted(range(len(sources)), key=lambda row: len(sources[row]))
    references = [task.target.normalize(data.target[row]) for row in order]
    graphs, packed, rows = exported(model), PackedProducts(model), []
    with tempfile.TemporaryDirectory() as folder:
        peers = {
            precision: as_ctranslate2(copy.deepcopy(marian), words, Path(folder) / precision, precision, threads)
            for precision in ("float32", "int8")
        }
        for batch in batches:
            parts = [[sources[row] for row in order[first : first + batch]] for first in range(0, len(order), batch)]
            for beam in beams:
                works = [Work(part, beam, None) for part in parts]
                each = {
                    "gyebo": [ours(model, packed, work) for work in works],
                    "gyebo, exported": [ours(graphs, packed, work) for work in works],
                    "CTranslate2": [ctranslate(peers["float32"], words, work) for work in works],
                    "CTranslate2 int8": [ctranslate(peers["int8"], words, work) for work in works],
                    "Hugging Face": [hugging_face(marian, work) for work in works],
                }
                candidates = {name: _one_after_the_other(decodes) for name, decodes in each.items()}
                found = compare(run.name, candidates, Work([sources[row] for row in order], beam, None), rounds)
                for row, decode in zip(found, candidates.values(), strict=True):
                    outputs = [task.target.decode(numbers) for numbers in decode()]
                    scores, _ = text_metrics(outputs, references, bleu_tokenizer(references), task.config.target.lowercase)
                    row |= {"batch": batch, "bleu": round(scores["bleu"], 2)}
                rows += _told(found)
    return rows


def _one_after_the_other(decodes: list[Decode]) -> Decode:
    return lambda: [output for decode in decodes for output in decode()]


def _told(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items() if value is not None), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the table to this file too")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=40, help="of every output")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--sentences", type=int, default=200, help="of the run's test split")
    parser.add_argument("--run", help="a trained Transformer with one vocabulary for both sides: its folder")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    told = environment() | {"ctranslate2": ctranslate2.__version__, "transformers": transformers.__version__}
    print(", ".join(f"{name} {value}" for name, value in told.items()))
    sizes, timing = (arguments.batches, arguments.beams), (arguments.rounds, arguments.threads)
    rows = random_model(*sizes, arguments.tokens, *timing)
    if arguments.run:
        rows += trained_model(arguments.run, arguments.sentences, *sizes, *timing)
    if arguments.json is not None:
        write_results(arguments.json, rows)


if __name__ == "__main__":
    main()
