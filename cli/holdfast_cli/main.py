"""The `holdfast` command: its list of commands, and how every error leaves it."""

import os
import sys
from typing import Annotated

import typer

from holdfast_cli.audit import audit
from holdfast_cli.compare import compare
from holdfast_cli.doctor import doctor
from holdfast_cli.inspect import inspect
from holdfast_cli.problems import guarded
from holdfast_cli.serve import serve, worker
from holdfast_cli.stored import gate, report
from holdfast_cli.token import app as token
from holdfast_cli.verify import verify

__all__ = ["app", "main"]

app = typer.Typer(
    name="holdfast",
    help="Does your vision model hold fast when the picture moves?",
    epilog="Exit codes: 0 gate passed, or no gate · 1 gate failed · 2 usage or configuration · "
    "3 inconclusive · 4 model or data refused · 5 the audit or the service broke",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _command in (audit, gate, compare, report, verify, inspect, serve, worker, doctor):
    app.command()(_command)
app.add_typer(token, name="token")


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the flag's value
    if wanted:
        from holdfast import __version__

        typer.echo(f"holdfast {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run one command; every error is one code, one sentence, one hint and an exit code."""
    # Before anything can import onnxruntime, which would report its use to its vendor.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    sys.exit(guarded(lambda: app(prog_name="holdfast")))
