"""The corpus of bad inputs beside this checkout, loaded as a module."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

__all__ = ["load_corpus"]


def load_corpus(shared: Path) -> ModuleType:
    """The module whose `CASES` are the corpus; it must not silence our warnings."""
    spec = importlib.util.spec_from_file_location("corpus_cases", shared / "badinputs" / "gen.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("warnings.simplefilter", lambda *_: None)
        spec.loader.exec_module(module)
    return module
