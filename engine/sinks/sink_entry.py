"""A requested sink of a `SinkSet`, and the frame that it gets."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.sinks.sink import TITLES, Sink, SinkSpec, SinkStatus
from engine.sinks.window import WindowSink
from engine.values import LazyPicture, PublishedFrame
from osc_schema import Value


@dataclass(slots=True, eq=False)
class SinkEntry:
    """One requested sink in any state: running, waiting for a retry, finishing, ended."""

    spec: SinkSpec
    sink: Sink | None
    last_status: SinkStatus
    """Status of the last closed sink, with the sums of all before it."""
    started_s: float
    failures: int = 0
    retry_at_s: float = 0.0
    reason: str = ""
    """Reason of the last failure."""
    was_logged: bool = False
    """True once a traceback was logged; later failures are only counted."""
    is_once: bool = False
    """True to stop it after one picture."""
    end_error: Exception | None = None
    """Error from draining it."""
    is_drained: bool = False
    """True if nothing is left to write, so closing does not wait."""
    stored_values: Mapping[str, Value] | None = None
    """The parameters of a WindowSink that failed."""
    main_entry: "SinkEntry | None" = None
    """The main picture's sink that this one was started with, and is stopped with."""

    def is_for(self, spec: SinkSpec) -> bool:
        """True if both specs mean the same sink; the default argument is the picture's title."""
        own, requested = (
            (one.kind, one.picture, one.argument or TITLES[one.picture])
            for one in (self.spec, spec)
        )
        return own == requested

    def drain(self) -> None:
        """Let the sink write what is left, without waiting; sets `is_drained`."""
        self.is_drained = self.sink is None or self.sink.drain()

    def status(self) -> SinkStatus:
        sink = self.sink  # local copy: the render thread may remove it
        if sink is None:
            return self.last_status
        now = sink.status()
        last = self.last_status
        return replace(
            now,
            picture=self.spec.picture,
            frames=now.frames + last.frames,
            dropped=now.dropped + last.dropped,
        )

    def store_values(self) -> None:
        """Keep the parameters of a window, which the next one begins with."""
        if isinstance(self.sink, WindowSink):
            self.stored_values = self.sink.window_state.values


def extra_frame(
    frame: PublishedFrame, extra: LazyPicture, *, needs_texture: bool
) -> PublishedFrame:
    """Another picture of the run as a frame, with 8 bits; `needs_texture` if a sink uses it."""
    texture = extra.draw_texture() if needs_texture else None
    width = extra.width
    height = extra.height
    of_itself = replace(
        frame, width=width, height=height, texture=texture, read_rgba=extra.read_rgba
    )
    return replace(of_itself, read_rgba16=None, read_fitted=None)


def initial_status(spec: SinkSpec, name: str) -> SinkStatus:
    return SinkStatus(kind=spec.kind, name=name, picture=spec.picture)
