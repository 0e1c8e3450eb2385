"""labels.csv: what it may look like, and what is said about one that cannot be used."""

import pytest

from holdfast.errors import HoldfastError
from holdfast.probes.label_file import read_labels

NAMES = ("a.png", "b.png", "c d.png")


def _refusal(text: bytes) -> str:
    with pytest.raises(HoldfastError) as raised:
        read_labels(text, NAMES)
    assert raised.value.code == "invalid_labels"
    return raised.value.sentence


@pytest.mark.parametrize(
    "text",
    [
        b"file,label\na.png,3\nb.png,0\nc d.png,12\n",
        b"file,label\nc d.png,12\nb.png,0\na.png,3",
        b'\xef\xbb\xbffile,label\r\na.png,3\r\nb.png,0\r\n\r\n"c d.png",12\r\n',
        b"file, label\na.png, 3 \n b.png,00\nc d.png,012\n",
    ],
    ids=["plain", "another order", "from a spreadsheet", "with spaces"],
)
def test_labels_come_in_the_order_of_the_images(text: bytes) -> None:
    assert read_labels(text, NAMES).labels == (3, 0, 12)


def test_an_image_that_is_not_named_has_no_label() -> None:
    assert read_labels(b"file,label\nb.png,4\n", NAMES).labels == (-1, 4, -1)
    assert read_labels(b"file,label\n", NAMES).labels == (-1, -1, -1)


def test_a_third_column_names_groups() -> None:
    told = read_labels(b"file,label,group\nb.png,4, night \na.png,1,\n", NAMES)
    assert (told.labels, told.groups) == ((1, 4, -1), ("", "night", ""))
    assert read_labels(b"file,label\nb.png,4\n", NAMES).groups == ("", "", "")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"d.png,1", "line 3 names 'd.png', which is not in the archive"),
        (b"a.png,1", "line 3 names 'a.png' a second time"),
        (b"b.png", "line 3 does not have 2 columns"),
        (b"b.png,1,2", "line 3 does not have 2 columns"),
        (b"b.png,-1", "line 3: '-1' is not a class index from 0"),
        (b"b.png,1.0", "line 3: '1.0' is not a class index from 0"),
        (b"b.png,cat", "line 3: 'cat' is not a class index from 0"),
        (b"b.png,", "line 3: '' is not a class index from 0"),
        ("b.png,\u0663".encode(), "line 3: '\u0663' is not a class index from 0"),
        (b"b.png,1000000", "line 3: '1000000' is not a class index from 0"),
        (b"b.png," + b"9" * 30, "line 3: "),
        (b"b.png," + b"0" * 12 + b"9" * 30, "line 3: "),
        (b"b.png," + b"0" * 5000 + b"1", "line 3: "),
    ],
)
def test_a_wrong_line_is_named_with_its_number(line: bytes, said: str) -> None:
    assert said in _refusal(b"file,label\na.png,0\n" + line + b"\nc d.png,2\n")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"a.png,1\nb.png,2\n",
        b"file;label\na.png;1\n",
        b"label,file\n1,a.png\n",
        b"file,label,more\n",
    ],
)
def test_the_header_must_be_there(text: bytes) -> None:
    assert "does not start with the line file,label" in _refusal(text)


@pytest.mark.parametrize("text", [b"file,label\n\xff\xfe,1\n", b'file,label\n"a.png,1\n'])
def test_what_is_no_csv_in_utf_8_is_said_to_be_none(text: bytes) -> None:
    assert "is not a CSV file in UTF-8" in _refusal(text)
