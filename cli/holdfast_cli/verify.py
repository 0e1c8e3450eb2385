"""`holdfast verify`: does a result follow from its samples?"""

from pathlib import Path
from typing import Annotated

import typer

from holdfast_cli import options as opt

__all__ = ["verify"]


def verify(
    result: opt.ResultPath,
    samples: Annotated[
        Path | None,
        typer.Argument(help="The per-sample file; left out, the one beside the result."),
    ] = None,
    *,
    sandbox: opt.Sandbox = opt.SandboxLevel.auto,
) -> None:
    """Recompute every number of a result from its per-sample file; runs no model."""
    from holdfast.errors import HoldfastError
    from holdfast.sandbox.parent import verify_result
    from holdfast_cli.local import child_limits, need

    need("audit")
    beside = samples or result.with_suffix(".samples.parquet")
    found = verify_result(result, beside, mode=sandbox.value, limits=child_limits(1))
    if found.differences:
        first = found.differences[0]
        raise HoldfastError(
            "result_mismatch",
            n=len(found.differences),
            what=first.what,
            reported=first.reported,
            recomputed=first.recomputed,
        )
    typer.echo(
        f"{result.name}: {found.n_measurements} measurements and {found.n_cells} cells recomputed "
        f"from {found.n_rows} rows of {found.n_images} images; every number follows"
    )
