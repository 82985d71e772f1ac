"""The command `multiverse`: adds the subcommands, and turns errors into one line and an exit code."""

import logging
import sys
from typing import Annotated

import typer

from engine.cli import (
    bench,
    convert,
    dataset,
    dataset_check,
    devices,
    doctor,
    isf,
    model,
    osc,
    preset,
    run,
    schema,
    sd,
    segment,
    video,
    view,
)
from engine.cli.console_events import console
from engine.cli.standard_streams import open_closed_streams, print_any_name
from engine.errors import MultiverseError, UsageError
from engine.system.package_version import package_version
from engine.system.plain_text import write_plain_lines
from engine.system.power import kept_from_sleep

DONE, FAILED, USAGE = 0, 1, 2

app = typer.Typer(
    name="multiverse",
    help="Turns four audio channels into the Multiverse picture, live, controlled over OSC.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
long_job = kept_from_sleep("working on files")
app.command("sd")(long_job(sd.sd))
app.command("segment")(long_job(segment.segment))
app.command("convert")(long_job(convert.convert))
app.command("video")(long_job(video.video))
app.command(
    "dataset",
    cls=dataset_check.DatasetCommand,
    context_settings={"token_normalize_func": dataset.plain_names},
)(long_job(dataset.dataset))
app.add_typer(model.app, name="model")
app.command("view")(view.view)
app.command("devices")(devices.devices)
app.command("doctor")(doctor.doctor)
app.add_typer(preset.app, name="preset")
app.add_typer(osc.app, name="osc")
app.add_typer(schema.app, name="schema")
app.add_typer(isf.app, name="isf")
app.add_typer(bench.app, name="bench")


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        print(f"multiverse {package_version()}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Log more, and show tracebacks of errors.")] = False,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING,
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
    )
    write_plain_lines(logging.getLogger())
    if debug:
        for chatty in ("asyncio", "numba", "PIL"):
            logging.getLogger(chatty).setLevel(logging.INFO)


def main(commands: typer.Typer = app) -> None:
    """Entry point; exits 0 when done, 1 when failed, 2 on wrong usage."""
    open_closed_streams()
    print_any_name()
    console.listen()
    sys.argv[1:] = run.with_window_argument(sys.argv[1:])
    try:
        commands()
    except MultiverseError as error:
        if "--debug" in sys.argv:
            raise
        for line in (error, *getattr(error, "__notes__", ())):
            print(f"multiverse: {line}", file=sys.stderr)
        sys.exit(USAGE if isinstance(error, UsageError) else FAILED)


if __name__ == "__main__":
    main()
