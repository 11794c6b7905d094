"""One image file, whatever its colours, and what is no image."""

import errno
import io
import os
import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gyebo.data import image_files
from gyebo.data.image_files import decode_image, read_header, read_image, read_levels, read_whole_image
from gyebo.errors import DiskError, UsageError


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def flat(mode: str, colour: object, size: int = 8) -> Image.Image:
    return Image.new(mode, (size, size), colour)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("name", "image", "expected"),
    [
        ("colour.png", flat("RGB", (10, 20, 30)), (10, 20, 30)),
        ("grey.png", flat("L", 77), (77, 77, 77)),
        ("bilevel.png", flat("1", 1), (255, 255, 255)),
        ("red.gif", flat("RGB", (255, 0, 0)).convert("P"), (255, 0, 0)),
        ("clear.png", flat("RGBA", (10, 20, 30, 0)), (255, 255, 255)),
        ("half.png", flat("RGBA", (0, 0, 0, 128)), (127, 127, 127)),
        ("grey-clear.png", flat("LA", (0, 0)), (255, 255, 255)),
        ("cmyk.tif", flat("CMYK", (0, 255, 255, 0)), (255, 0, 0)),
        ("deep.png", Image.fromarray(np.full((8, 8), 257 * 99, dtype=np.uint16)), (99, 99, 99)),
        ("deep.tif", Image.fromarray(np.full((8, 8), 65_535, dtype=np.uint16)), (255, 255, 255)),
        ("float.tif", Image.fromarray(np.full((8, 8), 0.4, dtype=np.float32)), (102, 102, 102)),
        ("any.ppm", flat("RGB", (1, 2, 3)), (1, 2, 3)),
        ("any.bmp", flat("RGB", (1, 2, 3)), (1, 2, 3)),
    ],
)
def test_every_kind_of_colour(tmp_path: Path, name: str, image: Image.Image, expected: tuple[int, int, int]):
    path = save(tmp_path / name, image)
    pixels = read_image(path, 8, 3)
    assert (pixels.dtype, pixels.shape) == (torch.uint8, (3, 8, 8))
    assert torch.equal(pixels, torch.tensor(expected, dtype=torch.uint8)[:, None, None].expand(3, 8, 8))
    grey = read_image(path, 8, 1)
    assert grey.shape == (1, 8, 8)
    luma = sum(weight * part for weight, part in zip((0.299, 0.587, 0.114), expected, strict=True))
    assert (grey.float() - luma).abs().max() <= 1


def test_a_transparent_palette_lies_on_white(tmp_path: Path):
    image = flat("P", 0)
    image.putpalette([200, 0, 0, 0, 200, 0])
    assert read_image(save(tmp_path / "p.png", image, transparency=0), 8, 3).eq(255).all()
    assert torch.equal(read_image(save(tmp_path / "q.png", image), 8, 3)[:, 0, 0], torch.tensor([200, 0, 0], dtype=torch.uint8))


def test_cmyk_jpeg_is_colour(tmp_path: Path):
    path = save(tmp_path / "cmyk.jpg", flat("CMYK", (0, 255, 255, 0)), quality=95)
    red, green, blue = read_image(path, 8, 3)[:, 4, 4].tolist()
    assert red > 200
    assert max(green, blue) < 60


def test_sixteen_bits_keep_their_order_down_to_eight(tmp_path: Path):
    levels = np.linspace(0, 65_535, 64).astype(np.uint16).reshape(8, 8)
    pixels = read_image(save(tmp_path / "ramp.png", Image.fromarray(levels)), 8, 1)
    assert torch.equal(pixels[0], torch.from_numpy(np.rint(levels / 257).astype(np.uint8)))


def test_the_camera_s_orientation_is_undone(tmp_path: Path):
    image = flat("RGB", (0, 0, 0), 16)
    image.paste((255, 255, 255), (0, 0, 16, 4))  # white at the top
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held so that the right side is to be seen on top
    pixels = read_image(save(tmp_path / "turned.jpg", image, exif=exif, quality=100), 16, 1)[0]
    assert pixels[:, -4:].float().mean() > 250
    assert pixels[:, :12].float().mean() < 5


