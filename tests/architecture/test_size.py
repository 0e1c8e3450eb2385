"""The size budget of style.md §1: files and functions stay small, orchestrators included."""

import ast
import statistics
from pathlib import Path

from sources import PACKAGES, REPO, python_files, tree

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
P90_FUNCTION_LINES = 22


def _functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree(path)) if isinstance(node, kinds)]


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body without its docstring."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    if not body:
        return 0
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def _all() -> list[Path]:
    return python_files(*PACKAGES, "tests", "docs", "bench", "examples")


def test_no_file_is_longer_than_the_cap() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in _all()}
    assert not {
        str(path.relative_to(REPO)): lines
        for path, lines in lengths.items()
        if lines > MAX_FILE_LINES
    }


def test_no_function_is_longer_than_the_cap() -> None:
    assert not [
        f"{path.relative_to(REPO)}:{function.lineno} {function.name}: {_body_lines(function)}"
        for path in _all()
        for function in _functions(path)
        if _body_lines(function) > MAX_FUNCTION_LINES
    ]


def test_nine_of_ten_functions_are_short() -> None:
    lengths = [
        _body_lines(function) for path in python_files(*PACKAGES) for function in _functions(path)
    ]
    assert statistics.quantiles(lengths, n=10)[-1] <= P90_FUNCTION_LINES
