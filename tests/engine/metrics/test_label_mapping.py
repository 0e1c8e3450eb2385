"""Labels in another order than the outputs are recognised; chance is not."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from holdfast.metrics.label_mapping import _partners, label_mapping


def _noisy(n: int, classes: int, right: float, seed: int = 0) -> tuple[NDArray[np.int64], ...]:
    """Labels, and answers that are right so often."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, classes, n)
    other = draw.integers(0, classes, n)
    return labels, np.where(draw.random(n) < right, labels, other)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_no_one_to_one_order_agrees_more_often(pairs: list[tuple[int, int]]) -> None:
    answers, truth = (np.array(column) for column in zip(*pairs, strict=True))
    partners = _partners(answers, truth)
    assert len(set(partners.values())) == len(partners)
    agreed = sum(partners.get(label) == answer for answer, label in pairs)
    best = max(
        sum(order[label] == answer for answer, label in pairs) for order in permutations(range(4))
    )
    assert agreed == best


@pytest.mark.parametrize("classes", [2, 10])
def test_a_permutation_of_the_labels_is_found(classes: int) -> None:
    labels, answers = _noisy(64, classes, 0.9)
    order = np.roll(np.arange(classes), classes // 2)
    found = label_mapping(answers, order[labels])
    assert found is not None
    assert found.n_images == 64
    assert found.accuracy == float((answers == order[labels]).mean()) < 0.3
    assert found.mapped > 0.6
    assert found.is_telling
    assert found.pairs
    assert all(order[partner] == label for label, partner in found.pairs)


@pytest.mark.parametrize("offset", [-1, 1])
def test_labels_that_are_off_by_one_are_found_among_a_thousand_classes(offset: int) -> None:
    labels, answers = _noisy(60, 1000, 0.8)
    found = label_mapping(answers, labels + 1 - offset)
    shifted = label_mapping(answers + 1, labels + 1 - offset)
    assert found is not None
    assert shifted is not None
    assert shifted.mapped == float((answers == labels).mean())
    assert all(partner - label == offset for label, partner in shifted.pairs)


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_chance_is_no_order(classes: int) -> None:
    for seed in range(60):
        labels, answers = _noisy(64, classes, 0.0, seed)
        found = label_mapping(answers, labels)
        assert found is not None
        assert not found.is_telling


def test_images_without_a_label_do_not_count() -> None:
    labels, answers = _noisy(40, 4, 1.0)
    found = label_mapping(np.append(answers, [0] * 9), np.append(labels, [-1] * 9))
    assert found is not None
    assert (found.n_images, found.accuracy, found.mapped, found.pairs) == (40, 1.0, 1.0, ())


def test_a_handful_of_images_tells_nothing() -> None:
    assert label_mapping(np.arange(7), np.arange(7)) is None
