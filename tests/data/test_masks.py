"""Images with masks: own folders in every layout, what is wrong with them told by the file's name, and the named datasets."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gyebo.data.download import data_folder
from gyebo.data.mask_folders import is_mask_folder, mask_beside
from gyebo.data.masked_images import VOID, MaskedImages, fingerprint, hold_out
from gyebo.data.masks import MasksConfig, open_masks, open_whole_masks
from gyebo.data.registry import find_dataset
from gyebo.errors import GyeboError, UsageError

RNG = np.random.default_rng(0)


def write(path: Path, pixels: np.ndarray, mode: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)
    return path


def pair(
    folder: Path, stem: str, values: tuple[int, ...] = (0, 255), size: tuple[int, int] = (6, 5), names=("images", "masks")
) -> None:
    """An image, and a mask in which every value stands."""
    write(folder / names[0] / f"{stem}.png", RNG.integers(0, 256, size, dtype=np.uint8))
    write(folder / names[1] / f"{stem}.png", np.resize(np.array(values, np.uint8), size))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(12):
        pair(tmp_path / "cells", str(number), size=(6 + number, 5))
    return tmp_path / "cells"


def opened(folder: Path, **config: object):
    return open_masks((str(folder),), MasksConfig(**config))


def test_a_folder_of_images_and_masks_is_split_by_its_pixels(folder):
    data = opened(folder)
    assert (len(data.train), len(data.validation), len(data.test)) == (10, 1, 1)
    assert data.classes == ("background", "foreground")
    assert {int(value) for mask in data.train.masks for value in mask.unique()} == {0, 1}
    assert data.facts()["channels"] == 1
    assert any("held out for the test split, chosen by their pixels: 1." in note for note in data.notes)
    again = opened(folder)
    assert data.fingerprint == again.fingerprint
    assert len(set(data.train.names) | set(data.validation.names) | set(data.test.names)) == 12
    for path in (folder / "images").iterdir():
        path.rename(path.with_name(f"renamed-{path.name}"))
    for path in (folder / "masks").iterdir():
        path.rename(path.with_name(f"renamed-{path.name}"))
    assert opened(folder).test.images[0].equal(data.test.images[0]), "other names, the same split"


def test_held_out_counts_can_be_asked_for_but_not_all_of_them(folder):
    data = opened(folder, validation=3, test=4)
    assert (len(data.train), len(data.validation), len(data.test)) == (5, 3, 4)
    with pytest.raises(UsageError, match=r"Holding out 12 images leaves nothing to train on, for there are 12 in all"):
        opened(folder, test=12)


def test_images_are_in_the_order_of_their_numbers(folder):
    whole = open_whole_masks((str(folder),), MasksConfig())
    assert [Path(name).stem for name in whole.test.names] == [str(number) for number in range(12)]
    assert (len(whole.train), len(whole.validation)) == (0, 0)
    assert [tuple(image.shape) for image in whole.test.images[:2]] == [(1, 6, 5), (1, 7, 5)]


def test_a_folder_that_its_owner_split_is_evaluated_on_its_test_split(tmp_path):
    for split, count in (("train", 4), ("val", 3)):
        for number in range(count):
            pair(tmp_path / split, f"{number}", values=(0, 1, 2))
    assert len(open_whole_masks((str(tmp_path),), MasksConfig()).test) == 7, "all, where there is no test split"
    for number in range(2):
        pair(tmp_path / "test", f"{number}", values=(0, 1))
    whole = open_whole_masks((str(tmp_path),), MasksConfig())
    assert whole.test.names == tuple(str(tmp_path / "test" / "images" / f"{number}.png") for number in range(2))
    assert (len(whole.train), len(whole.validation)) == (0, 0)
    assert whole.classes == opened(tmp_path).classes == ("0", "1", "2"), "those of the folder, for a test split may lack one"


@pytest.mark.parametrize(
    ("layout", "names"),
    [
        ({"train": "train", "val": "validation", "test": "test"}, ("image", "label")),
        ({"training": "train", "valid": "validation", "test": "test"}, ("images", "masks")),
        ({"Train": "train", "dev": "validation", "TEST": "test"}, ("images", "masks")),
    ],
)
def test_splits_of_ones_own(tmp_path, layout, names):
    for number, split in enumerate(layout):
        for stem in range(number + 1):
            pair(tmp_path / split, f"{stem}", names=names)
    data = opened(tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (1, 2, 3)
    assert not data.notes
    with pytest.raises(UsageError, match=r"has a folder of its own for the test split, so masks.test does not apply"):
        opened(tmp_path, test=1)


@pytest.mark.parametrize("twice", [("val", "validation"), ("Test", "test")])
def test_a_split_that_is_there_twice_is_refused(tmp_path, twice):
    for name in ("train", *twice):
        pair(tmp_path / name, "1")
    if len(list(tmp_path.iterdir())) < 3:
        pytest.skip("this file system does not tell capital letters")
    split = {"val": "validation"}.get(twice[0], "test")
    told = rf"{tmp_path}/{twice[0]} and {tmp_path}/{twice[1]} are both the {split} split"
    for each in (open_masks, open_whole_masks):
        with pytest.raises(UsageError, match=told):
            each((str(tmp_path),), MasksConfig())
    assert is_mask_folder(tmp_path)


def test_of_two_folders_for_a_split_the_one_with_masks_is_meant(tmp_path):
    for name in ("train", "val", "test"):
        pair(tmp_path / name, "1")
    (tmp_path / "validation").mkdir()
    assert len(opened(tmp_path).validation) == 1


def test_the_layout_of_camvid(tmp_path):
    for split, count in (("train", 3), ("test", 1)):
        for stem in range(count):
            pair(tmp_path, f"{split}{stem}", values=(0, 1, 2), names=(split, f"{split}annot"))
    data = opened(tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (2, 1, 1)
    assert data.classes == ("0", "1", "2")


def test_colour_images_and_named_classes_with_void(tmp_path):
    write(tmp_path / "images" / "a.png", RNG.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    pair(tmp_path, "b", values=(0, 1, 9), size=(4, 4))
    write(tmp_path / "masks" / "a.png", np.array([[0, 1, 2, 9]] * 4, np.uint8))
    data = open_whole_masks((str(tmp_path),), MasksConfig(classes=("하늘", "길", "나무"), void=9))
    assert data.classes == ("하늘", "길", "나무")
    assert [image.shape[0] for image in data.test.images] == [3, 3]
    assert data.test.masks[0][0].tolist() == [0, 1, 2, VOID]


@pytest.mark.parametrize("kind", ["palette", "black and white", "grey saved as colour"])
def test_masks_of_every_kind_are_numbers(tmp_path, kind):
    write(tmp_path / "images" / "a.png", RNG.integers(0, 256, (2, 4), dtype=np.uint8))
    mask = np.array([[0, 1, 1, 0], [1, 0, 0, 1]], np.uint8)
    (tmp_path / "masks").mkdir()
    path = tmp_path / "masks" / "a.png"
    if kind == "palette":
        image = Image.frombytes("P", (4, 2), mask.tobytes())
        image.putpalette([10, 20, 30, 200, 100, 50])
        image.save(path)
    elif kind == "black and white":
        Image.fromarray(mask * 255).convert("1").save(path)
    else:
        Image.fromarray(np.repeat(mask[..., None] * 255, 3, 2)).save(path)
    assert open_whole_masks((str(tmp_path),), MasksConfig()).test.masks[0].tolist() == mask.tolist()


def test_a_mask_without_an_image_is_told_and_left_out(folder):
    pair(folder, "alone")
    (folder / "images" / "alone.png").unlink()
    assert any(
        "Masks that belong to no image and were left out: 1, such as" in note and "alone.png" in note
        for note in opened(folder).notes
    )


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("missing", r"The image .*images/3\.png has no mask: a file .*masks/3\.png was expected"),
        ("size", r"The mask .*masks/3\.png is 7 x 6 pixels, but its image .*images/3\.png is 5 x 9"),
        ("grey", r"The mask .*masks/3\.png has the value 17, but the values of all masks should be 0, 1, 2 \.\.\. without a gap"),
        ("colour", r"The mask .*masks/3\.png is coloured, but a mask has one number a pixel"),
        ("deep", r"The mask .*masks/3\.png is of mode I;16 with values from 0 to 70"),
        ("broken", r"masks/3\.png is no image that can be read"),
        ("broken image", r"images/3\.png is no image that can be read"),
    ],
)
def test_what_is_wrong_is_told_with_the_file(folder, harm, told):
    mask, image = folder / "masks" / "3.png", folder / "images" / "3.png"
    if harm == "missing":
        mask.unlink()
    elif harm == "size":
        write(mask, np.zeros((6, 7), np.uint8))
    elif harm == "grey":
        write(mask, np.resize(np.array([0, 17, 255], np.uint8), (9, 5)))
    elif harm == "colour":
        write(mask, RNG.integers(0, 256, (9, 5, 3), dtype=np.uint8))
    elif harm == "deep":
        write(mask, np.resize(np.array([0, 70_00], np.uint16), (9, 5)))
    else:
        (mask if harm == "broken" else image).write_bytes(b"no picture")
    with pytest.raises(UsageError, match=told):
        opened(folder)


def test_values_outside_of_the_named_classes_are_told_with_the_file(folder):
    write(folder / "masks" / "3.png", np.resize(np.array([0, 1, 7], np.uint8), (9, 5)))
    with pytest.raises(UsageError, match=r"The mask .*masks/3\.png has the value 7, but its classes are 0 to 2 \(a, b, c\)"):
        open_whole_masks((str(folder),), MasksConfig(classes=("a", "b", "c"), void=255))


def test_one_value_is_no_two_classes(tmp_path):
    pair(tmp_path, "a", values=(0,))
    with pytest.raises(UsageError, match=r"All masks beside .*a\.png have the one value 0"):
        open_whole_masks((str(tmp_path),), MasksConfig())


def test_a_folder_of_something_else_is_told_what_was_expected(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(UsageError, match=r"no images with masks were found: a folder `images` and a folder `masks` were expected"):
        opened(tmp_path)
    (tmp_path / "masks").mkdir()
    with pytest.raises(UsageError, match=r"The folder .*images holds no image"):
        opened(tmp_path)


def test_names_that_are_no_data_are_refused(folder, tmp_path):
    with pytest.raises(
        UsageError, match=r"'membran' is neither a named dataset nor a file that is there. Did you mean 'membrane'\?"
    ):
        open_masks(("membran",), MasksConfig())
    with pytest.raises(UsageError, match="2 names of data were given"):
        open_masks((str(folder), str(folder)), MasksConfig())
    with pytest.raises(
        UsageError, match=r"The dataset digits is of the kind 'images', but 'masks' is needed here: membrane, camvid"
    ):
        open_masks(("digits",), MasksConfig())


@pytest.mark.parametrize(
    ("config", "told"),
    [({"channels": 2}, "masks.channels is 2"), ({"void": 256}, "masks.void is 256"), ({"test": -1}, "masks.test is -1"),
     ({"classes": ("a", "a")}, "masks.classes names 2 classes")],
)  # fmt: skip
def test_options_without_sense_are_refused(config, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        MasksConfig(**config)


def test_the_mask_beside_an_image(folder):
    assert mask_beside(folder / "images" / "3.png") == folder / "masks" / "3.png"
    assert mask_beside(folder / "masks" / "3.png") is None


def test_twins_are_held_out_one_after_the_other():
    image, mask = torch.zeros(1, 2, 2, dtype=torch.uint8), torch.zeros(2, 2, dtype=torch.uint8)
    images = MaskedImages((image, image + 1, image, image + 1), (mask,) * 4, tuple("abcd"))
    kept, held = hold_out(images, 2)
    assert {kept.names, held.names} == {("a", "c"), ("b", "d")}


def test_the_fingerprint_is_of_pixels_masks_and_classes():
    image, mask = torch.zeros(1, 2, 2, dtype=torch.uint8), torch.zeros(2, 2, dtype=torch.uint8)
    same = fingerprint(("a", "b"), [MaskedImages((image,), (mask,), ("x",))])
    assert same == fingerprint(("a", "b"), [MaskedImages((image,), (mask,), ("y",))])
    others = [
        fingerprint(("a", "c"), [MaskedImages((image,), (mask,), ("x",))]),
        fingerprint(("a", "b"), [MaskedImages((image + 1,), (mask,), ("x",))]),
    ]
    assert len({same, *others, fingerprint(("a", "b"), [MaskedImages((image,), (mask + 1,), ("x",))])}) == 4


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(ValueError, match=r"x: torch\.uint8"):
        MaskedImages((torch.zeros(1, 2, 2, dtype=torch.uint8),), (torch.zeros(3, 2, dtype=torch.uint8),), ("x",))
    with pytest.raises(ValueError, match="do not belong together"):
        MaskedImages((), (), ("x",))


# The named datasets


def there(name: str) -> bool:
    return all((data_folder() / file.path).is_file() for file in find_dataset(name).files)


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not there(name), reason=f"{name} is not in {os.environ.get('GYEBO_DATA', 'the cache folder')}")


@needs("membrane")
def test_membrane_holds_out_its_last_sections_and_black_is_membrane():
    data = open_masks(("membrane",), MasksConfig())
    assert [len(split) for split in (data.train, data.validation, data.test)] == [24, 2, 4]
    assert [Path(name).stem for name in data.test.names] == ["26", "27", "28", "29"]
    share = float(torch.stack(data.train.masks).float().mean())
    assert 0.2 < share < 0.25
    assert data.train.images[0][0][data.train.masks[0] == 1].float().mean() < data.train.images[0].float().mean(), (
        "membranes are dark"
    )


@needs("camvid")
def test_camvid_has_eleven_classes_and_void():
    data = open_masks(("camvid",), MasksConfig())
    assert [len(split) for split in (data.train, data.validation, data.test)] == [32, 8, 8]
    values = torch.stack(data.train.masks).unique().tolist()
    assert values == [*range(11), VOID]
    assert data.facts()["channels"] == 3


@pytest.mark.parametrize("name", ["membrane", "camvid"])
def test_splits_and_classes_of_named_datasets_are_their_own(name):
    with pytest.raises(UsageError, match=f"The dataset {name} comes with its own splits and classes, so masks.test does not apply"):
        open_masks((name,), MasksConfig(test=3))


def test_a_named_dataset_that_cannot_be_had_names_a_file(tmp_path, monkeypatch):
    def refuse(*arguments: object, **named: object) -> None:
        raise OSError("no network here")

    monkeypatch.setattr("gyebo.data.download.urlopen", refuse)
    with pytest.raises(GyeboError, match=r"CamVid/test/0001TP_008550\.png could not be downloaded"):
        open_masks(("camvid",), MasksConfig(), tmp_path)
