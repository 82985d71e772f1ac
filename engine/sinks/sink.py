"""The interface of a sink and its values. See `null.py` for a minimal implementation."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import osc_schema
from engine.errors import SinkUsageError
from engine.values import PublishedFrame
from osc_schema import ExtraPicture
from osc_schema.sinks import KINDS

PictureName = str
"""One of the run's pictures: `main`, the Multiverse itself, or the name of an ExtraPicture. Sizes
may differ."""
EXTRA_PICTURES: dict[PictureName, ExtraPicture] = {
    picture.name: picture for picture in osc_schema.EXTRA_PICTURES
}
TITLES: dict[PictureName, str] = {
    "main": "Multiverse",
    **{name: f"Multiverse {picture.addition}" for name, picture in EXTRA_PICTURES.items()},
}
"""The default name that receivers see."""


def picture_name(picture: PictureName, main_name: str) -> str:
    """The name of a picture if the main one is called `main_name`: `left`, `left ADDITION`."""
    return main_name if picture == "main" else f"{main_name} {EXTRA_PICTURES[picture].addition}"


def sink_label(kind: str, picture: PictureName) -> str:
    """The label of a kind: `record` for the main picture, `PICTURE:record` for an extra one."""
    return kind if picture == "main" else f"{picture}:{kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSpec:
    """The sink that `--sink` or `/sink/start` asks for."""

    kind: str
    argument: str = ""
    """The text after the `=`, as the kind's `argument` in `KINDS` says: a texture's name, a
    display, a file ...; "" for the kind's default."""
    picture: PictureName = "main"

    @classmethod
    def parse(cls, text: str) -> "SinkSpec":
        """`kind` or `kind=argument`, either after `PICTURE:` for an extra picture. SinkError lists
        the kinds."""
        label, _, argument = text.partition("=")
        return cls.labelled(label, argument)

    @classmethod
    def labelled(cls, label: str, argument: str = "") -> "SinkSpec":
        """The spec for a label and the argument after its `=`. SinkError lists the valid kinds."""
        mark, colon, kind = label.rpartition(":")
        picture: PictureName = mark if mark in EXTRA_PICTURES else "main"
        if kind not in KINDS or (colon and picture == "main"):
            what = f"picture {mark}:" if kind in KINDS else "kind"
            marks = ", ".join(f"{picture}:" for picture in EXTRA_PICTURES)
            allowed = f"one of {', '.join(KINDS)}, optionally after {marks}"
            raise SinkUsageError(f"sink {label!r}: unknown {what}; choose {allowed}")
        return cls(kind=kind, argument=argument, picture=picture)

    @property
    def label(self) -> str:
        return sink_label(self.kind, self.picture)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFormat:
    """The format that all sinks of one picture share."""

    width: int
    height: int
    fps: float
    """Nominal live, exact offline."""
    sample_rate_hz: int
    """Rate of the source's sound; 0 without sound."""
    audio_channels: int
    """Channels of the source's sound; 0 without sound."""
    is_offline: bool
    """Offline a sink may wait and must not lose anything; live it never waits and may drop
    pictures."""
    record_folder: Path
    """Folder for files that the user did not name; created on demand."""
    overwrites: bool = False
    """A finished video or picture replaces the file of its name; otherwise it gets a number. Only
    offline."""

    def with_format(self, width: int, height: int, fps: float) -> "OutputFormat":
        return dataclasses.replace(self, width=width, height=height, fps=fps)


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkStatus:
    kind: str
    name: str
    """The texture's name as receivers see it, or the file."""
    state: str = "running"
    """running | finishing (writing the rest) | retrying | failed (offline: no retry) | ended"""
    frames: int = 0
    """Pictures published."""
    dropped: int = 0
    """Pictures dropped because the sink was too slow."""
    detail: str = ""
    """One line for people."""
    picture: PictureName = "main"

    @property
    def label(self) -> str:
        return sink_label(self.kind, self.picture)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStatus:
    file: str
    """The file that is being written."""
    seconds: float
    """Recorded so far, in all files of the sink."""
    free_bytes: int
    """Free space where the file is, a few seconds old at most while it is written; 0 while
    unknown."""


class Sink(Protocol):
    """The interface of an output: it gets every picture, and sends, shows or writes it. Everything
    but `status` is called on the render thread, with its GL context current. One exception: if that
    thread hangs, the engine drains and closes the sinks that do not use OpenGL on another one, then
    ends.

    To fail, raise an exception from any method: `SinkSet` then closes the sink, reports it, and
    retries later with a new one. A sink that inherits from this may leave out `set_format`, `pump`
    and `drain`, if it has nothing to do there. One that `start` leaves with something to say has
    `warning`, one line, "" for none. The class is found by its name: `XyzSink` in
    `engine/sinks/xyz.py`, for the kind `xyz`."""

    kind: str
    name: str

    def start(self, output_format: OutputFormat, *, may_wait: bool = False) -> None:
        """Open the output. SinkUnavailableError if it can never run on this system, SinkError if
        the user can fix it.

        `may_wait`, before a show and offline: return when everything is open. Otherwise never wait
        for a disk: open files on a thread, and raise its error from a later call."""

    def set_format(self, output_format: OutputFormat) -> None:
        """Prepare for another size or rate of the picture from the next frame on."""
        return None

    def publish(self, frame: PublishedFrame) -> None:
        """Send, show or write one picture. Live: never waits. Offline: may wait, loses nothing."""

    def pump(self) -> None:
        """Do per-frame work, such as heartbeats and run loops, after all sinks have published their
        pictures."""
        return None

    def drain(self) -> bool:
        """Start finishing without waiting; no more frames follow. True once `close` would not wait
        either."""
        return True

    def close(self) -> None:
        """Write what is left, waiting for it, and release everything. Idempotent; also called after
        a failure."""

    def status(self) -> SinkStatus:
        """Current state of the output; may be called on any thread."""
        ...
