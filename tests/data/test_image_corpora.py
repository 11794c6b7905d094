"""The readers of the named datasets of images, on files made here."""

import io
import zipfile
from pathlib import Path

import pytest
import torch
from pictures import noise
from PIL import Image

from gyebo.data import image_corpora
from gyebo.data.idx import pack_idx
from gyebo.data.image_corpora import read_corpus
from gyebo.data.registry import all_datasets, find_dataset
from gyebo.errors import GyeboError


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a test in the place of those whose sha256 is registered."""
    monkeypatch.setattr(image_corpora, "fetch", lambda file, folder, on_progress: folder / file.path)


def jpeg(seed: int) -> bytes:
    packed = io.BytesIO()
    Image.fromarray(noise(seed, 32, 32)).save(packed, "JPEG")
    return packed.getvalue()


def test_every_dataset_of_images_has_a_reader():
    assert set(image_corpora._READERS) == {dataset.name for dataset in all_datasets("images")}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_four_files_of_mnist(tmp_path: Path, name: str):
    dataset = find_dataset(name)
    (tmp_path / name).mkdir()
    shapes = {"train-images": (6, 28, 28), "train-labels": (6,), "t10k-images": (2, 28, 28), "t10k-labels": (2,)}
    for part, shape in shapes.items():
        file = next(file for file in dataset.files if part in file.path)
        (tmp_path / file.path).write_bytes(pack_idx(torch.full(shape, len(part) + shape[0], dtype=torch.uint8)))
    corpus = read_corpus(dataset, tmp_path)
    assert corpus.validation is None
    assert corpus.train.pixels.shape == (6, 1, 28, 28)
    assert corpus.test.names == (f"{name} t10k 0", f"{name} t10k 1")
    assert corpus.test.labels.tolist() == [13, 13]


@pytest.mark.usefixtures("unchecked")
def test_the_subset_of_cifar10(tmp_path: Path):
    dataset = find_dataset("cifar10-subset")
    path = tmp_path / dataset.files[0].path
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for number, member in enumerate(("train/cat/0000.jpg", "train/truck/0003.jpg", "test/airplane/0001.jpg")):
            archive.writestr(f"CIFAR-10-images/{member}", jpeg(number))
    corpus = read_corpus(dataset, tmp_path)
    assert corpus.train.labels.tolist() == [3, 9]
    assert corpus.test.labels.tolist() == [0]
    assert corpus.train.names == ("train/cat/0000.jpg", "train/truck/0003.jpg")
    assert corpus.train.pixels.shape == (2, 3, 32, 32)
    assert "no published result" in corpus.notes[0]
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("CIFAR-10-images/train/zebra/0000.jpg", jpeg(5))
    with pytest.raises(GyeboError, match=r"has a member 'CIFAR-10-images/train/zebra/0000.jpg'"):
        read_corpus(dataset, tmp_path)
