"""The plugin that pytest finds by its entry point `pytest11`: the fixture `holdfast`."""

from types import ModuleType

import pytest

__all__ = ["holdfast"]


@pytest.fixture(scope="session")
def holdfast() -> ModuleType:
    """`holdfast.assert_holds(model, probes, policy)` fails a test whose model does not hold fast.

    See `holdfast.pytest` for its arguments.
    """
    import holdfast.pytest as gate

    return gate
