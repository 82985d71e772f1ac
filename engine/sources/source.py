"""What every source offers, whatever its pictures come from."""

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from engine.values import VideoFrame

SourceState = Literal["starting", "playing", "lost"]

HOLD_S = 2.0  # how long a lost source's last picture stays: hides a hiccup, never passes a dead camera as live


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    state: SourceState
    description: str
    """What it is, and while it is lost also why."""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    """A file's own rate, a live source's measured one; 0 for a still picture."""
    frames: int = 0
    """Pictures handed on since the start."""
    lost: int = 0
    """Pictures that could not be decoded or came too late to be shown, and times the source went away."""


class Source(Protocol):
    def start(self) -> None:
        """Begin to play. Offline there is nothing to begin."""

    def latest_frame(self) -> VideoFrame | None:
        """The picture to show now; None before the first and when the source is lost for 2 s. Never blocks.

        Any thread. The same picture is the same object, so that it is uploaded once.
        """

    def frame_at(self, time_s: float) -> VideoFrame | None:
        """The picture `time_s` seconds from the start, exact and repeatable; the caller waits for decoding.

        For offline rendering, one thread. SourceError when nothing can be decoded.
        """

    def status(self) -> SourceStatus:
        """Any thread."""

    def close(self) -> None:
        """End the thread and let the device or file go."""


@runtime_checkable
class Polled(Protocol):
    """A source that has no thread, because its library belongs to the render thread and its GL context."""

    def poll(self) -> None:
        """Once a frame, before `latest_frame`, on the render thread with its context current. Never waits or raises."""

    def renew_context(self) -> None:
        """The renderer has a new context, which is current: let go of what was kept of the old one."""

    def close(self) -> None:
        """On the render thread, before its context goes."""
