"""One image from its bytes: upright, on white, never silently clipped, never too large."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from holdfast.errors import HoldfastError
from holdfast.geometry import Frame
from holdfast.probes.decode import decode, to_canvas
from toy_probes import noise, picture, png

COLOUR = noise(1, 12, 16, 3)[0]
GREY = noise(1, 12, 16)[0]


def _refusal(data: bytes) -> str:
    with pytest.raises(HoldfastError) as raised:
        decode(data, "x.png", 3)
    return raised.value.code


def _png_header(
    width: int,
    height: int,
    *,
    depth: int = 8,
    colour: int = 0,
    extra: bytes = b"",
    data: bytes = b"",
) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    extra += chunk(b"IDAT", zlib.compress(data)) if data else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP"])
def test_pixels_arrive_as_they_were_stored(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    assert np.array_equal(np.asarray(decode(png(COLOUR, kind, **options), "x", 3)), COLOUR)


def test_a_jpeg_is_what_pillow_decodes() -> None:
    data = png(COLOUR, "JPEG")
    assert np.array_equal(
        np.asarray(decode(data, "x", 3)), np.asarray(Image.open(io.BytesIO(data)))
    )


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, COLOUR),
        (2, COLOUR[:, ::-1]),
        (3, np.rot90(COLOUR, 2)),
        (4, COLOUR[::-1]),
        (5, COLOUR.transpose(1, 0, 2)),
        (6, np.rot90(COLOUR, -1)),
        (7, np.rot90(COLOUR, 2).transpose(1, 0, 2)),
        (8, np.rot90(COLOUR, 1)),
        (99, COLOUR),
    ],
)
def test_the_orientation_of_the_camera_is_applied(
    orientation: int, turned: "np.typing.NDArray[np.uint8]"
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(np.asarray(decode(png(COLOUR, exif=exif), "x", 3)), turned)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_on_white(mode: str) -> None:
    alpha = np.zeros((12, 16), np.uint8)
    alpha[:, 8:] = 255
    opaque = picture(GREY).convert(mode)
    opaque.putalpha(Image.fromarray(alpha))
    seen = np.asarray(decode(png(opaque), "x", 1))
    assert (seen[:, :8] == 255).all()
    assert np.array_equal(seen[:, 8:], GREY[:, 8:])


def test_a_transparent_colour_of_a_palette_is_laid_on_white() -> None:
    indexed = Image.new("P", (4, 2), 1)
    indexed.putpalette([10, 20, 30, 40, 50, 60])
    indexed.putpixel((0, 0), 0)
    seen = np.asarray(decode(png(indexed, transparency=0), "x", 3))
    assert seen[0, 0].tolist() == [255, 255, 255]
    assert seen[1, 3].tolist() == [40, 50, 60]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_a_model_of_four_channels_sees_transparency(mode: str) -> None:
    alpha = np.tile(np.arange(16, dtype=np.uint8) * 17, (12, 1))
    image = picture(COLOUR if mode == "RGBA" else GREY).convert(mode)
    image.putalpha(Image.fromarray(alpha))
    seen = np.asarray(decode(png(image) if mode != "PA" else png(image.convert("RGBA")), "x", 4))
    assert np.array_equal(seen[..., 3], alpha)
    assert np.array_equal(seen[..., 0], COLOUR[..., 0] if mode == "RGBA" else GREY)


@pytest.mark.parametrize("kind", ["RGB", "L", "1", "P", "CMYK"])
def test_a_picture_without_transparency_is_opaque(kind: str) -> None:
    image = picture(COLOUR).convert(kind)
    data = png(image, "JPEG", quality=100) if kind == "CMYK" else png(image)
    seen = np.asarray(decode(data, "x", 4))
    assert (seen[..., 3] == 255).all()
    assert np.array_equal(seen[..., :3], np.asarray(decode(data, "x", 3)))


def test_colours_of_16_bits_are_cut_to_the_upper_8() -> None:
    deep = (COLOUR.astype(np.uint16) << 8) + 200
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    seen = np.asarray(decode(_png_header(16, 12, depth=16, colour=2, data=rows), "x", 3))
    assert np.array_equal(seen, COLOUR)


def test_grey_palette_bitmap_and_cmyk_images_become_colour() -> None:
    assert np.array_equal(np.asarray(decode(png(GREY), "x", 3)), np.stack([GREY] * 3, axis=-1))
    indexed = picture(COLOUR).quantize(8)
    expected = np.asarray(indexed.convert("RGB"))
    assert np.array_equal(np.asarray(decode(png(indexed), "x", 3)), expected)
    bits = Image.fromarray(GREY > 127)
    assert set(np.unique(np.asarray(decode(png(bits), "x", 3)))) == {0, 255}
    inks = png(picture(COLOUR).convert("CMYK"), "JPEG")
    assert decode(inks, "x", 3).mode == "RGB"


def test_colour_becomes_grey_by_the_usual_weights() -> None:
    seen = np.asarray(decode(png(COLOUR), "x", 1), float)
    weighed = COLOUR @ np.array([0.299, 0.587, 0.114])
    assert np.abs(seen - weighed).max() <= 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bad_image"),
        (b"hello", "bad_image"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "bad_image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n", "bad_image"),
        (png(COLOUR, "TIFF"), "bad_image"),
        (png(GREY, "GIF"), "bad_image"),
        (png(COLOUR)[:60], "bad_image"),
        (png(COLOUR, "JPEG")[:-200], "bad_image"),
        (png(Image.fromarray(np.zeros((4, 4), np.uint16))), "deep_image"),
        (png(COLOUR[:1]), "image_too_small"),
        (png(COLOUR[:, :1]), "image_too_small"),
        (_png_header(60000, 60000), "image_too_large"),
        (_png_header(10000, 10000), "image_too_large"),
        (_png_header(16385, 2), "image_too_large"),
        (_png_header(8000, 6251), "image_too_large"),
        (_png_header(20, 20), "bad_image"),
    ],
)
def test_what_cannot_be_used_says_why(data: bytes, code: str) -> None:
    assert _refusal(data) == code


def test_a_text_chunk_that_unpacks_to_100_megabytes_is_refused() -> None:
    packed = b"k\0\0" + zlib.compress(bytes(100 << 20), 9)
    extra = struct.pack(">I", len(packed)) + b"zTXt" + packed
    extra += struct.pack(">I", zlib.crc32(b"zTXt" + packed))
    assert _refusal(_png_header(2, 2, extra=extra)) == "bad_image"


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_an_animation_is_refused(kind: str) -> None:
    frames = [picture(pixels) for pixels in noise(3, 8, 8, 3)]
    data = png(frames[0], kind, save_all=True, append_images=frames[1:])
    assert _refusal(data) == "animated_image"


@pytest.mark.parametrize("size", [(2, 16000), (16000, 2), (32, 3200)])
def test_a_strip_whose_canvas_would_be_huge_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(HoldfastError) as raised:
        to_canvas(Image.new("RGB", size), Frame((224, 224), None))
    assert raised.value.code == "image_too_large"
