"""What the user's words mean: a dataset of which kind, or files."""

from pathlib import Path

import pytest

from gyebo.data.own_files import kind_of
from gyebo.errors import UsageError


def test_the_kind_of_a_dataset():
    assert kind_of(("digits",)) == "images"
    assert kind_of(("dates",)) == "parallel text"
    assert kind_of(("camvid",)) == "masks"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("mine.tsv", "Go.\tVa !\n", "parallel text"),
        ("mine.csv", "path,label\na.png,cat\n", "images"),
        ("mine.tsv", "label\tpath\ncat\ta.png\n", "images"),
        ("train-images-idx3-ubyte", "", "images"),
        ("empty.csv", "", "parallel text"),
    ],
)
def test_the_kind_of_files(tmp_path: Path, name: str, text: str, expected: str):
    (tmp_path / name).write_text(text)
    assert kind_of((str(tmp_path / name),)) == expected


def test_a_folder_is_images(tmp_path: Path):
    assert kind_of((str(tmp_path),)) == "images"


def test_a_misspelt_dataset_of_any_kind_is_guessed():
    for word, meant in {"mnits": "mnist", "camvit": "camvid", "fra-en": "fra-eng"}.items():
        with pytest.raises(UsageError, match=rf"'{word}' is neither a named dataset nor a file .* mean '{meant}'\?"):
            kind_of((word,))


def test_a_dataset_is_not_mixed_with_files(tmp_path: Path):
    (tmp_path / "mine.tsv").write_text("Go.\tVa !\n")
    with pytest.raises(UsageError, match=r"The dataset 'mnist' cannot be mixed with files\. Name the dataset alone\."):
        kind_of((str(tmp_path / "mine.tsv"), "mnist"))


@pytest.mark.parametrize(
    "folders",
    [("images", "masks"), ("train/image", "train/label"), ("test/images", "test/masks", "train/cat"), ("train", "trainannot")],
)
def test_a_folder_with_masks_beside_its_images_is_masks(tmp_path: Path, folders: tuple[str, ...]):
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    assert kind_of((str(tmp_path),)) == "masks"


@pytest.mark.parametrize("folders", [("images", "cat"), ("train/masks", "train/cat"), ("masks",), ("train", "testannot")])
def test_a_folder_without_a_pair_of_images_and_masks_is_images(tmp_path: Path, folders: tuple[str, ...]):
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    assert kind_of((str(tmp_path),)) == "images"
