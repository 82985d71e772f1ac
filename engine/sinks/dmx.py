"""Sends light to fixtures over Art-Net or sACN: a grid of pixels from the picture, colours, levels
or the beat.

    frame loop ─► publish: a small copy of the picture, at most 40 times per second
    thread ─► dmx_levels.py: pixels, channels ─► engine/dmx/sending.py

The settings are the parameters `/sink/dmx/...` of each frame; the argument sets some of them for
this sink alone, so that several can run: `dmx=left,protocol=artnet,universe=4,width=60`. DMX has 44
packets per second, so most pictures are not read back; of those the newest counts.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

import osc_schema
from engine.dmx.own import component_id
from engine.dmx.sending import BROADCAST, DmxSender, Route, hosts_of
from engine.errors import SinkError
from engine.sinks.dmx_levels import colours_of, grid_of, levels_of, read_size, universes_of
from engine.sinks.sink import TITLES, OutputFormat, PictureName
from engine.sinks.sink_thread import ThreadSink
from engine.system import folders
from engine.values import PublishedFrame
from osc_schema import Param, ParamType
from osc_schema.sinks import DMX_SETTINGS

INTERVAL_S: Final = 1 / 40
EARLY_S: Final = 0.004  # a frame that comes a little before its time is taken


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Job:
    frame: PublishedFrame
    settings: Mapping[str, Any]
    rgba: np.ndarray | None
    """None unless the picture is sent."""


class DmxSink(ThreadSink):
    kind = "dmx"
    max_close_s = 2.0

    def __init__(self, argument: str, picture: PictureName = "main") -> None:
        self._own = _settings_in(argument)
        name = self._own.get("source") or TITLES[picture]
        super().__init__(name, f"dmx {name}")
        self.warning = ""
        self._waiting: _Job | None = None
        self._is_offline = False
        self._next_s = float("-inf")
        self._detail = ""

    def start(self, output_format: OutputFormat, *, may_wait: bool = False) -> None:
        self._is_offline = output_format.is_offline
        if output_format.is_offline:
            self.warning = "dmx: nothing is sent offline, where time is not that of the room"
        else:
            self._thread.start()

    def publish(self, frame: PublishedFrame) -> None:
        self._raise_error()
        self._frames += 1
        if self._is_offline or frame.time_s < self._next_s - EARLY_S:
            return
        is_on_time = frame.time_s < self._next_s + INTERVAL_S
        self._next_s = INTERVAL_S + (self._next_s if is_on_time else frame.time_s)
        settings = {
            name: frame.values.get(param.address, param.default)
            for name, param in DMX_SETTINGS.items()
        }
        settings |= self._own
        rgba = None
        if settings["content"] == "picture" or not frame.values:
            size = read_size(frame.width, frame.height, settings["width"], settings["height"])
            rgba = frame.read_rgba() if frame.read_fitted is None else frame.read_fitted(size)
        with self._change:
            self._waiting = _Job(frame=frame, settings=settings, rgba=rgba)
            self._change.notify_all()

    def _status_detail(self) -> str:
        return self._detail

    def _run(self) -> None:
        """Send until the end, with the newest picture; without a new one, the same levels again."""
        try:
            cid = component_id(folders.data_folder())
        except OSError as error:
            raise SinkError(
                f"dmx: {folders.data_folder()} cannot be written ({error.strerror or error})"
            ) from None
        sender: DmxSender | None = None
        try:
            while True:
                with self._change:
                    wait_s = (
                        None
                        if sender is None
                        else min(1.0, max(0.0, sender.next_s() - time.monotonic()))
                    )
                    self._change.wait_for(lambda: self._waiting or self._is_ending, wait_s)
                    job = self._waiting
                    self._waiting = None
                if job is None and self._is_ending:
                    return
                if job is None:
                    assert sender is not None
                    sender.step()
                    continue
                route = _route(job.settings, self.name)
                if sender is None or route != sender.route:
                    if sender is not None:
                        sender.close()
                    sender = DmxSender(route, cid, time.monotonic)
                levels = _levels(job)
                sent = {
                    universe: data
                    for universe, data in levels.items()
                    if universe in route.universes
                }
                sender.send(sent)
                self._detail = _detail_text(sent, len(levels) - len(sent), sender)
        finally:
            if sender is not None:
                sender.close()


def _settings_in(argument: str) -> dict[str, Any]:
    """Settings by the last part of their parameter's address; in `to`, hosts are separated by `+`.
    SinkError for what is unknown, refused or out of range."""
    found: dict[str, Any] = {}
    for at, part in enumerate(argument.split(",") if argument else ()):
        name, equals, text = (piece.strip() for piece in part.partition("="))
        if not equals and not at:
            name, text = "source", name
        param = DMX_SETTINGS.get(name)
        if param is None:
            known = ", ".join(DMX_SETTINGS)
            raise SinkError(
                f"dmx: {part.strip()!r}: unknown; write NAME,SETTING=VALUE,... with settings of "
                f"{known}"
            )
        try:
            accepted = osc_schema.accept(
                param, text.replace("+", ",") if name == "to" else _value_of(param, text)
            )
        except osc_schema.Rejected as rejection:
            raise SinkError(f"dmx: {rejection}") from None
        if accepted.note:
            raise SinkError(f"dmx: {name}: {accepted.note}")
        found[name] = accepted.value
    for name in ("to", "interface"):
        if found.get(name, "") not in ("", BROADCAST):
            try:
                hosts_of(found[name], 0)
            except SinkError as error:
                raise SinkError(f"dmx: {name}: {error}") from None
    return found


def _value_of(param: Param, text: str) -> str | float:
    """The number in a text for a parameter that is one; else the text, which the schema may
    refuse."""
    with suppress(ValueError):
        return text if param.menu or param.type is ParamType.TEXT else float(text)
    return text


def _route(settings: Mapping[str, Any], name: str) -> Route:
    return Route(
        protocol="artnet" if settings["protocol"] == "artnet" else "sacn",
        to=settings["to"],
        interface=settings["interface"],
        name=settings["source"] or name,
        priority=settings["priority"],
        sync=settings["sync_packets"],
    )


def _levels(job: _Job) -> dict[int, bytes]:
    frame = job.frame
    settings = job.settings
    columns, rows = settings["width"], settings["height"]
    if job.rgba is not None:
        grid = grid_of(job.rgba, columns, rows)
    else:
        row = colours_of(settings["content"], frame.values, frame.features, frame.beat, columns)
        grid = np.repeat(row, rows, axis=0)
    levels = levels_of(
        grid,
        settings["order"],
        is_serpentine=settings["serpentine"],
        gamma=settings["gamma"],
        level=settings["level"],
    )
    return dict(universes_of(levels, settings["universe"], settings["channel"]))


def _detail_text(sent: Mapping[int, bytes], left_out: int, sender: DmxSender) -> str:
    numbers = f"{min(sent)}-{max(sent)}" if len(sent) > 1 else "".join(map(str, sent))
    limits = sender.route.universes
    beyond = f"; {left_out} left out, {limits[0]}..{limits[-1]} are allowed" if left_out else ""
    return f"{sender.route.protocol} universe {numbers or 'none'}, {sender.detail()}{beyond}"
