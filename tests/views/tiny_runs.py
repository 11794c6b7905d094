"""Run folders of untrained tiny models, for the tests of whatever looks into a run."""

import json
from pathlib import Path

import torch

from gyebo.data.pairs import Pairs
from gyebo.data.parallel import ParallelText
from gyebo.data.vocabulary import VocabularyConfig
from gyebo.decoding import DecodingConfig
from gyebo.genealogy import architecture
from gyebo.runs import Run, RunFolder
from gyebo.runs.run import save_config, save_weights
from gyebo.storage import write_json, write_text
from gyebo.tasks.language import Language, LanguageConfig
from gyebo.tasks.translate import Translate, TranslateConfig

SOURCES = ("the cat sleeps", "a dog sees the cat", "the dog eats", "a cat sees a dog and sleeps")
TARGETS = ("le chat dort", "un chien voit le chat", "le chien mange", "un chat voit un chien et dort")
RECURRENT = ("bahdanau", "luong", "rnn-encoder-decoder", "seq2seq")
TRANSLATORS = (*RECURRENT, "transformer")
RECIPE = """
title = "Cats and dogs"
task = "{task}"
architecture = "{architecture}"
data = ["animals"]
steps = 2

[optimizer]
name = "adam"
betas = [0.9, 0.999]

[evaluation]
metric = "{metric}"
"""
RECORDS = (
    {"kind": "train", "step": 1, "loss": 3.0, "rate": 0.1, "gradient_norm": 1.0},
    {"kind": "evaluation", "step": 2, "loss": 2.5, "best": True, "seconds": 1.0},
)


def tiny_run(folder: Path, name: str = "bahdanau", metric: str = "exact_match") -> Run:
    """What training leaves behind, but for results.json."""
    data = animals(SOURCES, TARGETS)
    task = Translate.learn(TranslateConfig(decoding=DecodingConfig(beam=2, length_ratio=1, length_margin=2)), data)
    torch.manual_seed(1)
    entry = architecture(name)
    config = entry.config(**{**entry.tiny, **task.model_fields()})
    return write_run(folder, task, config, data, metric, name)


def tiny_language_run(folder: Path, name: str = "lstm") -> Run:
    """The same for a language model of the source sentences."""
    data = animals(SOURCES, SOURCES)
    task = Language.learn(LanguageConfig(vocabulary=VocabularyConfig(unit="word", min_count=1)), data)
    torch.manual_seed(1)
    entry = architecture(name)
    return write_run(folder, task, entry.config(**{**entry.tiny, **task.model_fields()}), data, "loss", name)


def animals(sources: tuple[str, ...], targets: tuple[str, ...]) -> ParallelText:
    pairs = Pairs(sources, targets)
    told = {"name": "animals", "source_language": "en", "target_language": "fr", "licence": "", "citation": "", "url": ""}
    return ParallelText(**told, train=pairs, validation=pairs, test=pairs, fingerprint="f" * 64, notes=())


def write_run(folder: Path, task: Translate | Language, config: object, data: ParallelText, metric: str, name: str) -> Run:
    run = RunFolder(folder)
    task.save(folder)
    save_config(run, task, task.name, name, config, data.facts())
    save_weights(architecture(name).model(config), run, name, 2)
    write_text(run.recipe, RECIPE.format(task=task.name, architecture=name, metric=metric))
    write_text(folder / "metrics.jsonl", "".join(json.dumps(record) + "\n" for record in RECORDS))
    environment = {"processor": "a processor", "threads": 2, "accelerator": None}
    write_json(run.environment, environment | {"packages": {"torch": "2.13", "gyebo": "0.1"}})
    return Run(run)


def results_of(run: Run) -> dict:
    """What results.json would hold for a translator."""
    predictions = run.predict(list(SOURCES))
    measured = {
        "metrics": {"loss": 1.25, "bleu": 31.4159, "exact_match": 0.25},
        "signatures": {"bleu": "nrefs:1|tok:13a"},
        "tables": {
            "bleu_by_source_length": [
                {"source_words": "1-3", "sentences": 2, "bleu": 40.0, "chrf": 50.0},
                {"source_words": "4-7", "sentences": 2, "bleu": 20.0, "chrf": 30.0},
            ]
        },
    }
    samples = [vars(item) | {"reference": target} for item, target in zip(predictions, TARGETS, strict=True)]
    samples[0] |= {"output": TARGETS[0]}
    return ended(measured, samples)


def language_results_of(run: Run) -> dict:
    """The same for a language model: no tables, no alignments, and samples that go on from the first half of a sentence."""
    data = animals(SOURCES, SOURCES)
    evaluation = run.evaluate(data)
    assert not evaluation.tables
    measured = {"metrics": evaluation.metrics, "signatures": evaluation.signatures, "tables": evaluation.tables}
    samples = [vars(item) | {"reference": rest} for item, rest in zip(evaluation.predictions, evaluation.references, strict=True)]
    return ended(measured, samples)


def ended(measured: dict, samples: list[dict]) -> dict:
    return {
        "reason": "2 steps are done",
        "steps": 2,
        "best_step": 2,
        "tokens": 1234567,
        "seconds": 90.0,
        "parameters": 7654,
        "peak_memory_gib": 0.5,
        "splits": {"validation": measured, "test": measured},
        "samples": samples,
    }