def test_the_middle_is_kept_and_scaled_without_aliasing(tmp_path: Path):
    stripes = np.zeros((64, 128), dtype=np.uint8)
    stripes[:, 32:96] = np.tile([0, 255], 32)  # the middle square, of stripes that are too fine for 8 pixels
    pixels = read_image(save(tmp_path / "wide.png", Image.fromarray(stripes)), 8, 1)[0]
    assert (pixels[:, 1:-1].float() - 127.5).abs().max() < 3
    tall = read_image(save(tmp_path / "tall.png", Image.fromarray(stripes.T)), 8, 1)[0]
    assert torch.equal(tall, pixels.T)


def test_a_file_of_several_jpegs_is_its_first(tmp_path: Path):
    first, second = flat("RGB", (250, 0, 0)), flat("RGB", (0, 0, 250))
    path = tmp_path / "phone.jpg"
    first.save(path, format="MPO", save_all=True, append_images=[second])
    assert read_image(path, 8, 3)[0].float().mean() > 240


def test_a_very_long_image_is_no_matter(tmp_path: Path):
    path = save(tmp_path / "long.png", Image.new("L", (60_000, 2), 9))
    assert read_image(path, 500, 1).eq(9).all()


def test_a_large_jpeg_is_nearly_what_it_is_at_full_size(tmp_path: Path):
    ramp = np.linspace(0, 255, 512).astype(np.uint8)
    path = save(tmp_path / "large.jpg", Image.fromarray(np.tile(ramp, (512, 1))), quality=95)
    pixels = read_image(path, 16, 1)[0].float()
    assert (pixels - torch.linspace(8, 247, 16)).abs().max() < 4


def test_headers(tmp_path: Path):
    header = read_header(save(tmp_path / "a.png", Image.new("L", (7, 5))))
    assert (header.width, header.height, header.is_grey) == (7, 5, True)
    assert not read_header(save(tmp_path / "b.png", Image.new("P", (7, 5)))).is_grey


def test_bytes_in_memory(tmp_path: Path):
    path = save(tmp_path / "a.png", flat("RGB", (1, 2, 3)))
    assert torch.equal(decode_image(path.read_bytes(), "member", 8, 3), read_image(path, 8, 3))
    with pytest.raises(UsageError, match="member of the archive is no image"):
        decode_image(b"nothing", "member of the archive", 8, 3)


# What is refused


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9_000, 15_000, 60_000])
def test_a_gigantic_image_is_refused_by_its_header(tmp_path: Path, side: int):
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(side, side))
    with pytest.raises(UsageError, match=r"bomb\.png declares .*decompression bomb: scale it down"):
        read_image(path, 8, 1)
    with pytest.raises(UsageError, match="decompression bomb"):
        read_header(path)


def test_the_limit_is_the_one_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = save(tmp_path / "a.png", Image.new("L", (10, 10)))
    monkeypatch.setattr(image_files, "MAX_PIXELS", 99)
    with pytest.raises(UsageError, match="declares 10 x 10 pixels, but at most 99 are read"):
        read_image(path, 8, 1)


def test_a_cut_image_is_broken(tmp_path: Path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
    for ending in ("png", "jpg", "bmp", "tif", "ppm", "webp"):
        path = save(tmp_path / f"cut.{ending}", noise)
        path.write_bytes(path.read_bytes()[:300])
        with pytest.raises(UsageError, match=rf"cut\.{ending} is (a broken image|no image)"):
            read_image(path, 8, 3)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is no image that can be read: PNG"),
        (b"just text", "is no image that can be read: PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "is no image that can be read"),  # would start Ghostscript
    ],
)
def test_what_is_no_image(tmp_path: Path, content: bytes, expected: str):
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=expected):
        read_image(path, 8, 3)


