"""What a sink is, and the values it is made of. `null.py` shows it at work."""

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
    """What people read of a picture beside the main one."""

    addition: str
    """To the main one's name."""
    model: str
    """Whose it is."""
    option: str
    """What gives a run that model."""


BESIDE: dict[Picture, PictureBeside] = {
    "sd": PictureBeside(addition="SD", model="Stable Diffusion", option="--sd MODEL"),
    "sam3": PictureBeside(addition="SAM3", model="SAM3", option="--sam3 MODEL"),
    "sam3_mask": PictureBeside(addition="SAM3 mask", model="SAM3", option="--sam3 MODEL"),
}
MARKS = ", ".join(f"{picture}:" for picture in BESIDE)


def picture_name(picture: Picture, main_name: str) -> str:
    """What a picture is called where the main one is called `main_name`: `left`, `left SD`, `left SAM3 mask`."""
    return main_name if picture == "main" else f"{main_name} {BESIDE[picture].addition}"


TITLES: dict[Picture, str] = {picture: picture_name(picture, "Multiverse") for picture in PICTURES}
"""Under what name receivers find a picture, where none is given."""


def sink_label(kind: str, picture: Picture) -> str:
    """How a kind is asked for: `record` for the main picture, `sd:record`, `sam3_mask:record`."""
    return kind if picture == "main" else f"{picture}:{kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSpec:
    """What `--sink` and `/sink/start` ask for."""

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
        """From `label` and what follows its `=`. SinkError names the kinds there are."""
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
    """What all sinks of one picture share."""

    width: int
    height: int
    fps: float
    """Nominal; offline it is exact."""
    sample_rate_hz: int
    """Of the source's sound; 0 when there is none."""
    audio_channels: int
    """Of the source's sound; 0 when there is none."""
    is_offline: bool
    """Offline a sink may wait and must lose nothing; live it never waits and may."""
    record_folder: Path
    """Where files without a name of their own go; made when needed."""

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
    """Pictures put out."""
    dropped: int
    """Pictures that came while the sink was behind."""
    detail: str = ""
    """One line for people."""
    picture: Picture = "main"

    @property
    def label(self) -> str:
        return sink_label(self.kind, self.picture)


class Sink(Protocol):
    """Everything but `status` is called on the render thread, with its GL context current.

    Raising from any of them is the way to fail: `SinkSet` then closes the sink, reports and tries a fresh one
    later.
    """

    kind: str
    name: str

    def start(self, stage: Stage, *, may_wait: bool = False) -> None:
        """Open. SinkUnavailableError when this system can never run it, SinkError for what can be mended.

        `may_wait` before a show and offline: return when everything is open. Else never wait for a disk: what
        needs one goes to a thread, and its error is raised by a later call.
        """

    def restage(self, stage: Stage) -> None:
        """The picture has another size or rate from the next frame on."""

    def publish(self, frame: PublishedFrame) -> None:
        """Put one picture out. Live: never waits. Offline: may wait, loses nothing."""

    def pump(self) -> None:
        """Once a frame, after `publish`: heartbeats and run loops."""

    def drain(self) -> bool:
        """Begin to end without waiting: no more frames come. True once `close` will not wait either."""

    def close(self) -> None:
        """End: write what is left, waiting for it, and let go of everything. Harmless twice and after a failure."""

    def status(self) -> SinkStatus:
        """Any thread."""


@runtime_checkable
class Cautious(Protocol):
    """A sink that runs, and may have something to say about it."""

    caution: str
    """One line for people, from `start` on; "" for nothing."""


@runtime_checkable
class Taker(Protocol):
    """A sink that puts a picture out when asked."""

    def take(self) -> None:
        """Take the next frame. Render thread."""
