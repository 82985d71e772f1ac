"""`multiverse video --web`: serves a page that paints a browser's pictures, until Ctrl-C."""

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import typer

from engine.cli.job_options import is_on_command_line
from engine.errors import MultiverseError, UsageError

if TYPE_CHECKING:
    from engine.jobs.video.live import LiveServer
    from engine.models.sd.painting import Painting

FILE_ONLY = (
    *("source", "output", "input_", "output_", "scale", "batch", "every", "frames", "cluster"),
    *("recursive", "fps", "deinterlace", "metadata", "resume", "overwrite"),
)
INTERRUPTED = 1
WEB_ONLY = ("clients", "size", "certificate", "key", "web_token")


def refuse_without_effect(context: typer.Context, *, is_web: bool) -> None:
    """Raise UsageError for an option that has no effect with, or without, `--web`."""
    conflicts = [
        name for name in (FILE_ONLY if is_web else WEB_ONLY) if is_on_command_line(context, name)
    ]
    if conflicts and is_web:
        raise UsageError(
            f"--web: the browser is both input and output; remove {_option_list(conflicts)}"
        )
    if conflicts:
        raise UsageError(f"{_option_list(conflicts)}: only with --web HOST:PORT")


def serve(
    painting: "Painting", address: str, *, as_json: bool, most_clients: int, **options: Any
) -> None:
    """Serve until Ctrl-C; `options`: further arguments of LiveServer."""
    from engine.cli.log_thread import LogThread
    from engine.cli.signals import Signals
    from engine.config import split_host_port
    from engine.jobs.video.live import LiveLimits, LiveServer, serve_live
    from engine.system.clock import SystemClock
    from engine.system.telemetry import Warnings

    host, port = split_host_port(address, "--web")
    stop = threading.Event()
    # until the page is served, Ctrl-C raises an exception
    with LogThread() as log, ExitStack() as undone:
        report = Warnings(SystemClock()).report
        limits = LiveLimits(most_clients=most_clients)
        server = LiveServer(
            painting, host=host, port=port, limits=limits, report=report, log_line=report, **options
        )
        undone.callback(server.close)
        if not as_json:
            log.say(f"model     loading {painting.spec.model}")
        try:
            server.start()
            Signals().connect(stop.set)
        except KeyboardInterrupt:
            # queued, so behind all earlier lines
            log.say("multiverse: interrupted before the page was served")
            raise typer.Exit(INTERRUPTED) from None
        for note in server.notes:
            log.say(f"multiverse: {note}")
        if as_json:
            print(json.dumps({"event": "serving", **dict(_addresses(server))}), flush=True)
        else:
            for line in page_lines(_addresses(server)):
                log.say(line)
        serve_live(server, stop)


def page_lines(addresses: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The page's URLs; the one for other machines also as a QR code."""
    for name, where in addresses:
        yield f"{name:<10}{where}"
        if name == "network" and "://" in where:
            from engine.cli.qr import qr_text

            yield from qr_text(where).splitlines()
    yield "painting; stop with Ctrl-C"


def _addresses(server: "LiveServer") -> Iterator[tuple[str, str]]:
    """(name, URL) of the page, for this machine and for others; without a network, the reason."""
    yield "page", server.url
    try:
        network = server.lan_url
    except MultiverseError as error:
        network = str(error)
    if network is not None:
        yield "network", network


def _option_list(names: list[str]) -> str:
    arguments = {"source": "IN", "output": "OUT", "metadata": "--no-metadata"}
    return ", ".join(arguments.get(name, f"--{name.rstrip('_')}") for name in names)
