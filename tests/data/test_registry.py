"""The table of named datasets."""

import re
import subprocess
import sys

import pytest

from gyebo.data.registry import all_datasets, find_dataset
from gyebo.errors import UsageError


@pytest.mark.parametrize("dataset", all_datasets(), ids=lambda dataset: dataset.name)
def test_every_row_is_complete(dataset):
    for text in (dataset.title, dataset.summary, dataset.licence, dataset.citation, dataset.url):
        assert text.strip() == text != ""
    told, other = (dataset.languages, dataset.classes) if dataset.kind == "parallel text" else (dataset.classes, dataset.languages)
    assert len(set(told)) == len(told) >= 2
    assert other == ()
    for file in dataset.files:
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert re.fullmatch(r"([0-9a-f]{64})?", file.unpacked_sha256)
        assert file.size > 0
        assert file.url.startswith("https://") or (file.url == "" and file.note)
        assert file.mirror == "" or file.mirror.startswith("https://")
        assert not file.path.startswith("/")
        assert ".." not in file.path


def test_no_two_files_share_a_place_or_a_content():
    files = [file for dataset in all_datasets() for file in dataset.files]
    assert len(files) == 24 + 60 + 96, "those of text and images, of membrane and of camvid"
    assert len({file.path for file in files}) == len({file.sha256 for file in files}) == len(files)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match=r"There is no dataset 'multi30'. Did you mean 'multi30k'\?"):
        find_dataset("multi30")


def test_a_dataset_of_another_kind_is_refused():
    expected = "The dataset mnist is of the kind 'images', but 'parallel text' is needed here: dates, multi30k, fra-eng, kor-eng."
    with pytest.raises(UsageError, match=re.escape(expected)):
        find_dataset("mnist", "parallel text")
    assert find_dataset("mnist", "images") == find_dataset("mnist")
    assert {dataset.kind for dataset in all_datasets("images")} == {"images"}


def test_the_table_is_read_without_heavy_imports():
    program = (
        "import sys, gyebo.data.registry, gyebo.data.parallel, gyebo.data.describe, gyebo.data.image_config, gyebo.data.image_folders;"
        "print([name for name in ('torch', 'numpy', 'babel') if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout == "[]\n"
