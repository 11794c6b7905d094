"""Images as data: named datasets and one's own, in three splits that nothing but the pixels decides."""

import gzip
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import write_classes, write_image
from PIL import Image

from gyebo.config import from_mapping, to_mapping
from gyebo.data import image_fitting
from gyebo.data.idx import pack_idx
from gyebo.data.images import ImageClasses, ImagesConfig, open_images, open_whole_images
from gyebo.errors import DiskError, GyeboError, UsageError

TWO_CLASSES = {"개": 30, "고양이": 20}


def counts(images: ImageClasses) -> list[list[int]]:
    splits = (images.train, images.validation, images.test)
    return [torch.bincount(split.labels, minlength=len(images.classes)).tolist() for split in splits]


def open_folder(folder: Path, **options: object) -> ImageClasses:
    return open_images((str(folder),), ImagesConfig(**options))


def content(images: ImageClasses, split: str) -> set[tuple[int, bytes]]:
    chosen = getattr(images, split)
    return {(label, image.numpy().tobytes()) for label, image in zip(chosen.labels.tolist(), chosen.pixels, strict=True)}


# The config


def test_the_config_round_trips():
    config = ImagesConfig(size=32, channels=1, padding=2, validation=5, test=6, test_files=("a",), limit=9)
    assert from_mapping(ImagesConfig, to_mapping(config)) == config


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"validation": -1}, "images.validation is -1, but a count of images cannot be negative"),
        ({"size": 5_000}, "images.size is 5000, but 0 .* to 4,096"),
        ({"channels": 4}, r"images.channels is 4, but 0 .*, 1 \(grey\) or 3"),
        ({"padding": -1}, "images.padding is -1"),
    ],
)
def test_impossible_settings_are_refused(options: dict, expected: str):
    with pytest.raises(ValueError, match=expected):
        ImagesConfig(**options)
    with pytest.raises(UsageError, match=expected):
        from_mapping(ImagesConfig, options)


# Named datasets


def test_the_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    digits = open_images(("digits",), ImagesConfig())
    assert [len(digits.train), len(digits.validation), len(digits.test)] == [1_297, 200, 300]
    assert counts(digits)[1] == [20] * 10
    expected = load_digits()
    pixels = torch.from_numpy(np.rint(expected.images * (255 / 16)).astype(np.uint8))
    ours = [row for split in ("train", "validation", "test") for row in content(digits, split)]
    theirs = {(int(label), image.numpy().tobytes()) for label, image in zip(expected.target, pixels, strict=True)}
    assert len(ours) == len(theirs) == len(expected.target)
    assert set(ours) == theirs
    back = torch.cat([digits.train.pixels, digits.validation.pixels, digits.test.pixels]).float() * (16 / 255)
    assert (back - back.round()).abs().max() < 0.04  # sixteenths can be had back without loss


def test_facts_are_plain_and_without_pixels():
    import json

    facts = open_images(("digits",), ImagesConfig(padding=2)).facts()
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["channels"], facts["height"], facts["width"], facts["train"]) == (1, 12, 12, 1_297)
    assert facts["licence"].startswith("CC BY 4.0")
    assert len(facts["fingerprint"]) == 64


def test_size_channels_padding_and_limit():
    plain = open_images(("digits",), ImagesConfig())
    changed = open_images(("digits",), ImagesConfig(size=12, channels=3, padding=1, limit=100))
    assert changed.train.pixels.shape == (100, 3, 14, 14)
    assert changed.test.pixels.shape == (300, 3, 14, 14)
    assert changed.test.pixels[:, :, 0].eq(0).all()
    assert torch.equal(changed.test.pixels[:, 0], changed.test.pixels[:, 2])
    assert counts(changed)[0] == [10] * 10
    assert changed.fingerprint != plain.fingerprint
    assert changed.notes == ("100 of 1,297 training images are used.",)


@pytest.mark.parametrize("option", [{"validation": 5}, {"test": 5}, {"test_files": ("a",)}, {"validation_files": ("a",)}])
def test_the_splits_of_a_dataset_are_its_own(option: dict):
    with pytest.raises(UsageError, match=f"The dataset digits comes with its own splits, so images.{next(iter(option))} does not"):
        open_images(("digits",), ImagesConfig(**option))


