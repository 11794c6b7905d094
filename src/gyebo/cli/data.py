"""`gyebo data [NAME | FILE ...]`: the registry, or one dataset prepared, described and sampled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from gyebo.cli.parsing import Flag, parse, shown
from gyebo.cli.progress import DownloadProgress
from gyebo.cli.tables import print_facts, print_json, print_table
from gyebo.data.dataset import Dataset, Kind
from gyebo.data.download import data_folder
from gyebo.data.image_config import ImagesConfig
from gyebo.data.mask_config import MasksConfig
from gyebo.data.own_files import kind_of
from gyebo.data.parallel import PairsConfig, ParallelText, open_parallel
from gyebo.data.registry import all_datasets

CLASSES_SHOWN = 5  # of a sample's mask


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Prepare and describe a dataset or your own files; without a name, list datasets."""

    data: Annotated[tyro.conf.Positional[tuple[str, ...]], shown("[NAME | FILE ...]")] = ()
    """a named dataset; of text a table (.tsv, .csv, .jsonl, each also .gz) or two line-aligned files; of images a folder with a folder a
    class, a table with the columns path and label, or two idx files; of images with masks a folder with folders images and masks"""
    pairs: PairsConfig = field(default_factory=PairsConfig)
    images: ImagesConfig = field(default_factory=ImagesConfig)
    masks: MasksConfig = field(default_factory=MasksConfig)
    samples: int = 5
    """training pairs or images shown"""
    seed: int = 0
    """chooses the samples"""
    data_dir: Annotated[Path | None, shown("FOLDER")] = None
    """the folder of the named datasets (default: $GYEBO_DATA, else a cache folder)"""
    json: Flag = False
    """print JSON"""


def run(words: list[str]) -> int:
    """Print the registry, or one prepared dataset."""
    options = parse(DataOptions, words, "gyebo data")
    if not options.data:
        _print_registry(options)
        return 0
    _SHOW[kind_of(options.data)](options)
    return 0


def _show_text(options: DataOptions) -> None:
    from gyebo.data.describe import describe, samples

    text = open_parallel(options.data, options.pairs, options.data_dir, DownloadProgress(" ".join(options.data)))
    described, shown = describe(text), samples(text, max(0, options.samples), options.seed)
    if options.json:
        print_json(described | {"samples": [{"source": source, "target": target} for source, target in shown]})
    else:
        _print_text(text, described, shown)


def _show_images(options: DataOptions) -> None:
    from gyebo.data.image_description import describe_images, image_samples  # imports torch
    from gyebo.data.images import open_images

    images = open_images(options.data, options.images, options.data_dir, DownloadProgress(" ".join(options.data)))
    described, shown = describe_images(images), image_samples(images, max(0, options.samples), options.seed)
    if options.json:
        print_json(described | {"samples": [{"image": name, "class": label} for name, label in shown]})
    else:
        _print_images(described, shown)


def _show_masks(options: DataOptions) -> None:
    from gyebo.data.mask_description import describe_masks, mask_samples  # imports torch
    from gyebo.data.masks import open_masks

    data = open_masks(options.data, options.masks, options.data_dir, DownloadProgress(" ".join(options.data)))
    described, shown = describe_masks(data), mask_samples(data, max(0, options.samples), options.seed)
    if options.json:
        print_json(described | {"samples": [{"image": name, "classes": shares} for name, shares in shown]})
    else:
        _print_masks(described, shown)


_SHOW: dict[Kind, Callable[[DataOptions], None]] = {"parallel text": _show_text, "images": _show_images, "masks": _show_masks}


def _print_registry(options: DataOptions) -> None:
    folder = data_folder(options.data_dir)
    rows = [
        {
            "name": item.name,
            "kind": item.kind,
            "languages": [*item.languages],
            "classes": [*item.classes],
            "summary": item.summary,
            "bytes": sum(file.size for file in item.files),
            "state": _state(item, folder),
        }
        for item in all_datasets()
    ]
    if options.json:
        print_json({"folder": str(folder), "datasets": rows})
        return
    print_table(
        ("name", "kind", "summary", "MiB", "state"),
        [(row["name"], row["kind"], row["summary"], f"{row['bytes'] / 2**20:.1f}", row["state"]) for row in rows],
    )
    print(f"\nfolder: {folder}\n`gyebo data NAME` prepares one; `gyebo data FILE` reads your own.")


