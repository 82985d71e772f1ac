"""`multiverse doctor`: what works here, what does not, why, and the command that mends it."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.cli.check import Check

COLOURS = {"ok": "green", "note": "blue", "warning": "yellow", "failed": "red"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    selftest: Annotated[
        bool,
        typer.Option("--selftest", help="Also publish a card, receive it in another process and compare."),
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the self-test's result there, as JSON.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="With --selftest: write what was found and what is left to look at there, as Markdown, to mail.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the report if it exists.")] = False,
    ndi: Annotated[bool, typer.Option("--ndi", help="Ask the network for NDI sources too, for the report.")] = False,
) -> None:
    """Check this machine. Exit code 0 when the engine can run, warnings or not; 1 when it cannot."""
    if out is not None and not selftest:
        raise UsageError("--out FILE is the self-test's result: add --selftest")
    if report is not None and not selftest:
        raise UsageError("--report FILE tells of the self-test, too: add --selftest")
    if report is None and (overwrite or ndi):
        raise UsageError(f"{'--overwrite' if overwrite else '--ndi'} is for the report: add --report FILE")

    from engine.cli.doctor_checks import run_checks
    from engine.cli.machine_report import check_path, write_report
    from engine.cli.selftest import run_selftest, selftest_check

    if report is not None:
        check_path(report, overwrite)
    checks = run_checks()
    result = None
    if selftest:
        result = run_selftest()
        checks.append(selftest_check(result))
        if out is not None:
            _write(out, result)
        if report is not None:
            write_report(report, checks, result, wants_ndi=ndi)
            what_next = "read it, tick what you see in the programs it names, and send it"
            print(f"{report}: written; {what_next}", file=sys.stderr)
    can_run = all(check.state != "failed" for check in checks)
    if as_json:
        found = {"can_run": can_run, "checks": [asdict(check) for check in checks], "selftest": result}
        print(json.dumps(found, indent=2))
    elif sys.stdout.isatty():
        _print_table(checks)
    else:
        for check in checks:
            print(f"{check.state:<8} {check.name}: {check.detail}")
            if check.mend:
                print(f"{'':<8} mend: {check.mend}")
    if not can_run:
        raise typer.Exit(1)


def _write(path: Path, result: dict[str, object]) -> None:
    try:
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out {path}: cannot be written ({error.strerror or error})") from None


def _print_table(checks: "Sequence[Check]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    for check in checks:
        detail = Text(check.detail)
        if check.mend:
            detail.append(f"\n{check.mend}", style="bold")
        table.add_row(Text(check.state, style=COLOURS[check.state]), Text(check.name), detail)
    Console().print(table)