def test_data_of_another_kind_are_refused():
    with pytest.raises(UsageError, match="The dataset dates is of the kind 'parallel text', but 'images' is needed here: digits"):
        open_images(("dates",), ImagesConfig())
    with pytest.raises(UsageError, match="The dataset 'digits' cannot be mixed with files"):
        open_images(("digits", "more"), ImagesConfig())
    with pytest.raises(UsageError, match=r"'mnits' is neither a named dataset nor a file .* mean 'mnist'"):
        open_images(("mnits",), ImagesConfig())


DATA = Path(os.environ.get("GYEBO_DATA", ""))
NEEDS_MNIST = pytest.mark.skipif(not (DATA / "mnist/train-images-idx3-ubyte.gz").is_file(), reason="MNIST is not in GYEBO_DATA")


@NEEDS_MNIST
def test_mnist_opens_quickly():
    before = time.process_time()
    mnist = open_images(("mnist",), ImagesConfig())
    assert time.process_time() - before < 2
    assert [len(mnist.train), len(mnist.validation), len(mnist.test)] == [55_000, 5_000, 10_000]
    assert mnist.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert mnist.test.names[0] == "mnist t10k 0"
    assert mnist.notes == ("5,000 of its training images are held out for validation.",)


def test_a_dataset_that_is_served_nowhere_says_how_to_come_by_it(tmp_path: Path):
    with pytest.raises(GyeboError, match=r"no address serves it. It holds the first 1,200 training .* put it there"):
        open_images(("cifar10-subset",), ImagesConfig(), tmp_path)


# Own folders


def test_a_folder_is_split_by_class(tmp_path: Path):
    images = open_folder(write_classes(tmp_path / "mine", TWO_CLASSES))
    assert (images.name, images.classes) == ("mine", ("개", "고양이"))
    assert counts(images) == [[24, 16], [3, 2], [3, 2]]
    assert images.train.pixels.shape == (40, 3, 12, 12)
    assert images.train.names[0].startswith("개/")
    assert images.notes == ()
    parts = [content(images, split) for split in ("train", "validation", "test")]
    assert len(set.union(*parts)) == 50


def test_neither_order_nor_names_of_files_move_an_image_to_another_split(tmp_path: Path):
    one = open_folder(write_classes(tmp_path / "one", TWO_CLASSES))
    for file in sorted((tmp_path / "one/개").iterdir()):
        file.rename(file.with_name(f"{100 - int(file.stem):03}.png"))
    other = open_folder(tmp_path / "one")
    for split in ("train", "validation", "test"):
        assert content(one, split) == content(other, split)
    assert one.fingerprint != other.fingerprint


