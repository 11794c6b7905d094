"""Which own images there are: folders and tables, without opening an image."""

import unicodedata
from pathlib import Path

import pytest

from gyebo.data.image_folders import Entry, is_idx_file, is_image_table, list_images
from gyebo.errors import UsageError


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def labels(entries: tuple[Entry, ...]) -> list[tuple[str, str, str]]:
    return [(unicodedata.normalize("NFC", entry.path.name), entry.label, entry.split) for entry in entries]


def test_a_folder_a_class_with_folders_inside(tmp_path: Path):
    touch(tmp_path, "cat/b.PNG", "cat/a.jpeg", "cat/more/c.webp", "dog/a.png")
    assert labels(list_images(tmp_path).entries) == [
        ("a.jpeg", "cat", ""),
        ("b.PNG", "cat", ""),
        ("c.webp", "cat", ""),
        ("a.png", "dog", ""),
    ]


def test_korean_names_are_composed(tmp_path: Path):
    touch(tmp_path, unicodedata.normalize("NFD", "고양이/하나.png"), "개/둘.png")
    assert labels(list_images(tmp_path).entries) == [("하나.png", "고양이", ""), ("둘.png", "개", "")]


def test_both_spellings_of_one_name_are_one_class(tmp_path: Path):
    touch(tmp_path, unicodedata.normalize("NFD", "개/하나.png"), "개/둘.png")
    assert sorted(labels(list_images(tmp_path).entries)) == [("둘.png", "개", ""), ("하나.png", "개", "")]


def test_hidden_files_and_others_are_left_out(tmp_path: Path):
    touch(tmp_path, "cat/a.png", "cat/.DS_Store", "cat/notes.txt", "dog/b.png", ".cache/c.png", "README.md")
    listing = list_images(tmp_path)
    assert len(listing.entries) == 2
    assert listing.notes == (f"cat/notes.txt in {tmp_path} is no image by the ending, and left out.",)


def test_an_empty_class_is_told(tmp_path: Path):
    touch(tmp_path, "cat/a.png", "dog/b.png")
    (tmp_path / "mouse").mkdir()
    assert list_images(tmp_path).notes == (
        f"The folder {tmp_path / 'mouse'} holds no image, so there is no class 'mouse' in the data.",
    )


def test_splits_of_the_owner(tmp_path: Path):
    touch(tmp_path, "train/cat/a.png", "train/dog/b.png", "Val/cat/c.png", "test/dog/d.png", "spare/cat/e.png")
    listing = list_images(tmp_path)
    assert sorted(labels(listing.entries)) == [
        ("a.png", "cat", "train"),
        ("b.png", "dog", "train"),
        ("c.png", "cat", "validation"),
        ("d.png", "dog", "test"),
    ]
    assert listing.notes == (f"Beside its splits, {tmp_path} holds spare, which is left out.",)


def test_a_split_that_is_there_twice_is_refused(tmp_path: Path):
    touch(tmp_path, "train/cat/a.png", "val/cat/b.png", "validation/cat/c.png")
    with pytest.raises(UsageError, match=rf"^{tmp_path}/val and {tmp_path}/validation are both the validation split.*Join them"):
        list_images(tmp_path)


def test_a_class_may_be_called_train(tmp_path: Path):
    touch(tmp_path, "train/a.png", "car/b.png")
    assert labels(list_images(tmp_path).entries) == [("b.png", "car", ""), ("a.png", "train", "")]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ((), "holds no folder with images. A folder a class with images .*png.* was expected"),
        (("a.png",), "It holds images, but of no class: move those of each class"),
        (("train-images-idx3-ubyte.gz",), "It holds idx files: name the one of images and the one of labels"),
        (("cat/notes.txt",), "holds no folder with images"),
    ],
)
def test_a_folder_without_classes(tmp_path: Path, files: tuple[str, ...], expected: str):
    with pytest.raises(UsageError, match=f"^{tmp_path} .*{expected}"):
        list_images(touch(tmp_path, *files))


def test_what_is_neither_folder_nor_table(tmp_path: Path):
    touch(tmp_path, "a.png")
    with pytest.raises(UsageError, match=r"a.png is neither a folder of images nor a table of their paths"):
        list_images(tmp_path / "a.png")


# Tables


def test_a_table_of_paths(tmp_path: Path):
    touch(tmp_path, "pictures/a.png", unicodedata.normalize("NFD", "pictures/하나.png"), "c,1.png")
    table = write(tmp_path / "labels.csv", 'id,Label,Path\n1, 고양이 ,pictures/a.png\n2,개,pictures/하나.png\n3,개,"c,1.png"\n')
    assert labels(list_images(table).entries) == [("a.png", "고양이", ""), ("하나.png", "개", ""), ("c,1.png", "개", "")]
    tabs = write(tmp_path / "labels.tsv", f"path\tlabel\n{tmp_path}/c,1.png\tcat\n")
    assert labels(list_images(tabs).entries) == [("c,1.png", "cat", "")]


def test_missing_paths_are_named_with_their_lines(tmp_path: Path):
    touch(tmp_path, "a.png")
    rows = "".join(f"absent{number}.png,cat\n" for number in range(7))
    table = write(tmp_path / "labels.csv", f"path,label\na.png,dog\n{rows},cat\n")
    with pytest.raises(
        UsageError, match=r"labels.csv names 8 files not there: 'absent0.png' in line 3, .* and 3 more\. Paths count from"
    ):
        list_images(table)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "has no column 'path'; it is empty"),
        ("paths,label\na.png,cat\n", r"has no column 'path'; its first row is 'paths', 'label'\. Did you mean 'paths'\?"),
        ("a.png,cat\n", "has no column 'path'; its first row is 'a.png', 'cat'"),
        ("path,label\n", "names no image: it has no row below its header"),
        ("path,label\na.png\n", "line 2 has 1 of 2 columns"),
        ("path,label\na.png,cat\na.png, \n", "line 3 has no label. Write the class of 'a.png'"),
        ('path,label\n"a.png,cat\n', "is not CSV"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path: Path, text: str, expected: str):
    touch(tmp_path, "a.png")
    with pytest.raises(UsageError, match=expected):
        list_images(write(tmp_path / "labels.csv", text))


def test_what_a_file_is_by_name_and_header(tmp_path: Path):
    assert is_image_table(write(tmp_path / "a.csv", "label,path\ncat,1.png\n"))
    assert not is_image_table(write(tmp_path / "b.csv", "source,target\nGo.,Va !\n"))
    assert not is_image_table(write(tmp_path / "c.csv", ""))
    assert not is_image_table(write(tmp_path / "d.txt", "path,label\n"))
    assert is_idx_file(Path("t10k-labels.idx1-ubyte"))
    assert not is_idx_file(Path("train.de.gz"))
