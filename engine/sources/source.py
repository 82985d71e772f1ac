"""The interface of every source."""

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from engine.values import VideoFrame

SourceState = Literal["starting", "playing", "lost"]

HOLD_S = (
    2.0  # a lost source keeps its last picture this long: hides a hiccup, but not a dead camera
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    state: SourceState
    description: str
    """Its name; while it is lost, the reason."""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    """The rate of a file, or the measured rate of a live source; 0 for a still picture."""
    frames: int = 0
    """Pictures delivered since the start."""
    lost: int = 0
    """Pictures that could not be decoded or came too late, plus the number of disconnects."""


class Source(Protocol):
    def start(self) -> None:
        """Start playing the source. Does nothing offline."""

    def latest_frame(self) -> VideoFrame | None:
        """The picture to show now; None before the first, and when the source has been lost for 2
        s. Never blocks. Any thread. An unchanged picture is the same object, so that it is uploaded
        only once."""

    def frame_at(self, time_s: float) -> VideoFrame | None:
        """The picture `time_s` seconds from the start, exact and repeatable; the caller waits for
        decoding. For offline rendering, on one thread. SourceError if nothing can be decoded."""

    def status(self) -> SourceStatus:
        """Current state of the source; may be called on any thread."""
        ...

    def close(self) -> None:
        """Stop the thread and release the device or file."""


@runtime_checkable
class Polled(Protocol):
    """A source without a thread, because its library belongs to the render thread and its GL
    context."""

    def poll(self) -> None:
        """Call it each frame before `latest_frame`, on the render thread, context current. Never
        waits or raises."""

    def renew_context(self) -> None:
        """Release everything of the old GL context; the renderer's new one is current."""

    def close(self) -> None:
        """Release everything, on the render thread, before its context is destroyed."""
