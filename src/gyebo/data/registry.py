"""The closed table of named datasets, readable without importing torch, numpy or Babel.

The paths of their files are relative to the data folder; a folder filled by hand in the same layout works like a downloaded one.
"""

from __future__ import annotations

from gyebo.data.dataset import Dataset, Kind
from gyebo.data.image_datasets import CIFAR10, CIFAR10_SUBSET, DIGITS, FASHION_MNIST, MNIST
from gyebo.data.mask_datasets import CAMVID, MEMBRANE
from gyebo.data.parallel_datasets import DATES, FRA_ENG, KOR_ENG, MULTI30K
from gyebo.errors import UsageError, did_you_mean

__all__ = ["all_datasets", "find_dataset"]

_PARALLEL_TEXT = (DATES, MULTI30K, FRA_ENG, KOR_ENG)
_IMAGES = (DIGITS, MNIST, FASHION_MNIST, CIFAR10, CIFAR10_SUBSET)
_MASKS = (MEMBRANE, CAMVID)
_DATASETS = {dataset.name: dataset for dataset in (*_PARALLEL_TEXT, *_IMAGES, *_MASKS)}


def all_datasets(kind: Kind | None = None) -> tuple[Dataset, ...]:
    """Every named dataset, or those of one kind, in the order of the table.

    >>> [dataset.name for dataset in all_datasets("parallel text")]
    ['dates', 'multi30k', 'fra-eng', 'kor-eng']
    """
    return tuple(dataset for dataset in _DATASETS.values() if kind in (None, dataset.kind))


def find_dataset(name: str, kind: Kind | None = None) -> Dataset:
    """The dataset of that name.  Raises UsageError naming the nearest one, or where it is of another kind.

    >>> find_dataset("multi30k").languages
    ('de', 'en', 'fr', 'cs')
    """
    if name not in _DATASETS:
        raise UsageError(f"There is no dataset {name!r}. {did_you_mean(name, _DATASETS)}")
    dataset = _DATASETS[name]
    if kind not in (None, dataset.kind):
        names = ", ".join(other.name for other in all_datasets(kind))
        raise UsageError(f"The dataset {name} is of the kind {dataset.kind!r}, but {kind!r} is needed here: {names}.")
    return dataset
