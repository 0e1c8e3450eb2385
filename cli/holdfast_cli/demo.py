"""`make demo`: the whole service, three small models, and what it says about them.

The service runs as a process of its own and is used over REST only, like any client would.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from holdfast.errors import HoldfastError
from holdfast_cli import bound
from holdfast_cli.client import Client
from holdfast_cli.config import read_config
from holdfast_cli.formats import Outcome, Output
from holdfast_cli.order import Order
from holdfast_cli.outputs import write_outputs
from holdfast_cli.ports import check_port
from holdfast_cli.problems import guarded
from holdfast_cli.progress import rows
from holdfast_cli.remote import Place, check_done, fetch, is_open, submit
from holdfast_cli.screen import STYLE

MODELS: Final = ("centered.onnx", "everywhere.onnx", "gap.onnx")
FAMILIES: Final = ("translation", "rotation", "scale")
_LOOK_S: Final = 0.5
_READY_S: Final = 90
_STOP_S: Final = 30


def main() -> None:
    """Run the demonstration; ends with 0 once it showed its verdicts, whatever they say."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--data", type=Path, default=Path(".holdfast"))
    parser.add_argument("--examples", type=Path, default=Path("examples/digits"))
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--once", action="store_true")
    asked = parser.parse_args()
    sys.exit(guarded(lambda: _demo(asked)))


def _demo(asked: argparse.Namespace) -> int:
    url = f"http://127.0.0.1:{asked.port}"
    check_port("127.0.0.1", asked.port)
    print(f"Starting Holdfast on {url}", flush=True)
    with _service(asked.port, asked.data) as service:
        with Client(url) as client:
            _wait_until_ready(client, service, asked.data)
            _show(_audit_all(client, asked.examples), asked.out)
        if asked.once:
            print("\nThe service stops now; `make serve` shows these pages again.", flush=True)
            return 0
        print(f"\nStill serving on {url} - Ctrl-C stops it.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            service.wait()
    return 0


@contextlib.contextmanager
def _service(port: int, data: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`holdfast serve` for the length of the block."""
    arguments = ["serve", "--host", "127.0.0.1", "--port", str(port), "--data", str(data)]
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data / "demo.log").open("wb") as log:
        # A session of its own: Ctrl-C comes to us alone, and we stop it in order.
        process = subprocess.Popen(  # noqa: S603 - ourselves
            bound.command("holdfast_cli", *arguments),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Our own models: what the kernel offers is enough, and the result says what it was.
            env={"HOLDFAST_SANDBOX": "auto", **os.environ},
            start_new_session=True,
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(client: Client, service: subprocess.Popen[bytes], data: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        if service.poll() is not None:
            break
        with contextlib.suppress(HoldfastError):
            if client.peek("/readyz").get("status") == "ready":
                return
        time.sleep(0.3)
    print((data / "demo.log").read_text(errors="replace")[-4000:], file=sys.stderr)
    raise HoldfastError("unreachable", url=client.url)


def _audit_all(client: Client, examples: Path) -> dict[str, tuple[Outcome, str]]:
    """Ask for all audits at once and watch them; answer each outcome and its page."""
    config = read_config(examples / "holdfast.yaml")
    data = config.data or examples / "probes.zip"
    with rows(list(MODELS)) as row:
        audits = {}
        for name in MODELS:
            order = Order(examples / name, data, config.plan, config.gate)
            audits[name] = submit(client, order, Place("digits"), partial(row, name))
        while any(is_open(audit) for audit in audits.values()):
            time.sleep(_LOOK_S)
            for name, audit in audits.items():
                audits[name] = client.get(audit["links"]["self"])
                step = audits[name]["progress"]
                row(name, step["stage"] or audits[name]["state"], step["done"], step["total"])
    for audit in audits.values():
        check_done(audit)
    return {
        name: (fetch(client, audit), client.absolute(audit["links"]["page"]))
        for name, audit in audits.items()
    }


def _show(outcomes: Mapping[str, tuple[Outcome, str]], out: Path) -> None:
    """Three verdict lines, then where the reports are."""
    console = Console(highlight=False, soft_wrap=True)
    console.print("\nHow often the answer stays the same when the picture is moved, and the gate:")
    for name, (outcome, _) in outcomes.items():
        console.print(_line(name, outcome))
    out.mkdir(parents=True, exist_ok=True)
    console.print("\nReports:")
    for name, (outcome, page) in outcomes.items():
        stem = out / Path(name).stem
        outputs = [Output(stem.with_suffix(f".{form}"), form) for form in ("html", "json")]
        report, *_ = write_outputs(outputs, outcome)
        console.print(Text(f"  {report.resolve()}   {page}"))


def _line(name: str, outcome: Outcome) -> Text:
    measured = {item.id: item.value for item in outcome.result.measurements}
    shown = [(family, measured.get(f"{family}.consistency")) for family in FAMILIES]
    numbers = ", ".join(f"{family} {value:.3f}" for family, value in shown if value is not None)
    if outcome.verdict is None:
        return Text(f"{name}: {numbers}")
    decision = outcome.verdict.decision
    head = (f"{decision.upper():<13}", STYLE[decision])
    return Text.assemble(head, (f"{name:<17}", "bold"), f"{numbers}. {outcome.verdict.sentence}")


if __name__ == "__main__":
    main()
