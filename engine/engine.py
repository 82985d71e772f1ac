"""A running engine, as a program that embeds it sees it. `app.open_engine` makes one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from engine.children.spec import ChildStatus
from engine.children.supervisor import Supervisor
from engine.config import Config
from engine.control.commands.show import Hooks
from engine.control.commands.status import EngineStatus
from engine.frame_loop import FrameLoop, Parts
from engine.params import ParamStore, PresetFolder
from engine.telemetry import FrameTimes
from engine.values import PublishedFrame
from engine.web import WebServer
from engine.web.serving.lan import lan_url, own_url


class Engine:
    """A running engine, made by `open_engine`. Used on the thread that opened it; `params` and `status` on any."""

    def __init__(self, config: Config, parts: Parts, presets: PresetFolder, web: WebServer | None) -> None:
        self.config = config
        self.presets = presets
        self._web = web
        self._parts = parts
        self._loop = FrameLoop(parts)
        self._started_s = parts.stopwatch.now_s()
        parts.show.connect(
            Hooks(post=self._loop.post, stop=self._loop.stop, set_format=self._loop.set_format, status=self.status)
        )

    @property
    def params(self) -> ParamStore:
        """Every control by its address. Any thread."""
        return self._parts.store

    @property
    def children(self) -> Mapping[str, Supervisor]:
        """The child processes of this run by name: start, stop and restart them from any thread."""
        links = {"sd": self._parts.sd, "sam3": self._parts.sam3, "rvc": self._parts.rvc}
        return {name: link.supervisor for name, link in links.items() if link is not None}

    @property
    def osc_address(self) -> tuple[str, int] | None:
        """Where OSC is heard (UDP and TCP), or None when it is off."""
        return self._parts.osc.address if self._parts.osc else None

    @property
    def sound(self) -> str:
        """Which sound this is, and why where nobody chose it."""
        return self._parts.audio.choice

    @property
    def renderer_choice(self) -> str:
        """Why this renderer and not OpenGL; "" when nothing better was wanted."""
        return self._parts.drawing.reason

    @property
    def has_sound_ended(self) -> bool:
        """Whether a file that plays once (offline) is over."""
        return self._parts.audio.is_finished

    @property
    def sound_length_s(self) -> float | None:
        """Seconds of sound that play once (offline); None: it has no end, or none that is known beforehand."""
        return self._parts.audio.length_s

    @property
    def page_url(self) -> str | None:
        """Where a browser on this machine finds the page, or None when it is off."""
        return own_url(*self._web.address, self._web.token) if self._web is not None else None

    @property
    def lan_page_url(self) -> str | None:
        """Where browsers on other machines find the page, token included; None when they cannot reach it.

        MultiverseError when there is no network.
        """
        return lan_url(*self._web.address, self._web.token) if self._web is not None else None

    @property
    def times(self) -> FrameTimes:
        return self._parts.times

    def frames(self, count: int | None = None, seconds: float | None = None) -> Iterator[PublishedFrame]:
        """Draw and publish at the frame rate; yields each picture, until `count`, `seconds` or `stop()`."""
        return self._loop.frames(count=count, seconds=seconds)

    def run(self, count: int | None = None, seconds: float | None = None) -> None:
        """`frames` for those who do not look at them."""
        for _ in self.frames(count, seconds):
            pass

    def post(self, action: Callable[[], None]) -> None:
        """Run `action` on the drawing thread before its next frame, with the GL context current. Any thread."""
        self._loop.post(action)

    def stop(self) -> None:
        """End `frames` after the picture in hand. Any thread, and signal handlers."""
        self._loop.stop()

    @property
    def is_stopping(self) -> bool:
        return self._loop.is_stopping

    def status(self) -> EngineStatus:
        """How everything is doing now. Any thread."""
        parts, stage = self._parts, self._parts.stage  # one stage: it may be replaced meanwhile
        return EngineStatus(
            seconds=parts.stopwatch.now_s() - self._started_s,
            frames=parts.times.frames,
            fps=parts.times.fps_now(),
            target_fps=stage.fps,
            frame_ms=parts.times.recent_ms(),
            late=parts.times.late,
            dropped=parts.times.dropped,
            lately=parts.times.lately(),
            width=stage.width,
            height=stage.height,
            renderer=parts.drawing.description,
            last_fade=parts.leaving.drawn_as,
            flash_guard=parts.drawing.flash_guard,
            audio=parts.audio.status(),
            camera=parts.source.status(),
            children=self._child_statuses(),
            sinks=parts.sinks.status(),
            osc=parts.dispatcher.counters if parts.osc or self._web else None,
            unavailable=parts.show.unavailable_switches(),
            warnings=tuple(parts.warnings.latest),
            told=tuple(parts.warnings.told),
            warning_counts=parts.warnings.counts,
        )

    def _child_statuses(self) -> tuple[ChildStatus, ...]:
        parts = self._parts
        statuses = [link.status() for link in (parts.sd, parts.sam3, parts.rvc) if link is not None]
        if parts.voice is not None:  # the voice child's is the last; what is heard of it only the desk knows
            statuses[-1] = replace(statuses[-1], facts=statuses[-1].facts | parts.voice.facts())
        return tuple(statuses)
