"""Means per class and per named group, none where too few images carry it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from holdfast.metrics import by_group
from holdfast.metrics.per_group import MIN_IMAGES


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from(["day", "night", "rain", None])), max_size=40
    ),
    st.integers(1, 5),
)
def test_groups_are_those_of_a_loop(rows: list[tuple[float, str | None]], least: int) -> None:
    values, names = np.array([value for value, _ in rows]), [name for _, name in rows]
    ours = by_group(values, names, min_images=least)
    assert list(ours) == sorted({name for name in names if name is not None})
    for name, group in ours.items():
        own = [value for value, other in rows if other == name]
        assert group.n_images == len(own)
        assert group.of(values).tolist() == own
        if len(own) < least:
            assert group.mean is None
        else:
            assert group.mean == pytest.approx(sum(own) / len(own))


def test_classes_are_groups_in_the_order_of_their_numbers() -> None:
    right = np.array([True, False, True, True])
    ours = by_group(right, [10, 9, 9, 10], min_images=2)
    assert {name: group.mean for name, group in ours.items()} == {9: 0.5, 10: 1.0}
    assert list(ours) == [9, 10]
    assert ours[9].places.tolist() == [1, 2]
    cells = np.arange(8).reshape(4, 2)
    assert ours[9].of(cells).tolist() == [[2, 3], [4, 5]]


def test_labels_as_an_array_are_groups_too() -> None:
    ours = by_group(np.array([1.0, 0.0]), np.array([3, 3]).tolist(), min_images=1)
    assert ours[3].mean == 0.5


def test_twenty_images_still_leave_half_the_range_open() -> None:
    low, high = beta.ppf(0.025, 10, 11), beta.ppf(0.975, 11, 10)
    assert MIN_IMAGES == 20
    assert high - low == pytest.approx(0.46, abs=0.005)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="2 values but 1 group"):
        by_group(np.zeros(2), ["a"])
    with pytest.raises(ValueError, match="at least one"):
        by_group(np.zeros(1), ["a"], min_images=0)
