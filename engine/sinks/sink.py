"""The interface of a sink and its values. See `null.py` for a minimal implementation."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args, runtime_checkable

from engine.errors import SinkError
from engine.sinks.registry import KINDS
from engine.values import PublishedFrame

Picture = Literal["main", "sd", "sam3", "sam3_mask"]
"""Which of the run's pictures: the Multiverse itself, what Stable Diffusion paints, where SAM3 looks with coloured
masks over it, or the masks alone as numbers. Each has a size of its own."""
PICTURES: tuple[Picture, ...] = get_args(Picture)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureBeside:
    """Texts for people about a picture beside the main one."""

    addition: str
    """Suffix to the main picture's name."""
    model: str
    """The model that makes it."""
    option: str
    """The option that gives a run that model."""


BESIDE: dict[Picture, PictureBeside] = {
    "sd": PictureBeside(addition="SD", model="Stable Diffusion", option="--sd MODEL"),
    "sam3": PictureBeside(addition="SAM3", model="SAM3", option="--sam3 MODEL"),
    "sam3_mask": PictureBeside(addition="SAM3 mask", model="SAM3", option="--sam3 MODEL"),
}
MARKS = ", ".join(f"{picture}:" for picture in BESIDE)


def picture_name(picture: Picture, main_name: str) -> str:
    """Name of a picture if the main one is called `main_name`: `left`, `left SD`, `left SAM3 mask`."""
    return main_name if picture == "main" else f"{main_name} {BESIDE[picture].addition}"


TITLES: dict[Picture, str] = {picture: picture_name(picture, "Multiverse") for picture in PICTURES}
"""Default name of each picture for receivers."""


def sink_label(kind: str, picture: Picture) -> str:
    """The label of a kind for a picture: `record` for the main one, `sd:record`, `sam3_mask:record`."""
    return kind if picture == "main" else f"{picture}:{kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSpec:
    """The sink that `--sink` or `/sink/start` asks for."""

    kind: str
    argument: str = ""
    """A texture's name (syphon, spout, shared, ndi) or a file (record, snapshot); "" for the kind's default."""
    picture: Picture = "main"

    @classmethod
    def parse(cls, text: str) -> "SinkSpec":
        """`kind` or `kind=argument`, either after `sd:`, `sam3:` or `sam3_mask:` for a picture beside the main one.
        SinkError names the kinds there are."""
        label, _, argument = text.partition("=")
        return cls.labelled(label, argument)

    @classmethod
    def labelled(cls, label: str, argument: str = "") -> "SinkSpec":
        """The spec for a label and the argument after its `=`. SinkError lists the valid kinds."""
        mark, colon, kind = label.rpartition(":")
        picture: Picture = next((one for one in BESIDE if one == mark), "main")
        if kind not in KINDS or (colon and picture == "main"):
            what = f"picture {mark}:" if kind in KINDS else "kind"
            allowed = f"one of {', '.join(KINDS)}, or one after {MARKS}"
            raise SinkError(f"sink {label!r}: there is no such {what}; {allowed}")
        return cls(kind=kind, argument=argument, picture=picture)

    @property
    def label(self) -> str:
        return sink_label(self.kind, self.picture)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The format that all sinks of one picture share."""

    width: int
    height: int
    fps: float
    """Nominal; offline it is exact."""
    sample_rate_hz: int
    """Rate of the source's sound; 0 without sound."""
    audio_channels: int
    """Channels of the source's sound; 0 without sound."""
    is_offline: bool
    """Offline a sink may wait and must lose nothing; live it never waits and may drop pictures."""
    record_folder: Path
    """Folder for files without a given name; created when needed."""

    def with_format(self, width: int, height: int, fps: float) -> "Stage":
        return dataclasses.replace(self, width=width, height=height, fps=fps)


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkStatus:
    kind: str
    name: str
    """The texture's name as receivers see it, or the file."""
    state: str
    """running | finishing (writes what it still has) | retrying | failed (offline: not tried again) |
    ended"""
    frames: int
    """Pictures published."""
    dropped: int
    """Pictures dropped because the sink was too slow."""
    detail: str = ""
    """One line for people."""
    picture: Picture = "main"

    @property
    def label(self) -> str:
        return sink_label(self.kind, self.picture)


class Sink(Protocol):
    """Everything but `status` is called on the render thread, with its GL context current.

    To fail, raise an exception from any of them: `SinkSet` then closes the sink, reports, and retries with a new one
    later.
    """

    kind: str
    name: str

    def start(self, stage: Stage, *, may_wait: bool = False) -> None:
        """Open. SinkUnavailableError if this system can never run it, SinkError for everything that can be fixed.

        `may_wait`, before a show and offline: return when everything is open. Otherwise never wait for a disk: open
        files on a thread, and raise its error from a later call.
        """

    def set_format(self, stage: Stage) -> None:
        """Prepare for another size or rate of the picture from the next frame on."""

    def publish(self, frame: PublishedFrame) -> None:
        """Publish one picture. Live: never waits. Offline: may wait, loses nothing."""

    def pump(self) -> None:
        """Called once a frame, after `publish`: for heartbeats and run loops."""

    def drain(self) -> bool:
        """Start finishing, without waiting: no more frames follow. True once `close` will not wait either."""

    def close(self) -> None:
        """Write what is left, waiting for it, and release everything. Idempotent; also called after a failure."""

    def status(self) -> SinkStatus:
        """Any thread."""


@runtime_checkable
class Cautious(Protocol):
    """A sink that works but may have a warning."""

    caution: str
    """A warning in one line, from `start` on; "" for none."""


@runtime_checkable
class Taker(Protocol):
    """A sink that writes a picture on demand."""

    def take(self) -> None:
        """Take the next frame. Render thread."""
