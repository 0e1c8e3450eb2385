"""What is on disk, in the wheel and in each tool's list is the same (traps of style.md §8)."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sources import PACKAGES, REPO, project, tracked


def test_every_list_of_packages_is_the_same() -> None:
    config = project()
    folders = {f"{folder}/{package}" for folder, package in PACKAGES.items()}
    build = config["tool"]["hatch"]["build"]
    on_disk = {
        str(path.parent.relative_to(REPO))
        for path in tracked()
        if path.name == "__init__.py" and not (path.parent.parent / "__init__.py").exists()
    }
    assert on_disk == folders
    assert set(build["targets"]["wheel"]["packages"]) == folders
    assert set(build["dev-mode-dirs"]) == set(PACKAGES)
    assert set(config["tool"]["importlinter"]["root_packages"]) == set(PACKAGES.values())
    assert set(config["tool"]["mypy"]["packages"]) == set(PACKAGES.values())


@pytest.mark.parametrize("folder", PACKAGES)
def test_a_component_folder_holds_one_package_and_nothing_else(folder: str) -> None:
    root = REPO / folder
    assert {path.relative_to(root).parts[0] for path in tracked() if path.is_relative_to(root)} == {
        PACKAGES[folder]
    }


def test_every_folder_with_code_is_a_package() -> None:
    """Import-linter does not see a folder without `__init__.py`."""
    assert not {
        str(path.parent.relative_to(REPO))
        for path in tracked()
        if path.suffix == ".py"
        and path.relative_to(REPO).parts[0] in PACKAGES
        and not (path.parent / "__init__.py").exists()
    }


def test_every_package_tells_that_it_is_typed() -> None:
    for folder, package in PACKAGES.items():
        assert (REPO / folder / package / "py.typed").is_file()


def test_the_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    """Hatchling obeys .gitignore: one careless line there drops files without a word."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=REPO, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    on_disk = {
        str(path.relative_to(REPO / folder))
        for folder, package in PACKAGES.items()
        for path in (REPO / folder / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == on_disk
