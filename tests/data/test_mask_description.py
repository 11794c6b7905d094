"""Statistics and samples of images with masks."""

from __future__ import annotations

import dataclasses
import json
import os

import numpy as np
import pytest
import torch

from gyebo.data.download import data_folder
from gyebo.data.mask_config import MasksConfig
from gyebo.data.mask_description import describe_masks, mask_samples
from gyebo.data.masked_images import VOID, ImageMasks, MaskedImages
from gyebo.data.masks import open_masks
from gyebo.data.registry import find_dataset
from made_masks import image_masks


def bytes_of(*rows: tuple[int, ...]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.uint8)


HALVES = bytes_of((0, 0, 1, 1), (0, 0, 1, 1))
MOSTLY_VOID = bytes_of((1, VOID), (VOID, VOID), (0, 1))
ALL_VOID = bytes_of((VOID,))


def counted() -> ImageMasks:
    """Masks that can be counted by hand, under images of the same sizes."""

    def split(*masks: torch.Tensor) -> MaskedImages:
        images = tuple(torch.full((3, *mask.shape), 51 * (1 + row), dtype=torch.uint8) for row, mask in enumerate(masks))
        return MaskedImages(images, masks, tuple(f"{row}.png" for row in range(len(masks))))

    origin = {"licence": "free", "citation": "Nobody, 2009.", "url": "https://example.org", "notes": ("A note.",)}
    return dataclasses.replace(
        image_masks(), train=split(HALVES, MOSTLY_VOID), validation=MaskedImages((), (), ()), test=split(ALL_VOID), **origin
    )


def test_the_shares_of_classes_are_of_the_labelled_pixels_and_that_of_void_is_of_all():
    splits = describe_masks(counted())["splits"]
    assert splits["train"] == {
        "images": 2,
        "pixels": 14,
        "void_share": round(3 / 14, 5),
        "classes": {"ground": round(5 / 11, 5), "disc": round(6 / 11, 5)},
    }
    assert splits["test"] == {"images": 1, "pixels": 1, "void_share": 1.0, "classes": {"ground": 0.0, "disc": 0.0}}
    assert splits["validation"] == {"images": 0, "pixels": 0, "void_share": 0.0, "classes": {"ground": 0.0, "disc": 0.0}}


def test_sizes_that_differ_are_told_as_a_range():
    described = describe_masks(counted())
    assert (described["channels"], described["height"], described["width"]) == (3, [1, 3], [1, 4])
    assert describe_masks(image_masks(size=(32, 40)))["height"] == [32, 32]


def test_the_statistics_are_of_every_training_pixel():
    described = describe_masks(counted())
    values = np.array([0.2] * 8 + [0.4] * 6)
    assert described["mean"] == [round(values.mean(), 5)] * 3
    assert described["deviation"] == [round(values.std(), 5)] * 3
    only_test = dataclasses.replace(counted(), train=MaskedImages((), (), ()), test=counted().train)
    assert describe_masks(only_test)["mean"] == described["mean"]


def test_the_description_is_plain_json_with_the_origin():
    data = counted()
    described = describe_masks(data)
    assert json.loads(json.dumps(described)) == described
    assert described["notes"] == ["A note."]
    for name in ("name", "licence", "citation", "url", "fingerprint"):
        assert described[name] == getattr(data, name)
    assert not {"train", "validation", "test"} & described.keys(), "the sizes of the splits stand in the splits"


def test_samples_are_different_images_and_the_same_for_one_seed():
    data = image_masks(classes=3, void=True)
    assert len({name for name, _ in mask_samples(data, 100)}) == 8
    assert mask_samples(data, 5, seed=1) == mask_samples(data, 5, seed=1) != mask_samples(data, 5, seed=2)
    assert mask_samples(data, 0) == []


def test_a_sample_tells_what_is_in_its_mask_largest_share_first():
    assert dict(mask_samples(counted(), 2)) == {
        "0.png": {"ground": 0.5, "disc": 0.5},
        "1.png": {"disc": 0.66667, "ground": 0.33333},
    }
    assert list(dict(mask_samples(counted(), 2))["1.png"]) == ["disc", "ground"]
    nothing = dataclasses.replace(counted(), train=counted().test)
    assert mask_samples(nothing, 1) == [("0.png", {})]


@pytest.mark.parametrize(("name", "size"), [("membrane", (1, [512, 512], [512, 512])), ("camvid", (3, [360, 360], [480, 480]))])
def test_the_named_datasets(name: str, size: tuple[int, list[int], list[int]]):
    if not all((data_folder() / file.path).is_file() for file in find_dataset(name).files):
        pytest.skip(f"{name} is not in {os.environ.get('GYEBO_DATA', 'the cache folder')}")
    data = open_masks((name,), MasksConfig())
    described = describe_masks(data)
    assert (described["channels"], described["height"], described["width"]) == size
    for split in described["splits"].values():
        assert sum(split["classes"].values()) == pytest.approx(1, abs=1e-4)
        assert min(split["classes"].values()) > 0
    mask = torch.stack(data.test.masks)
    last = data.classes[-1]
    share = float((mask == len(data.classes) - 1).sum() / (mask != VOID).sum())
    assert described["splits"]["test"]["void_share"] == pytest.approx(float((mask == VOID).double().mean()), abs=1e-5)
    assert described["splits"]["test"]["classes"][last] == pytest.approx(share, abs=1e-5)
