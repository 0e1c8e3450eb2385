"""`holdfast doctor`: what works on this machine, one line each."""

import typer

from holdfast_cli import options as opt

__all__ = ["doctor"]

_SAID = {True: ("ok", "green"), False: ("FAIL", "bold red"), None: ("-", "dim")}


def doctor(
    *,
    server: opt.Server = None,
    data: opt.DataFolder = opt.DATA,
) -> None:
    """Check what is installed, the sandbox, the storage and a service; exit 0 when all is well."""
    from rich.console import Console
    from rich.text import Text

    from holdfast.errors import Kind
    from holdfast_cli.checks import checks
    from holdfast_cli.exits import EXIT

    console = Console(highlight=False, soft_wrap=True)
    code = 0
    for check in checks(data, server):
        word, style = _SAID[check.ok]
        console.print(Text.assemble((f"{word:<5}", style), f"{check.name:<10}{check.says}"))
        if check.ok is False:
            code = EXIT[Kind.broken]
    raise typer.Exit(code)
