import pytest

from holdfast_reports.words import (
    count,
    difference,
    exact,
    number,
    odds,
    of_100,
    percent,
    share,
    shift,
    short_share,
    signed,
    text,
    title,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0.000"),
        (0.0004, "<0.001"),
        (0.3401, "0.340"),
        (0.9994, "0.999"),
        (0.9996, ">0.999"),
        (1.0, "1.000"),
    ],
)
def test_only_a_real_one_reads_one_and_only_a_real_zero_reads_zero(
    value: float, shown: str
) -> None:
    assert share(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (0.0002, "<0.1"),
        (0.034, "3.4"),
        (0.3401, "34"),
        (0.944, "94.4"),
        (0.9996, ">99.9"),
        (1.0, "100"),
    ],
)
def test_so_many_of_a_hundred_is_finer_at_the_ends(value: float, shown: str) -> None:
    assert of_100(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.997, "0.99"), (0.949, "0.94"), (0.29, "0.29"), (1.0, "1.00"), (0.004, "0.00")],
)
def test_two_digits_are_rounded_down(value: float, shown: str) -> None:
    assert short_share(value) == shown


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (number(-2.5), "\N{MINUS SIGN}2.5"),
        (signed(4), "+4"),
        (signed(0), "0"),
        (percent(0.95), "95 %"),
        (percent(0.999), "99.9 %"),
        (count(1, "image"), "1 image"),
        (count(62306, "parameter"), "62,306 parameters"),
        (count(2, "class", "classes"), "2 classes"),
        (shift(8, -3), "8 px right, 3 px up"),
        (shift(-1, 2), "1 px left, 2 px down"),
        (shift(0, 4), "4 px down"),
        (title("the images have no labels"), "The images have no labels."),
        (title(""), ""),
        (shift(1.26, -3.0), "1.3 px right, 3 px up"),
        (odds(0.0), "at most 1 : 1"),
        (odds(3.2), "more than 24 : 1"),
        (odds(6.91), "more than 1,000 : 1"),
        (odds(0.2), "more than 1 : 1"),
        (odds(1e6), "more than 1,000,000 : 1"),
        (difference(0.0314), "+0.031"),
        (difference(-0.5), "\N{MINUS SIGN}0.500"),
        (difference(0.0), "0.000"),
        (exact("turn_270"), "turned 270°"),
        (exact("enlarge_2"), "enlarged 2\N{MULTIPLICATION SIGN}"),
    ],
)
def test_numbers_and_sentences_are_written_for_people(made: str, shown: str) -> None:
    assert made == shown


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("\u202egnp.exe\u2069", "gnp.exe"),
        ("a\u200bb\u2028c\ufeff\u061cd", "abcd"),
        ("line\nbreak\x1b[31m", "linebreak[31m"),
    ],
)
def test_foreign_text_loses_what_turns_or_hides_it(foreign: str, shown: str) -> None:
    assert text(foreign) == shown


def test_foreign_text_is_cut() -> None:
    assert len(text("x" * 500)) == 80
    assert text("x" * 500).endswith("…")
