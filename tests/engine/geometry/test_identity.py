"""The reference view is the plain crop of the declared preprocessing, bit by bit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from holdfast.geometry import IDENTITY, Frame
from holdfast.probes.decode import to_canvas
from toy_probes import noise, picture

Size = tuple[int, int]


def _as_documented(image: Image.Image, resize: int, crop: int) -> NDArray[np.uint8]:
    """torchvision: Resize(int) scales the short side, CenterCrop(int) pads with 0 where needed."""
    width, height = image.size
    short, long = min(width, height), max(width, height)
    stretched = int(resize * long / short)
    size = (resize, stretched) if width <= height else (stretched, resize)
    resized = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
    pads = [(max(0, crop - side) // 2, (max(0, crop - side) + 1) // 2) for side in resized.shape]
    padded = np.pad(resized, [*pads[:2], (0, 0)])
    top, left = (round((side - crop) / 2.0) for side in padded.shape[:2])
    return np.asarray(padded[top : top + crop, left : left + crop])


def _identity(image: Image.Image, frame: Frame) -> NDArray[np.float32]:
    canvas = to_canvas(image, frame)
    view = np.full((*frame.crop, canvas.shape[2]), -1, np.float32)
    IDENTITY.view(canvas, frame.window(canvas.shape[:2]), 0, view)
    return view


@pytest.mark.parametrize("size", [(300, 300), (300, 451), (517, 260), (97, 640), (120, 110)])
@pytest.mark.parametrize(("crop", "resize"), [(224, 256), (96, 110), (128, 146)])
def test_without_a_declaration_the_identity_is_resize_256_crop_224_in_proportion(
    size: Size, crop: int, resize: int
) -> None:
    image = picture(noise(1, *size, 3)[0])
    view = _identity(image, Frame((crop, crop), None))
    assert np.array_equal(view, _as_documented(image, resize, crop))


@pytest.mark.parametrize("resize", [40, 32, 31, 29, 96])
@pytest.mark.parametrize("size", [(50, 50), (61, 90), (90, 61)])
def test_a_declared_resize_and_crop_are_done_as_torchvision_documents_them(
    size: Size, resize: int
) -> None:
    image = picture(noise(1, *size, 3)[0])
    view = _identity(image, Frame((32, 32), resize))
    assert np.array_equal(view, _as_documented(image, resize, 32))


@given(st.integers(2, 2000), st.integers(2, 2000), st.integers(96, 400))
def test_the_canvas_is_as_large_as_torchvision_makes_it(height: int, width: int, crop: int) -> None:
    side = round(crop * 256 / 224)
    long = int(side * max(height, width) / min(height, width))
    expected = (side, long) if height <= width else (long, side)
    assert Frame((crop, crop), None).canvas_size((height, width)) == expected
    assert Frame((crop, crop), side).canvas_size((height, width)) == expected


def test_a_side_twice_as_long_stays_twice_as_long_on_the_canvas() -> None:
    assert Frame((224, 224), None).canvas_size((197, 394)) == (256, 512)


@given(st.integers(2, 300), st.integers(2, 300), st.integers(96, 200), st.integers(96, 200))
def test_a_canvas_holds_the_crop_with_its_margin_on_both_sides(
    height: int, width: int, crop_height: int, crop_width: int
) -> None:
    got = Frame((crop_height, crop_width), None).canvas_size((height, width))
    margin = (round(crop_height * 256 / 224), round(crop_width * 256 / 224))
    assert got[0] >= margin[0]
    assert got[1] >= margin[1]
    assert got[0] == margin[0] or got[1] == margin[1]
    assert math.isclose(got[1] / got[0], width / height, rel_tol=1 / min(got))


@pytest.mark.parametrize("size", [(32, 32), (28, 28), (17, 23)])
def test_a_small_model_sees_an_image_of_its_own_size_untouched(size: Size) -> None:
    pixels = noise(1, *size, 3)[0]
    assert np.array_equal(_identity(picture(pixels), Frame(size, None)), pixels)


def test_a_small_model_sees_another_image_resized_to_its_input() -> None:
    image = picture(noise(1, 40, 71, 3)[0])
    expected = np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR))
    assert np.array_equal(_identity(image, Frame((32, 32), None)), expected)


def test_a_declared_pair_is_height_then_width() -> None:
    image = picture(noise(1, 40, 71, 3)[0])
    expected = np.asarray(image.resize((60, 50), Image.Resampling.BILINEAR))[9:41, 14:46]
    assert np.array_equal(_identity(image, Frame((32, 32), (50, 60))), expected)


def test_grey_images_have_one_channel() -> None:
    pixels = noise(1, 32, 32)[0]
    assert np.array_equal(_identity(picture(pixels), Frame((32, 32), None))[..., 0], pixels)
