"""Output while the engine runs: one live line on a terminal, plain lines in a log, a video's
progress offline."""

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.cli.log_thread import LogThread, write_to_stderr
from engine.cli.progress import repeat, show_progress
from engine.cli.run_end import RENDERING, render_progress
from engine.errors import MultiverseError

if TYPE_CHECKING:
    from engine.app import Engine
    from engine.control.commands.show import EngineStatus

REFRESH_S = 0.25
BARS = " ▁▂▃▄▅▆▇█"
BAR_FLOOR_DB = -48.0
BEAT_NOTES = {"following": "", "manual": "", "free": " (free)", "stopped": " (stopped)"}


def level_bar(level: float) -> str:
    """One character for a linear level: empty under -48 dBFS, full at 0."""
    level_db = 20 * math.log10(max(level, 1e-6))
    return BARS[min(max(round((1 - level_db / BAR_FLOOR_DB) * (len(BARS) - 1)), 0), len(BARS) - 1)]


def started_lines(engine: "Engine") -> list[str]:
    """Lines about the chosen renderer, sound, models and sinks, with reasons; printed once before
    the first picture."""
    # loaded by the engine, not by the other commands
    from engine.control.outgoing.sender import display_address

    status = engine.status()
    why = f" ({engine.renderer_choice})" if engine.renderer_choice else ""
    lines = [
        f"picture   {status.width}x{status.height} at {status.target_fps:g} fps, "
        f"{status.renderer}{why}",
        f"sound     {engine.sound}",
    ]
    if status.camera is not None:
        is_hidden = (
            engine.params.get("/layer/5/intensity") == 0 and engine.params.get("/mode") != "simple"
        )
        hint = " (/layer/5/intensity is 0: only shaders that read it show it)" if is_hidden else ""
        lines.append(f"camera    {status.camera.description}{hint}")
    for name, (model, *hints) in engine.describe_models().items():
        lines.append(f"{name:<9} {model}")
        lines += [f"          {hint}" for hint in hints]
    lines += [f"sink      {sink.label} {sink.name}" for sink in status.sinks]
    if engine.osc_address is not None:
        host, port = engine.osc_address
        lines.append(f"osc       {display_address(host, port)} (UDP and TCP)")
    if status.dmx is not None:
        protocols = {"artnet": "Art-Net", "sacn": "sACN", "both": "Art-Net and sACN"}[
            status.dmx.listen
        ]
        lines.append(
            f"dmx       {protocols}, universes {', '.join(map(str, status.dmx.configured))}"
        )
        lines += [
            f"          UDP port {port} is shared with another program"
            for port in status.dmx.shared_ports
        ]
    if status.midi is not None:
        lines.append(f"midi      {', '.join(status.midi.wanted)}")
    if engine.page_url is not None:
        lines.append(f"page      {engine.page_url}")
    return lines + network_lines(engine)


def network_lines(engine: "Engine") -> list[str]:
    """The page's URL for other machines, as text and as a QR code; without a network, the
    reason."""
    try:
        url = engine.lan_page_url
    except MultiverseError as error:
        return [f"network   {error}"]
    if url is None:
        return []
    from engine.cli.qr import qr_text

    return [f"network   {url}", *qr_text(url).splitlines()]


def live_line(status: "EngineStatus", messages_a_second: float) -> str:
    bars = "".join(level_bar(level) for level in status.audio.level)
    parts = [
        f"{status.fps:5.1f}/{status.target_fps:g} fps",
        f"p99 {status.frame_ms.p99:4.1f} ms",
        f"[{bars}]",
        " ".join(f"{sink.label}:{sink.state}" for sink in status.sinks) or "no sink",
        f"osc {messages_a_second:.0f}/s",
        f"{status.beat.bpm:.1f} bpm{BEAT_NOTES[status.beat.state]}",
    ]
    if status.flash_guard.is_limiting:
        parts.append(f"flash guard -{100 * status.flash_guard.held_share:.0f} %")
    for child in status.children:
        pace = (
            f" {1000 / child.ms_a_result:.1f}/s" if child.is_at_work and child.ms_a_result else ""
        )
        parts.append(f"{child.name}:{child.state}{pace}")
    if status.late:
        parts.append(f"late {status.late}")
    if status.audio.state != "playing":
        parts.append(f"audio: {status.audio.state}")
    return "  ".join(parts)


@contextmanager
def run_display(engine: "Engine", expected: int | None, log: LogThread) -> Iterator[None]:
    """The started lines, then the live line or a video's progress; log lines appear above it.
    Without a terminal a live run prints nothing more. `expected`: total number of frames, if
    known."""
    for line in started_lines(engine):
        log.say(line)
    try:
        if engine.config.offline:
            with show_progress(RENDERING) as (show, write):
                log.pass_to(write)

                def update() -> None:
                    if engine.times.frames:
                        show(render_progress(engine, expected))

                try:
                    with repeat(update, REFRESH_S, "progress"):
                        yield
                finally:
                    update()
        elif sys.stderr.isatty():
            with status_line(engine, log):
                yield
        else:
            log.say("running; stop with Ctrl-C or --seconds N")
            yield
    finally:
        log.pass_to(write_to_stderr)


@contextmanager
def status_line(engine: "Engine", log: LogThread) -> Iterator[None]:
    """The live line, drawn on a thread of its own, which alone writes to the terminal: that may
    block."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True)
    live = Live(console=console, auto_refresh=False)
    log.pass_to(lambda line: console.print(line, highlight=False, markup=False))
    messages_before = 0

    def refresh() -> None:
        nonlocal messages_before
        status = engine.status()
        messages = status.osc.messages if status.osc else 0
        line = live_line(status, (messages - messages_before) / REFRESH_S)
        messages_before = messages
        live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)

    with repeat(refresh, REFRESH_S, "status line", within=live):
        yield