def _state(dataset: Dataset, folder: Path) -> str:
    there = sum((folder / file.path).is_file() for file in dataset.files)
    if not dataset.files:
        return "at hand"
    return "there" if there == len(dataset.files) else f"{there} of {len(dataset.files)} files there" if there else "to download"


def _print_text(text: ParallelText, described: dict[str, Any], shown: list[tuple[str, str]]) -> None:
    languages = f"{text.source_language or '?'} to {text.target_language or '?'}"
    print_facts({"name": text.name, "languages": languages, "licence": text.licence, "citation": text.citation, "url": text.url})
    for note in text.notes:
        print_facts({"note": note})
    print()
    columns = ("split", "side", "pairs", "words", "distinct", "mean", "longest", "scripts")
    print_table(
        columns, [_side(split, name, numbers) for split, numbers in described["splits"].items() for name in ("source", "target")]
    )
    if shown:
        print()
        print_table(("source", "target"), shown)
    print(f"\ntrain on it: gyebo train RECIPE --data {text.name if text.url else 'FILE'}")


def _print_images(described: dict[str, Any], shown: list[tuple[str, str]]) -> None:
    _print_origin(described, str(described["height"]), str(described["width"]))
    splits = described["splits"]
    rows = [(name, *(f"{split['classes'][name]:,}" for split in splits.values())) for name in described["classes"]]
    print_table(("class", *splits), [*rows, ("all", *(f"{split['images']:,}" for split in splits.values()))])
    if shown:
        print()
        print_table(("image", "class"), shown)
    _print_use(described)


def _print_masks(described: dict[str, Any], shown: list[tuple[str, dict[str, float]]]) -> None:
    _print_origin(described, *(_range(*described[side]) for side in ("height", "width")))
    splits = described["splits"]
    print_table(
        ("split", "images", "pixels", "not labelled"),
        [
            (name, f"{split['images']:,}", f"{split['pixels']:,}", _percent(split["void_share"]) if split["pixels"] else "")
            for name, split in splits.items()
        ],
    )
    print()
    rows = [(name, *(_percent(split["classes"][name]) for split in splits.values())) for name in described["classes"]]
    print_table(("class", *splits), rows, "Shares of the labelled pixels")
    if shown:
        print()
        print_table(("image", "what is in it"), [(name, _largest(shares)) for name, shares in shown])
    _print_use(described)


def _range(least: int, largest: int) -> str:
    return str(least) if least == largest else f"{least} to {largest}"


def _percent(share: float) -> str:
    return f"{share:.2%}".replace("%", " %")


def _largest(shares: dict[str, float]) -> str:
    told = [f"{name} {_percent(share)}" for name, share in shares.items()]
    return ", ".join(told[:CLASSES_SHOWN]) + (" ..." if len(told) > CLASSES_SHOWN else "") if told else "nothing labelled"


def _print_origin(described: dict[str, Any], height: str, width: str) -> None:
    """Where images come from, and what they are."""
    size = f"{described['channels']} x {height} x {width} (channels, height, width)"
    statistics = {key: ", ".join(f"{number:.5f}" for number in described[key]) for key in ("mean", "deviation")}
    print_facts({key: described[key] for key in ("name", "licence", "citation", "url")} | {"size": size} | statistics)
    for note in described["notes"]:
        print_facts({"note": note})
    print()


def _print_use(described: dict[str, Any]) -> None:
    print(f"\ntrain on it: gyebo train RECIPE --data {described['name'] if described['url'] else 'FOLDER'}")


def _side(split: str, name: str, numbers: dict[str, Any]) -> tuple[str, ...]:
    side = numbers[name]
    scripts = ", ".join(f"{script} {share:.0%}" for script, share in side["scripts"].items() if share)
    return (
        split,
        name,
        f"{numbers['pairs']:,}",
        f"{side['words']:,}",
        f"{side['distinct_words']:,}",
        f"{side['mean_words']:.1f}",
        f"{side['max_words']:,}",
        scripts,
    )
