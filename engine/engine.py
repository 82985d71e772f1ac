"""The public interface of a running engine, for programs that embed it. `app.open_engine` makes
one."""

from collections.abc import Callable, Iterator, Mapping

from engine.children.supervisor import Supervisor
from engine.config import Config
from engine.control.commands.control_hub import ControlHub
from engine.control.commands.show import EngineStatus, Hooks
from engine.frame_loop import EngineParts, FrameLoop
from engine.live.kit.opening import describe_models
from engine.params import ParamStore, PresetFolder
from engine.system.standstill import Watchdog
from engine.system.telemetry import WINDOW_FRAMES, FrameTimes
from engine.values import PublishedFrame
from engine.web.server import WebServer
from engine.web.serving.lan import lan_url, own_url


class Engine:
    """A running engine, created by `open_engine`. Call it on that thread only; `params` and
    `status` on any thread."""

    def __init__(
        self,
        config: Config,
        parts: EngineParts,
        web: WebServer | None,
        status: Callable[[], EngineStatus],
    ) -> None:
        """status: Function that returns the current status; called on any thread."""
        self.config = config
        self.status = status
        """Current status of all parts. Any thread."""
        self._web = web
        self._parts = parts
        self._loop = FrameLoop(parts)
        parts.control_hub.show.connect(
            Hooks(
                post=self._loop.post,
                stop=self._loop.stop,
                set_format=self._loop.set_format,
                status=self.status,
            )
        )

    @property
    def params(self) -> ParamStore:
        """All parameters by address. Any thread."""
        return self._parts.control_hub.store

    @property
    def presets(self) -> PresetFolder:
        return self._parts.control_hub.presets

    @property
    def control_hub(self) -> ControlHub:
        """The control side of the engine: presets, cues, tempo. Each part documents its threads."""
        return self._parts.control_hub

    @property
    def children(self) -> Mapping[str, Supervisor]:
        """The supervisors of the child processes, by name. Start, stop and restart them on any
        thread."""
        return {model.name: model.supervisor for model in self._parts.models.running}

    def describe_models(self) -> dict[str, list[str]]:
        """Describe each live model, by name: what runs and how, then hints why its output may not
        be visible."""
        return describe_models(
            self._parts.models.running, self.params.snapshot(), self._parts.warnings.report
        )

    @property
    def osc_address(self) -> tuple[str, int] | None:
        """Host and port of OSC (UDP and TCP), or None when it is off."""
        osc = self._parts.control_inputs.osc
        return osc.address if osc is not None else None

    @property
    def sound(self) -> str:
        """The sound source in use, with the reason if the user did not choose it."""
        return self._parts.inputs.audio.choice

    @property
    def renderer_choice(self) -> str:
        """The reason why a renderer other than OpenGL is used; "" for OpenGL."""
        return self._parts.drawing.renderer.reason

    @property
    def has_sound_ended(self) -> bool:
        """True once a sound file that is played once (offline) has ended."""
        return self._parts.inputs.audio.is_finished

    @property
    def sound_length_s(self) -> float | None:
        """Length in seconds of a sound that is played once (offline); None if it loops or is not
        known yet."""
        return self._parts.inputs.audio.length_s

    @property
    def page_url(self) -> str | None:
        """The address of the page for a browser on this machine, or None when the page is off."""
        return own_url(*self._web.address, self._web.token) if self._web is not None else None

    @property
    def lan_page_url(self) -> str | None:
        """Page address for other machines, token included; None if unreachable. MultiverseError
        without a network."""
        return lan_url(*self._web.address, self._web.token) if self._web is not None else None

    @property
    def times(self) -> FrameTimes:
        return self._parts.timing.times

    def frames(
        self, count: int | None = None, seconds: float | None = None
    ) -> Iterator[PublishedFrame]:
        """Draw and publish at the frame rate; yields each picture, until `count`, `seconds` or
        `stop()`."""
        return self._loop.frames(count=count, seconds=seconds)

    def run(self, count: int | None = None, seconds: float | None = None) -> None:
        """Like `frames`, but returns only at the end."""
        for _ in self.frames(count, seconds):
            pass

    def post(self, action: Callable[[], None]) -> None:
        """Run `action` on the drawing thread before its next frame, with the GL context current.
        Any thread."""
        self._loop.post(action)

    def stop(self) -> None:
        """End `frames` after the current picture. Call it on any thread or in a signal handler."""
        self._loop.stop()

    @property
    def is_stopping(self) -> bool:
        return self._loop.is_stopping


