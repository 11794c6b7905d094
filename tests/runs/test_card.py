"""The model card: every task in its own words, and Markdown that shows texts as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gyebo.runs.card import card_text
from gyebo.runs.folder import RunFolder
from gyebo.runs.wording import WORDINGS
from gyebo.tasks import TASKS

DATA = {
    "name": "multi30k",
    "source_language": "de",
    "target_language": "en",
    "train": 29000,
    "validation": 1014,
    "test": 1000,
    "licence": "For research only",
    "citation": "Elliott et al., 2016.",
    "notes": ["Texts begin with <en> or <ko>.", "Years mean 1970 to 2069."],
}
ENVIRONMENT = {"threads": 1, "processor": "a processor"}
MEASURED = {"metrics": {"bleu": 31.4159, "exact_match": 0.25}, "signatures": {"bleu": "nrefs:1|tok:13a"}}
SAMPLE = {"input": "ein <b> Hund", "output": "a | dog\n", "reference": "a *big* `dog` \\o/"}


def results(measured: dict[str, Any] = MEASURED, samples: tuple[dict[str, Any], ...] = (SAMPLE,)) -> dict[str, Any]:
    return {
        "reason": "10 epochs are done",
        "steps": 3020,
        "best_step": 3000,
        "tokens": 4245970,
        "seconds": 90.0,
        "parameters": 8882160,
        "peak_memory_gib": 3.4,
        "splits": {"validation": measured, "test": measured},
        "samples": list(samples),
    }


def card(
    task: str = "translate",
    architecture: str = "bahdanau",
    metric: str = "bleu",
    data: dict[str, Any] = DATA,
    environment: dict[str, Any] = ENVIRONMENT,
    given: dict[str, Any] | None = None,
) -> str:
    recipe = {"title": "Descriptions", "task": task, "architecture": architecture, "evaluation": {"metric": metric}}
    return card_text(RunFolder(Path("runs/mine")), recipe, data, given or results(), environment)


def section(text: str, heading: str) -> list[str]:
    """The lines under a heading, up to the next one."""
    return text.split(f"\n## {heading}\n\n")[1].split("\n\n## ")[0].split("\n")


def test_every_task_has_its_words():
    assert set(WORDINGS) == set(TASKS)


def test_a_translator():
    text = card()
    assert text.startswith("---\nlibrary_name: gyebo\ntags: [translate, bahdanau]\nlanguage: [de, en]\n---\n")
    assert "Descriptions. Architecture `bahdanau`" in text
    assert section(text, "Use")[-2] == "print(run.predict(['ein <b> Hund'])[0].output)  # translates it"
    assert section(text, "Results") == [
        "| metric | validation | test |",
        "|---|---:|---:|",
        "| BLEU | 31.42 | 31.42 |",
        "| exact match | 25.00 % | 25.00 % |",
        "",
        "- BLEU: `nrefs:1|tok:13a`",
    ]
    assert section(text, "Samples from the test split")[0] == "| source | prediction | reference |"
    assert "4,245,970 target tokens, 1.5 minutes" in text


def test_a_language_model():
    measured = {"metrics": {"loss": 1.5, "bits_per_character": 2.0}, "signatures": {"perplexity": "tokens:word|eos:counted"}}
    sample = {"input": "a man", "output": "in a hat.", "reference": "in blue."}
    text = card("language", "lstm", "loss", given=results(measured, (sample,)))
    assert "tags: [language, lstm]\nlanguage: [en]\n" in text, "only the target side is modelled"
    assert section(text, "Use")[-2] == "print(run.predict(['a man'])[0].output)  # continues it"
    assert section(text, "Results")[-1] == "- perplexity: `tokens:word|eos:counted`"
    assert section(text, "Test sentences, continued from their first half") == [
        "| beginning | continuation | how it went on |",
        "|---|---|---|",
        "| a man | in a hat. | in blue. |",
    ]
    assert "1,000 test sentences." in text
    assert "4,245,970 tokens" in text
    assert "chosen by validation loss" in text
    for foreign in ("pairs", "target tokens", "BLEU", "prediction"):
        assert foreign not in text, foreign


def test_a_classifier():
    tables = {
        "most_confused": [{"label": "cat|dog", "predicted": "dog", "images": 1234, "share": 0.25}],
        "bias_and_variance": [
            {"level": "no mistakes", "what_the_gap_means": "", "images": None, "error": 0.0, "gap": None},
            {"level": "train", "what_the_gap_means": "avoidable bias", "images": 5000, "error": 0.125, "gap": 0.125},
        ],
        "worst_mistakes": [{"image": f"{number}.png", "probability": 0.5} for number in range(12)],
        "likely_wrong_labels": [],
        "classes": [{"class": "cat", "f1": 0.5}],
    }
    measured = {"metrics": {"accuracy": 0.5, "macro_f1": 0.25}, "signatures": {}, "tables": tables}
    sample = {"input": "0.png", "output": "cat", "reference": "dog"}
    data = {key: value for key, value in DATA.items() if not key.endswith("_language")} | {"classes": ["cat", "dog"]}
    text = card("classify", "lenet5", "accuracy", data, given=results(measured, (sample,)))
    assert text.startswith("---\nlibrary_name: gyebo\ntags: [classify, lenet5]\n---\n"), "images have no language"
    assert section(text, "Use")[-2] == "print(run.predict(['image.png'])[0].output)  # names the class of it"
    assert section(text, "Results")[-1] == "| macro F1 | 25.00 % | 25.00 % |"
    assert section(text, "Most confused") == [
        "| label | predicted | images | share |",
        "|---|---|---|---|",
        r"| cat\|dog | dog | 1,234 | 25.00 % |",
    ]
    assert section(text, "Bias and variance") == [
        "| level | what the gap means | images | error | gap |",
        "|---|---|---|---|---|",
        "| no mistakes |  | – | 0.00 % | – |",
        "| train | avoidable bias | 5,000 | 12.50 % | 12.50 % |",
    ]
    assert len(section(text, "Worst mistakes")) == 12, "a card shows ten rows, the report all of them"
    assert "## Likely wrong labels" not in text, "nothing was found"
    assert "## Classes" not in text
    assert "4,245,970 images" in text
    assert "1,000 test images." in text
    assert section(text, "Samples from the test split")[0] == "| image | prediction | label |"
    for foreign in ("pairs", "sentences", "BLEU"):
        assert foreign not in text, foreign


def test_licence_and_notes_are_paragraphs_of_their_own():
    assert section(card(), "Data") == [
        "multi30k: 29,000 training, 1,014 validation and 1,000 test pairs. Elliott et al., 2016.",
        "",
        "Licence: For research only.",
        "",
        "- Texts begin with \\<en> or \\<ko>.",
        "- Years mean 1970 to 2069.",
    ]
    bare = card(data=DATA | {"licence": "", "citation": "", "notes": [], "source_language": "", "target_language": "iso"})
    assert section(bare, "Data") == ["multi30k: 29,000 training, 1,014 validation and 1,000 test pairs."]
    assert "language:" not in bare
    assert "Licence: CC BY 2.0.\n" in card(data=DATA | {"licence": "CC BY 2.0."}), "one full stop is enough"


@pytest.mark.parametrize(("threads", "expected"), [(1, "with 1 thread on a processor"), (16, "with 16 threads on a processor")])
def test_threads_are_counted(threads, expected):
    assert expected in card(environment=ENVIRONMENT | {"threads": threads})


def test_texts_stay_in_their_cells():
    row = section(card(), "Samples from the test split")[-1]
    assert row == r"| ein \<b> Hund | a \| dog  | a \*big\* \`dog\` \\o/ |"


def test_without_samples_or_signatures_nothing_stands_for_them():
    text = card(given=results({"metrics": {"bleu": 1.0}, "signatures": {}}, ()))
    assert "Samples" not in text
    assert section(text, "Results")[-1] == "| BLEU | 1.00 | 1.00 |"
    assert "predict(['...'])" in text
    assert "\n\n\n" not in text
    assert "\n\n\n" not in card()