def test_what_is_not_there(tmp_path: Path):
    with pytest.raises(UsageError, match=r"There is no image file .*absent\.png"):
        read_image(tmp_path / "absent.png", 8, 3)
    with pytest.raises(UsageError, match="is a folder, but an image file"):
        read_image(tmp_path, 8, 3)


def every_reading(path: Path) -> list[Callable[[], object]]:
    readers = (read_header, partial(read_image, size=8, channels=3), partial(read_whole_image, channels=3), read_levels)
    return [partial(reader, path) for reader in readers]


def test_a_file_that_may_not_be_read_is_no_broken_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = save(tmp_path / "a.png", flat("L", 1))
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read anything

        def refuse(file: Path, mode: str) -> object:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))

        monkeypatch.setattr(Path, "open", refuse)
    for read in every_reading(path):
        with pytest.raises(DiskError, match=r"While reading .*a\.png, permission is refused: change the permissions"):
            read()


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="there is no file whose reading fails")
def test_a_file_that_the_disk_cannot_read_is_no_broken_image(tmp_path: Path):
    path = tmp_path / "a.png"
    path.symlink_to("/proc/self/mem")  # its first bytes are of no memory, which the system calls an input/output error
    for read in every_reading(path):
        with pytest.raises(DiskError, match=r"While reading .*a\.png, the system says 'Input/output error'"):
            read()


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "bmp", "webp", "ppm"])
def test_a_disk_that_fails_within_a_file_is_no_broken_image(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8))
    path = save(tmp_path / f"a.{ending}", noise)

    class Failing(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if size is None or size < 0 or self.tell() + size > 2_000:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().read(size)

    monkeypatch.setattr(Path, "open", lambda file, mode: Failing(file))
    with pytest.raises(DiskError, match=rf"While reading .*a\.{ending}, the system says 'Input/output error'"):
        read_image(path, 8, 3)


def test_an_offset_that_no_file_has_is_of_a_broken_image(tmp_path: Path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"II\x2b\0\x08\0\0\0" + struct.pack("<Q", 2**62))  # BigTIFF, to whose offset no file system can go
    with pytest.raises(UsageError, match=r"a\.tif is a broken image"):
        read_image(path, 8, 3)


def test_a_file_in_the_place_of_a_folder(tmp_path: Path):
    path = save(tmp_path / "a.png", flat("L", 1))
    with pytest.raises(UsageError, match=r"There is no image file .*a\.png/b\.png"):
        read_image(path / "b.png", 8, 3)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(np.nan, "NaN or infinite"), (np.inf, "NaN or infinite"), (-1.0, "from -1 to -1, but 0 to 1"), (9.0, "9")],
)
def test_floats_that_are_no_pixels(tmp_path: Path, value: float, expected: str):
    path = save(tmp_path / "f.tif", Image.fromarray(np.full((4, 4), value, dtype=np.float32)))
    with pytest.raises(UsageError, match=f"f.tif holds pixels .*{expected}"):
        read_image(path, 4, 1)


def read_or_fault(path: Path) -> tuple[tuple[int, ...], str]:
    try:
        return tuple(read_image(path, 8, 3).shape), ""
    except UsageError as error:
        return (), str(error)


@pytest.mark.parametrize("seed", range(40))
def test_damaged_bytes_are_an_image_or_a_clear_error(tmp_path: Path, seed: int):
    random = np.random.default_rng(seed)
    ending = ("png", "jpg", "gif", "tif", "webp")[seed % 5]
    path = save(tmp_path / f"damaged.{ending}", Image.fromarray(random.integers(0, 256, (20, 20, 3), dtype=np.uint8)))
    content = bytearray(path.read_bytes())
    for _ in range(6):
        content[random.integers(len(content))] = random.integers(256)
    path.write_bytes(content)
    shape, fault = read_or_fault(path)
    assert shape == (3, 8, 8) or str(path) in fault
