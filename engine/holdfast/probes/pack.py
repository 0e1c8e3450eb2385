"""Turn what a user has, a folder, a zip or an .npz file, into one file to send. Standard library.

The command line packs a folder the same way whether the audit runs here or on a server, so both
see the same bytes.
"""

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.archive.members import CLASSES_NAME, IMAGE_SUFFIXES, LABELS_NAME
from holdfast.errors import HoldfastError

__all__ = ["packed"]

_EPOCH = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o100644 << 16


@contextmanager
def packed(path: Path) -> Iterator[Path]:
    """One archive for `path`: the file itself, or a zip of the folder that lives in this block.

    The zip is the same for the same images: sorted names, fixed times, nothing compressed.

    Raises:
        HoldfastError: `file_not_found`, or `empty_archive` for a folder without images.
    """
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise HoldfastError("file_not_found", path=path)
    files = sorted(_images(path), key=lambda file: file.relative_to(path).as_posix())
    if not files:
        raise HoldfastError("empty_archive")
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        archive = Path(folder) / "probes.zip"
        _write(archive, path, files)
        yield archive


def _images(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        is_table = file in (folder / LABELS_NAME, folder / CLASSES_NAME)
        if not hidden and file.is_file() and (is_table or file.suffix.lower() in IMAGE_SUFFIXES):
            yield file


def _write(archive: Path, folder: Path, files: list[Path]) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as target:
        for file in files:
            info = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _EPOCH)
            info.external_attr = _PLAIN_FILE
            target.writestr(info, file.read_bytes())
