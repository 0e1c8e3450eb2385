"""A few audits in a storm; `bench/chaos.py` has the long one."""

import pytest

from chaos import storm


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
def test_what_is_asked_in_a_storm_comes_out_once_and_unharmed(backend: str) -> None:
    report = storm(audits=6, seed=1, backend=backend, every_s=1.5, limit_s=150)
    assert report.wrong == []
    assert report.done == 6
    assert report.kills.total() >= 2, "or it was no storm"