class StatusReader:
    """Collects an EngineStatus from the parts of a run."""

    def __init__(self, parts: EngineParts, *, has_control: bool) -> None:
        """has_control: OSC or the page is on; then the status includes the OSC counters."""
        self._parts = parts
        self._has_control = has_control
        self._started_s = parts.timing.stopwatch.now_s()

    def describe_frame(self) -> str:
        """Describe the phase of the current frame and its shaders: "drawing, with Ripple in
        generator". Any thread."""
        shaders = self._parts.control_hub.shaders.status()
        playing = [f"{each.file} in {each.slot}" for each in shaders if each.state == "playing"]
        step = self._parts.timing.mark.step
        return f"{step}, with {', '.join(playing)}" if playing and step == "drawing" else step

    def read(self) -> EngineStatus:
        """Current status of all parts. Any thread."""
        parts = self._parts
        timing = self._parts.timing
        control_hub = parts.control_hub
        inputs = parts.control_inputs
        output_format = parts.outputs.output_format  # read once: another thread may replace it
        now_s = timing.stopwatch.now_s()
        standing_s = timing.mark.standing_s(now_s)
        return EngineStatus(
            seconds=now_s - self._started_s,
            frames=timing.times.frames,
            standing_s=standing_s,
            standing_in=self.describe_frame() if standing_s else "",
            fps=timing.times.fps_now(standing_s),
            target_fps=output_format.fps,
            frame_ms=timing.times.work_ms(WINDOW_FRAMES),
            late=timing.times.late,
            dropped=timing.times.dropped + int(standing_s * output_format.fps),
            lately=timing.times.recent_faults(),
            width=output_format.width,
            height=output_format.height,
            renderer=parts.drawing.renderer.description,
            last_fade=parts.drawing.decks.fade_note,
            flash_guard=parts.drawing.renderer.flash_guard,
            audio=parts.inputs.audio.status(),
            beat=control_hub.tempo.status(
                timing.clock.now_s(), parts.inputs.audio.latest_features().beat.confidence
            ),
            timecode=control_hub.timecode.status,
            autopilot_waits_s=control_hub.autopilot.waits_s,
            camera=parts.inputs.camera.status(),
            children=tuple(model.status() for model in parts.models.running),
            sinks=parts.outputs.sinks.status(),
            second=parts.screens.status,
            recordings=parts.outputs.sinks.recordings(),
            shaders=control_hub.shaders.status(),
            latency_ms=control_hub.dispatcher.latency.latest(now_s),
            osc=control_hub.dispatcher.counters if self._has_control else None,
            dmx=inputs.dmx.status() if inputs.dmx is not None else None,
            midi=inputs.midi.status() if inputs.midi is not None else None,
            link=inputs.link.status() if inputs.link is not None else None,
            unavailable=control_hub.show.unavailable_switches(),
            warnings=tuple(parts.warnings.latest),
            told=tuple(parts.warnings.notices),
            warning_counts=parts.warnings.counts,
        )


def watchdog_of(
    engine: Engine, parts: EngineParts, status: StatusReader, on_stuck: Callable[[], object]
) -> Watchdog:
    """Create the watchdog of these parts, not yet started. on_stuck: See `open_engine`."""
    return Watchdog(
        parts.timing.mark,
        parts.timing.stopwatch,
        describe=status.describe_frame,
        is_overloaded=lambda: parts.timing.times.recent_faults().is_overloaded,
        is_stopping=lambda: engine.is_stopping,
        finish_files=parts.outputs.sinks.finish_files,
        on_stuck=on_stuck,
        report=parts.warnings.report,
        notice=parts.warnings.notice,
    )