def test_equal_images_stay_together(tmp_path: Path):
    for number in range(60):
        write_image(tmp_path / "a" / f"{number}.png", seed=number // 3)
        write_image(tmp_path / "b" / f"{number}.png", seed=1_000 + number)
    images = open_folder(tmp_path, validation=20, test=20)
    parts = [content(images, split) for split in ("train", "validation", "test")]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


def test_counts_held_out_and_limit(tmp_path: Path):
    images = open_folder(write_classes(tmp_path, TWO_CLASSES), validation=10, test=5, limit=7)
    assert counts(images) == [[4, 3], [6, 4], [3, 2]]
    small, large = (content(open_folder(tmp_path, limit=limit), "train") for limit in (10, 20))
    assert small < large  # a learning curve adds images and exchanges none


def test_one_image_of_each_class_is_always_trained_on(tmp_path: Path):
    images = open_folder(write_classes(tmp_path, {"a": 30, "b": 2, "c": 1}), validation=10, test=12)
    assert min(counts(images)[0]) >= 1


def test_the_owner_s_splits_are_kept(tmp_path: Path):
    write_classes(tmp_path / "train", {"a": 10, "b": 10})
    write_classes(tmp_path / "test", {"a": 2, "b": 3}, first_seed=100)
    images = open_folder(tmp_path)
    assert counts(images) == [[9, 9], [1, 1], [2, 3]]
    with pytest.raises(UsageError, match=r"The test split comes from files of its own, so images.test does not apply"):
        open_folder(tmp_path, test=3)
    with pytest.raises(UsageError, match=r"has a test split of its own, so images.test_files does not apply"):
        open_folder(tmp_path, test_files=(str(tmp_path / "test"),))


def test_own_files_for_a_split_are_fitted_to_the_training_images(tmp_path: Path):
    write_classes(tmp_path / "mine", TWO_CLASSES)
    write_image(tmp_path / "more/고양이/large.png", height=40, width=50, channels=1)
    images = open_folder(tmp_path / "mine", test_files=(str(tmp_path / "more"),))
    assert images.test.pixels.shape == (1, 3, 12, 12)
    assert images.test.labels.tolist() == [1]
    assert counts(images)[:2] == [[27, 18], [3, 2]]


def test_images_of_many_sizes_are_made_alike(tmp_path: Path):
    write_classes(tmp_path, {"a": 5, "b": 5})
    write_image(tmp_path / "a/wide.png", height=20, width=90)
    write_image(tmp_path / "b/grey.png", channels=1)
    images = open_folder(tmp_path)
    assert images.train.pixels.shape[1:] == (3, 12, 12)
    assert images.notes == (
        "The images are 12 x 12 to 20 x 90 pixels, not all alike and square: the middle of each is scaled to 12 x 12. "
        "images.size chooses another size.",
        "1 of 12 images are grey; all are read as colour, as the others are.",
    )
    assert open_folder(tmp_path, size=20, channels=1).train.pixels.shape[1:] == (1, 20, 20)


def test_grey_images_stay_grey(tmp_path: Path):
    for number in range(10):
        write_image(tmp_path / "ab"[number % 2] / f"{number}.png", seed=number, channels=1)
    assert open_folder(tmp_path).train.pixels.shape[1:] == (1, 12, 12)


def test_number_classes_are_in_the_order_of_numbers(tmp_path: Path):
    assert open_folder(write_classes(tmp_path, {"10": 3, "9": 3, "0": 3})).classes == ("0", "9", "10")


def test_whole_images_are_all_test(tmp_path: Path):
    images = open_whole_images((str(write_classes(tmp_path / "mine", {"a": 3})),), ImagesConfig(size=8, limit=1))
    assert (len(images.train), len(images.validation), len(images.test)) == (0, 0, 3)
    assert images.train.pixels.shape == (0, 3, 8, 8)
    write_classes(tmp_path / "split/train", {"a": 3, "b": 3})
    assert len(open_whole_images((str(tmp_path / "split"),), ImagesConfig()).test) == 6
    write_classes(tmp_path / "split/test", {"b": 2})
    assert len(open_whole_images((str(tmp_path / "split"),), ImagesConfig()).test) == 2
    assert len(open_whole_images(("digits",), ImagesConfig()).train) == 1_297


def test_a_table_of_paths(tmp_path: Path):
    write_classes(tmp_path / "pictures", {"x": 20})
    rows = "".join(f"pictures/x/{number:03}.png,{'고양이' if number % 2 else '개'}\n" for number in range(20))
    (tmp_path / "mine.csv").write_text("path,label\n" + rows, encoding="utf-8")
    images = open_images((str(tmp_path / "mine.csv"),), ImagesConfig())
    assert (images.name, images.classes) == ("mine", ("개", "고양이"))
    assert counts(images) == [[8, 8], [1, 1], [1, 1]]


# idx files


def write_idx(folder: Path, count: int, labels: list[int]) -> tuple[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    pixels = torch.randint(0, 256, (count, 6, 4), generator=torch.Generator().manual_seed(count), dtype=torch.uint8)
    (folder / "images-idx3-ubyte.gz").write_bytes(gzip.compress(pack_idx(pixels)))
    (folder / "labels-idx1-ubyte").write_bytes(pack_idx(torch.tensor(labels, dtype=torch.uint8)))
    return str(folder / "images-idx3-ubyte.gz"), str(folder / "labels-idx1-ubyte")


def test_own_idx_files(tmp_path: Path):
    data = write_idx(tmp_path / "mine", 30, [3, 200, 7] * 10)
    images = open_images(data, ImagesConfig())
    assert images.classes == ("3", "7", "200")
    assert images.train.pixels.shape == (24, 1, 4, 4)
    assert images.notes == (
        f"The images of {data[0]} are 6 x 4 pixels, not square: the middle of each is scaled to 4 x 4. "
        "images.size chooses another size.",
    )
    assert counts(images) == [[8, 8, 8], [1, 1, 1], [1, 1, 1]]
    more = write_idx(tmp_path / "more", 4, [200, 3, 3, 7])
    images = open_images(data, ImagesConfig(size=8, test_files=more))
    assert images.test.labels.tolist() == [2, 0, 0, 1]
    assert images.test.pixels.shape == (4, 1, 8, 8)
    assert images.notes == (), "the size was asked for"
    with pytest.raises(UsageError, match="is of the class '9', which the training images do not have"):
        open_images(data, ImagesConfig(test_files=write_idx(tmp_path / "other", 2, [9, 3])))


def test_idx_images_that_are_not_square_are_made_so_in_every_split(tmp_path: Path):
    data, more = write_idx(tmp_path / "mine", 30, [0, 1] * 15), write_idx(tmp_path / "more", 4, [0, 1] * 2)
    images = open_images(data, ImagesConfig(test_files=more))
    assert images.train.pixels.shape[1:] == images.validation.pixels.shape[1:] == images.test.pixels.shape[1:] == (1, 4, 4)
    assert images.facts()["height"] == images.facts()["width"]
    pixels = torch.zeros((4, 80, 90), dtype=torch.uint8)
    (tmp_path / "large.idx").write_bytes(pack_idx(pixels))
    assert open_whole_images((str(tmp_path / "large.idx"), more[1]), ImagesConfig()).test.pixels.shape == (4, 1, 64, 64)
    (tmp_path / "square.idx").write_bytes(pack_idx(pixels[:, :, :80]))
    square = open_whole_images((str(tmp_path / "square.idx"), more[1]), ImagesConfig())
    assert (square.test.pixels.shape, square.notes) == ((4, 1, 80, 80), ())


def test_one_idx_file_alone(tmp_path: Path):
    images, _ = write_idx(tmp_path, 3, [0, 1, 2])
    with pytest.raises(
        UsageError, match=r"images-idx3-ubyte.gz cannot be read as images: .* an idx file of images and that of their"
    ):
        open_images((images,), ImagesConfig())
    with pytest.raises(UsageError, match="No file at all cannot be read as images"):
        open_images((), ImagesConfig())


# What cannot be read


def spoil(*files: Path) -> None:
    for file in files:
        file.write_bytes(b"no image")


def test_one_broken_image_is_told_and_left_out(tmp_path: Path):
    write_classes(tmp_path, {"a": 5, "b": 5})
    spoil(tmp_path / "a/003.png")
    images = open_folder(tmp_path)
    assert len(images.train) + len(images.validation) + len(images.test) == 9
    assert images.notes[0].startswith(f"1 of 10 images could not be read and is left out: {tmp_path / 'a/003.png'} is no image")


def test_two_broken_images_of_few_are_too_many(tmp_path: Path):
    write_classes(tmp_path, {"a": 5, "b": 5})
    spoil(tmp_path / "a/003.png", tmp_path / "b/001.png")
    with pytest.raises(UsageError, match=r"2 of the 10 images of .* cannot be read; only one, or one in a hundred.*a/003.*b/001"):
        open_folder(tmp_path, size=8, channels=3)


def test_one_in_a_hundred_may_be_broken_and_the_message_stays_short(tmp_path: Path):
    write_classes(tmp_path, {"a": 100, "b": 100})
    spoil(*(tmp_path / "a" / f"{number:03}.png" for number in range(2)))
    assert open_folder(tmp_path).notes[0].startswith("2 of 200 images could not be read and are left out")
    spoil(*(tmp_path / "b" / f"{number:03}.png" for number in range(8)))
    with pytest.raises(UsageError, match=r"10 of the 200 images .* And 5 more\."):
        open_folder(tmp_path)


def test_nothing_but_a_broken_image(tmp_path: Path):
    write_classes(tmp_path, {"a": 1})
    spoil(tmp_path / "a/000.png")
    with pytest.raises(UsageError, match="1 of the 1 images"):
        open_whole_images((str(tmp_path),), ImagesConfig())


def test_all_kinds_in_one_folder(tmp_path: Path):
    write_classes(tmp_path, {"a": 20, "b": 20})
    Image.new("CMYK", (12, 12), (0, 255, 255, 0)).save(tmp_path / "a/cmyk.jpg")
    Image.new("L", (12, 12), 3).save(tmp_path / "b/grey.png")
    Image.fromarray(np.full((12, 12), 257 * 99, dtype=np.uint16)).save(tmp_path / "b/deep.png")
    spoil(tmp_path / "a/broken.png")
    images = open_folder(tmp_path)
    splits = (images.train, images.validation, images.test)
    found = {name: pixels for split in splits for name, pixels in zip(split.names, split.pixels, strict=True)}
    assert len(found) == 43
    assert found["b/deep.png"].eq(99).all()
    assert found["b/grey.png"].eq(3).all()
    assert found["a/cmyk.jpg"][0].float().mean() > 200


def test_one_class_only(tmp_path: Path):
    with pytest.raises(UsageError, match=r"All 5 images of .* are of one class, 'a', and there is nothing to tell apart"):
        open_folder(write_classes(tmp_path, {"a": 5}))


def test_a_class_that_is_only_tested(tmp_path: Path):
    write_classes(tmp_path / "train", {"a": 5, "b": 5})
    write_classes(tmp_path / "test", {"c": 2})
    with pytest.raises(UsageError, match="has no training image of 'c', though its other splits have"):
        open_folder(tmp_path)
    write_classes(tmp_path / "other", {"bb": 2})
    with pytest.raises(UsageError, match=r"000.png is of the class 'bb', which the training images do not have\. Did you mean 'b'"):
        open_folder(tmp_path / "train", validation_files=(str(tmp_path / "other"),))


def test_nothing_left_to_train_on(tmp_path: Path):
    with pytest.raises(UsageError, match="Holding out 50 images leaves nothing to train on, for there are 50 in all"):
        open_folder(write_classes(tmp_path, TWO_CLASSES), test=50)


def test_more_than_memory_holds_is_refused_before_it_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(image_fitting, "MAX_BYTES", 10_000)
    with pytest.raises(UsageError, match=r"50 images of .* with 3 x 64 x 64 pixels take 614,400 bytes, more than the 10,000"):
        open_folder(write_classes(tmp_path, TWO_CLASSES), size=64)


def test_a_named_dataset_that_memory_cannot_hold_is_refused_before_it_is_scaled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gyebo.data.images.fitted", pytest.fail)
    with pytest.raises(
        UsageError, match=r"1,797 images of digits with 3 x 1,000 x 1,000 pixels take 5,391,000,000 bytes, more than"
    ):
        open_images(("digits",), ImagesConfig(size=1_000, channels=3))
    monkeypatch.setattr(image_fitting, "MAX_BYTES", 1_797 * 8 * 8 - 1)
    with pytest.raises(UsageError, match=r"1,797 images of digits with 1 x 8 x 8 pixels take 115,008 bytes, .* a smaller size"):
        open_whole_images(("digits",), ImagesConfig(limit=10))


def test_padding_that_memory_cannot_hold_is_refused_before_it_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gyebo.data.images.padded", pytest.fail)
    with pytest.raises(
        UsageError, match=r"1,797 images of digits with 1 x 4,008 x 4,008 pixels take 28,867,\d+,\d+ bytes, .*images\.padding"
    ):
        open_images(("digits",), ImagesConfig(padding=2_000))
    write_classes(tmp_path, TWO_CLASSES)
    with pytest.raises(UsageError, match=rf"50 images of {tmp_path.name} with 3 x 8,012 x 8,012 pixels .* images\.limit"):
        open_folder(tmp_path, padding=4_000)


def test_a_limit_counts_where_padding_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_classes(tmp_path, TWO_CLASSES)  # 40 of 50 images are trained on
    monkeypatch.setattr(image_fitting, "MAX_BYTES", 20 * 3 * 112 * 112)
    assert len(open_folder(tmp_path, padding=50, limit=10).train) == 10
    with pytest.raises(UsageError, match="21 images of"):
        open_folder(tmp_path, padding=50, limit=11)


def test_images_that_the_disk_refuses_are_not_left_out_as_broken(tmp_path: Path):
    if not Path("/proc/self/mem").exists():
        pytest.skip("there is no file whose reading fails")
    write_classes(tmp_path, {"a": 5, "b": 5})
    (tmp_path / "a/refused.png").symlink_to("/proc/self/mem")
    for options in ({}, {"size": 8, "channels": 3}):
        with pytest.raises(DiskError, match=r"While reading .*refused\.png, the system says"):
            open_folder(tmp_path, **options)
