"""`multiverse doctor`: checks this machine, and names the causes of problems and the commands that
fix them."""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.standard_streams import say_at_once
from engine.errors import UsageError
from engine.system.plain_text import escaped
from engine.system.translate_errors import refused

if TYPE_CHECKING:
    from engine.cli.doctor_checks import Check


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    selftest: Annotated[
        bool,
        typer.Option(
            "--selftest",
            help="Also publish a test card, receive it in another process and compare.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Write the self-test's result to this file, as JSON."
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="With --selftest: write all results and a checklist for a person, as Markdown to "
            "mail.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing report.")
    ] = False,
    ndi: Annotated[
        bool, typer.Option("--ndi", help="Also search the network for NDI sources, for the report.")
    ] = False,
) -> None:
    """Check this machine. Exit code 0 if the engine can run, even with warnings; 1 if it cannot."""
    if out is not None and not selftest:
        raise UsageError("--out FILE is for the self-test: add --selftest")
    if report is not None and not selftest:
        raise UsageError("--report FILE needs the self-test: add --selftest")
    if report is None and (overwrite or ndi):
        raise UsageError(
            f"{'--overwrite' if overwrite else '--ndi'} is for the report: add --report FILE"
        )

    # The rows are printed in the order of these imports.
    from engine.cli import doctor_checks, doctor_machine, doctor_probes  # noqa: F401
    from engine.cli.machine_report import check_path, write_report
    from engine.cli.selftest import run_selftest

    if report is not None:
        check_path(report, overwrite)
    checks = doctor_checks.run_checks()
    result = None
    if selftest:
        result = run_selftest()
        checks.append(doctor_checks.selftest_check(result))
        if out is not None:
            with refused(f"--out {out}: cannot be written", UsageError):
                out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        if report is not None:
            write_report(report, checks, result, wants_ndi=ndi)
            what_next = "read it, tick off what you see in the programs that it names, and send it"
            say_at_once(f"{report}: written; {what_next}")
    can_run = all(check.state != "failed" for check in checks)
    if as_json:
        found = {
            "can_run": can_run,
            "checks": [asdict(check) for check in checks],
            "selftest": result,
        }
        print(json.dumps(found, indent=2))
    else:
        print_list(checks)
    if not can_run:
        raise typer.Exit(1)


def print_list(checks: "Sequence[Check]") -> None:
    """Print each step on one unwrapped line, so that commands can be copied in one piece."""
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True)
    colours = {"ok": "green", "note": "blue", "warning": "yellow", "failed": "red"}
    for check in checks:
        text = escaped(f" {check.name}: {check.detail}")
        lines = [Text.assemble((f"{check.state:<8}", colours[check.state]), text)]
        lines += [
            Text.assemble(f"{'':<8} {label}: ", (step, "bold"))
            for label, step in fix_steps(escaped(check.fix))
        ]
        for line in lines:
            if sys.stdout.isatty():
                console.print(line)
            else:
                print(line.plain)


def fix_steps(fix: str) -> list[tuple[str, str]]:
    """Split a fix into its steps: (label of the step: fix, then or or; the command or action)."""
    first, *pieces = re.split(r", (then) |; (or):? ", fix)
    steps = zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True)
    return (
        [("fix", first), *((then or either, step) for then, either, step in steps)] if fix else []
    )
