"""READ SECOND: one frame as a short sequence of named calls, listed in `draw_frame`.

The loop owns its thread (on macOS that must be the main thread), the GL context and the sinks. Nothing it calls waits
for a child, a socket or a disk; other threads reach it through `post` and the parameter store.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from engine.audio import AudioInput, AudioSettings
from engine.control import Dispatcher, OscServer
from engine.control.commands.cue import CueControl
from engine.control.commands.shader import ShaderControl
from engine.control.commands.shader_stage import ShaderStage
from engine.control.commands.show import ShowControl
from engine.control.commands.timecode import TimecodeControl
from engine.errors import RenderError
from engine.ipc import Gate
from engine.live.kit.live_model import LiveModel
from engine.live.kit.scene import Scene
from engine.params import Crossfade, LeavingLook, Modulation, ParamStore, Slew, Snapshot, Tempo
from engine.render import Leaving, Look, PictureInput, RegionMap, RegionMapper
from engine.render.guarded_renderer import GuardedRenderer
from engine.render.isf import ShaderSlot
from engine.sinks import Picture, SinkSet, Stage
from engine.sources import Polled
from engine.sources.current import CurrentSource
from engine.sources.senders import SenderLists
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard
from engine.system.schedule import Schedule, exact_rate
from engine.system.standstill import FrameMark
from engine.telemetry import FrameTimes, Warnings
from engine.values import AudioFeatures, BeatFeatures, FrameId, PublishedFrame, ShownPicture, VideoFrame
from engine.web import PreviewTap

log = logging.getLogger(__name__)

Result = TypeVar("Result")

MAX_STEP_S = 0.25  # after a hiccup, smoothed values move as if at least 4 frames a second had been drawn
ROUNDING_S = 1e-6  # due times are sums of periods: 90 frames at 30 fps end up to a rounding error before 3 s


@dataclass(slots=True, kw_only=True)
class EngineParts:
    """The parts that draw a frame. `stage` is replaced while running; the rest is fixed."""

    clock: Clock
    """Time of the due times; offline it is stepped from frame to frame."""
    stopwatch: Clock
    """For measurements; always real time."""
    store: ParamStore
    slew: Slew
    modulation: Modulation
    tempo: Tempo
    crossfade: Crossfade
    leaving: LeavingLook
    cues: CueControl
    timecode: TimecodeControl
    dispatcher: Dispatcher
    osc: OscServer | None
    show: ShowControl
    shaders: ShaderControl
    shader_stage: ShaderStage
    audio: AudioInput
    source: CurrentSource
    """The camera of layer 5; also one of `polled`."""
    senders: SenderLists
    polled: tuple[Polled, ...]
    """Sources that must be polled on the loop's thread."""
    live: tuple[LiveModel, ...]
    """In order of effect: each can use what the models before it added to the scene."""
    gate: Gate
    """Tells the children when the picture is being drawn."""
    regions: RegionMapper
    drawing: GuardedRenderer
    sinks: SinkSet
    stage: Stage
    previews: Mapping[str, PreviewTap]
    """By picture: `main` and the extra pictures of this run. They feed the previews on the page."""
    warnings: Warnings
    times: FrameTimes
    mark: FrameMark
    """The frame in progress, for the watchdog."""


class FrameLoop:
    def __init__(self, parts: EngineParts) -> None:
        self.parts = parts
        self.schedule = Schedule(parts.stage.fps)
        self._posted: deque[Callable[[], None]] = deque()
        self._stop = threading.Event()
        self._index = 0
        self._first_due_s: float | None = None
        self._previous_s = self._shown_until_s = 0.0
        self._guard = Guard(log, parts.warnings.report, "frame", "a frame or a command failed")
        self._has_published = False
        self._next_sample = 0
        self._draw_s = 0.0
        self._lead_s = 0.0  # from the due time of a frame until it is drawn
        parts.gate.period_ns = to_ns(self.schedule.period_s)

    def post(self, action: Callable[[], None]) -> None:
        """Run `action` on the loop's thread before its next frame. Any thread."""
        self._posted.append(action)

    def stop(self) -> None:
        """End after the current frame. Call it on any thread or in a signal handler."""
        self._stop.set()

    @property
    def is_stopping(self) -> bool:
        return self._stop.is_set()

    def frames(self, *, count: int | None = None, seconds: float | None = None) -> Iterator[PublishedFrame]:
        """Yield frames as they are published: `count` of them, or for `seconds` of the loop's time, or until `stop`."""
        published, end_s = 0, None
        while not self._stop.is_set():
            if count is not None and published >= count:
                return
            if end_s is not None and self._shown_until_s >= end_s - ROUNDING_S:
                return
            frame = self._attempt(self.draw_frame)
            self.parts.mark.end(is_published=frame is not None)
            if seconds is not None and end_s is None:
                end_s = self._shown_until_s - self.schedule.period_s + seconds
            if frame is not None:
                published += 1
                yield frame

    def draw_frame(self) -> PublishedFrame:
        """Wait for the next due time, then draw and publish one picture."""
        parts = self.parts
        tick = self._wait_until_due()
        started_s = parts.stopwatch.now_s()
        parts.mark.begin(started_s)
        snapshot, values = self._read_parameters(tick)
        self._apply_format(snapshot)
        features = self._analyse_sound(
            parts.modulation.analysis_values(values), parts.leaving.analysis_values(values), tick
        )
        self._follow_beat(features)
        beat = parts.tempo.beat_at(self._due_s(tick))
        values = parts.modulation.step(values, features, time_s=tick.time_s, beat=beat)
        parts.leaving.step(features, time_s=tick.time_s, beat=beat)
        for model in parts.live:
            self._attempt(partial(model.follow, snapshot, values, parts.modulation.moved))
        scene = Scene(camera=self._camera_picture(tick))
        for model in parts.live:
            self._attempt(partial(model.show, scene, values, parts.stopwatch.now_s()))
        region = self._region_map(values, scene, tick)
        shaders = self._attempt(partial(self._shaders, snapshot, values)) or ()
        with self._gate_closed(tick):
            self._draw(values, features, scene, region, shaders, tick)
            frame = self._publish(tick, features, scene)
        for model in parts.live:  # the frame is already published, so an error while feeding cannot lose it
            self._attempt(partial(model.feed, frame, scene, parts.stopwatch.now_s()))
        self._report(frame, snapshot, started_s, replace(features.beat, beat=beat, bpm=parts.tempo.bpm))
        return frame

    def _attempt(self, action: Callable[[], Result]) -> Result | None:
        """Return the result of `action`, or None after an error, which is logged and reported: one failed frame or
        command must not end the show. Offline errors are raised, so that no frame is missing in a file."""
        return action() if self.parts.stage.is_offline else self._guard.attempt(action)

    def _wait_until_due(self) -> FrameId:
        clock = self.parts.clock
        due_s = self.schedule.next_due_s(clock.now_s())
        clock.sleep_until(due_s)
        if self._first_due_s is None:
            self._first_due_s = due_s
        tick = FrameId(index=self._index, time_s=due_s - self._first_due_s)
        self._index += 1
        self._shown_until_s = tick.time_s + self.schedule.period_s
        return tick

    @contextmanager
    def _gate_closed(self, tick: FrameId) -> Iterator[None]:
        """Tell the children that the picture needs the GPU now, and afterwards when it will need it next."""
        parts, due_s = self.parts, self._due_s(tick)
        now_s = parts.clock.now_s()
        before_s, self._lead_s = self._lead_s, now_s - due_s
        parts.gate.draw_begins(to_ns(now_s))
        try:
            yield
        finally:  # after one late draw the next one is expected in time
            parts.gate.draw_ends(to_ns(due_s + self.schedule.period_s + min(before_s, self._lead_s)))

    def _due_s(self, tick: FrameId) -> float:
        """The frame's due time on the clock that also times taps and MIDI ticks."""
        assert self._first_due_s is not None
        return self._first_due_s + tick.time_s

    def _read_parameters(self, tick: FrameId) -> tuple[Snapshot, Mapping[str, object]]:
        """The newest values as an immutable snapshot, and those to draw with: smoothed, without bypassed shaders."""
        parts = self.parts
        parts.dispatcher.tick()  # before the commands: a /sync that waits for them counts frames from here
        for _ in range(len(self._posted)):  # actions posted by these actions wait for the next frame
            self._attempt(self._posted.popleft())
        for part in (
            parts.timecode,
            parts.cues,
            parts.crossfade,
            parts.tempo,
        ):  # a due cue starts its fade in this frame
            self._attempt(partial(part.step, self._due_s(tick)))
        self._attempt(parts.shaders.before_frame)
        parts.dispatcher.latency.begin_frame()
        snapshot, fade = parts.crossfade.snapshot()
        self._attempt(lambda: parts.show.follow(snapshot))
        step_s = min(max(tick.time_s - self._previous_s, 0.0), MAX_STEP_S)
        self._previous_s = tick.time_s
        period_s = None if parts.stage.is_offline else self.schedule.period_s
        shown = parts.crossfade.bypass.shown(snapshot)
        parts.leaving.follow(fade, shown, step_s=step_s, period_s=period_s, late=parts.times.late)
        self._attempt(partial(parts.shader_stage.follow, snapshot, parts.slew.jump_to))
        return snapshot, parts.slew.step(shown, step_s)

    def _apply_format(self, snapshot: Snapshot) -> None:
        """Apply a new size or frame rate; restore the old size if the renderer refuses the new one."""
        width, height, fps = snapshot["/engine/width"], snapshot["/engine/height"], snapshot["/engine/fps"]
        assert isinstance(width, int) and isinstance(height, int) and isinstance(fps, float)
        try:
            self.set_format(width, height, fps)
        except RenderError as error:
            stage = self.parts.stage
            self.parts.warnings.report("size", f"/engine/size {width} {height}: {error}")
            self.parts.store.set_many([("/engine/width", stage.width), ("/engine/height", stage.height)], by="engine")

    def set_format(self, width: int, height: int, fps: float | None = None) -> None:
        """Change size and frame rate. RenderError if the renderer refuses the size; then nothing changes."""
        parts, stage = self.parts, self.parts.stage
        fps = float(exact_rate(fps)) if fps else stage.fps
        if (width, height, fps) == (stage.width, stage.height, stage.fps):
            return
        if (width, height) != (stage.width, stage.height):
            parts.drawing.resize(width, height)
        self.schedule.set_fps(fps)
        parts.gate.period_ns = to_ns(self.schedule.period_s)
        parts.stage = stage.with_format(width, height, fps)
        parts.sinks.restart_all(parts.stage)

    def _analyse_sound(
        self, values: Mapping[str, object], leaving: Mapping[str, object] | None, tick: FrameId
    ) -> AudioFeatures:
        audio, width = self.parts.audio, self.parts.stage.width
        settings = AudioSettings.from_values(values, width)
        if leaving is not None:
            settings = replace(settings, leaving=AudioSettings.from_values(leaving, width))
        audio.settings = settings
        if self.parts.stage.is_offline:
            # Until the end of the frame: the sound that is heard while the picture is shown.
            return audio.advance_to(tick.time_s + self.schedule.period_s)
        return audio.latest_features()

    def _follow_beat(self, features: AudioFeatures) -> None:
        """Let the tempo follow the beat of the sound, as of the time when that sound was heard."""
        heard, at_s = features.beat, features.end_s
        if at_s is not None:
            self.parts.tempo.follow("beat", beat=heard.beat, bpm=heard.bpm, at_s=at_s, confidence=heard.confidence)

    def _camera_picture(self, tick: FrameId) -> VideoFrame | None:
        """The newest camera picture; offline the one at the time of this frame."""
        parts = self.parts
        for polled in parts.polled:
            self._attempt(polled.poll)
        if parts.stage.is_offline:
            return parts.source.frame_at(tick.time_s)
        parts.senders.poll()
        return parts.source.latest_frame()

    def _region_map(self, values: Mapping[str, object], scene: Scene, tick: FrameId) -> RegionMap | None:
        """The newest region map of the scene; offline the one of this frame's scene."""
        regions = self.parts.regions
        settings = scene.region_settings(values)
        leaving = self.parts.leaving.values
        if not settings.is_enabled and leaving is not None:
            settings = scene.region_settings(leaving)
        if not settings.is_enabled:
            return None
        layer5 = scene.automatic_layer5
        picture = layer5.picture if layer5 is not None else None
        if self.parts.stage.is_offline:
            return regions.compute(picture, settings, scene.found)
        regions.submit(picture, settings, scene.found)
        return regions.latest()

    def _shaders(self, snapshot: Snapshot, values: Mapping[str, object]) -> tuple[ShaderSlot, ...]:
        """The generator and the effects of this frame; during a dissolve those of both looks."""
        stage, going = self.parts.shader_stage, self.parts.leaving
        return stage.shaders(values, snapshot, self.parts.modulation.moved, going.fade, going.values)

    def _draw(
        self,
        values: Mapping[str, object],
        features: AudioFeatures,
        scene: Scene,
        region: RegionMap | None,
        shaders: tuple[ShaderSlot, ...],
        tick: FrameId,
    ) -> None:
        picture = picture_of(values, features, features.waves, scene, region, tick)
        stage = self.parts.shader_stage
        is_cutting = stage.is_cutting(tick.time_s)
        picture = replace(picture, shaders=shaders, cuts=self.parts.crossfade.cuts, is_cutting=is_cutting)
        if stage.awaits_tests(values, tick.time_s):
            picture = replace(picture, look=replace(picture.look, is_frozen=True))
        going = self.parts.leaving
        if going.fade is not None:
            waves = features.waves if features.leaving_waves is None else features.leaving_waves
            heard = replace(features, channels=features.leaving_channels or features.channels)
            before = None if going.values is None else picture_of(going.values, heard, waves, scene, region, tick)
            fade = going.fade
            leaving = Leaving(
                number=fade.number, mix=fade.share, picture=before, revealed=fade.revealed, held_from=fade.held_from
            )
            picture = replace(picture, leaving=leaving)
        stopwatch = self.parts.stopwatch
        started_s = stopwatch.now_s()
        self.parts.mark.step = "drawing"
        if self.parts.osc is not None:
            self.parts.osc.draw_begins()
        try:
            self.parts.drawing.draw(picture)
        finally:
            if self.parts.osc is not None:
                self.parts.osc.draw_ends()
        self._draw_s = stopwatch.now_s() - started_s
        self.parts.mark.step = "publishing"
        state = self.parts.drawing.shader_state
        self._attempt(partial(self.parts.shaders.after_frame, state, self.schedule.period_s))
        if self.parts.shader_stage.holds_up_fade:
            going.give_up()

    def _publish(self, tick: FrameId, features: AudioFeatures, scene: Scene) -> PublishedFrame:
        parts = self.parts
        if not self._has_published and not parts.stage.is_offline:  # skip sound captured before the first frame
            self._next_sample = max(0, features.end_sample - round(parts.audio.sample_rate_hz / parts.stage.fps))
        audio = parts.audio.read_block(self._next_sample)
        self._has_published = True
        self._next_sample = audio.first_sample + len(audio.samples)
        frame = PublishedFrame(
            id=tick,
            width=parts.stage.width,
            height=parts.stage.height,
            texture=parts.drawing.texture,
            read_rgba=parts.drawing.reader(),
            read_rgba16=parts.drawing.deep_reader(),
            read_fitted=parts.drawing.fitted_reader(),
            audio=audio,
            features=features.channels,
        )
        extra = self._extra_pictures(scene)
        parts.sinks.publish(frame, extra)
        parts.dispatcher.latency.frame_published(parts.stopwatch.now_s())
        parts.sinks.pump()
        pictures: dict[Picture, PublishedFrame | ShownPicture] = {"main": frame, **extra}
        for picture, shown in pictures.items():
            tap = parts.previews.get(picture)
            if tap is not None and tap.wants_frame(parts.clock.now_s()):
                self._attempt(partial(offer, tap, shown))
        return frame

    def _extra_pictures(self, scene: Scene) -> dict[Picture, ShownPicture]:
        """The extra pictures, each drawn only if a sink or a viewer reads it."""
        pictures: dict[Picture, ShownPicture] = {}
        for picture, draw in scene.extra_pictures.items():
            shown = self._attempt(partial(draw, self.parts.drawing))
            if shown is not None:
                pictures[picture] = shown
        return pictures

    def _report(self, frame: PublishedFrame, snapshot: Snapshot, started_s: float, beat: BeatFeatures) -> None:
        parts = self.parts
        published_s = parts.stopwatch.now_s()
        parts.dispatcher.frame_drawn(snapshot.version)
        parts.dispatcher.feedback.offer_features(frame.features, beat)
        parts.times.add(
            work_s=published_s - started_s,
            draw_s=self._draw_s,
            published_s=published_s,
            is_late=frame.index > 0 and self.schedule.is_late(parts.clock.now_s()),  # frame 0 had no due time
        )
        parts.leaving.cost.add(
            work_s=published_s - started_s, draw_s=self._draw_s, looks=2 if parts.leaving.values is not None else 1
        )
        parts.times.dropped = self.schedule.dropped
        parts.gate.late_frames = parts.times.late + parts.times.dropped


def picture_of(
    values: Mapping[str, object],
    features: AudioFeatures,
    waves: np.ndarray,
    scene: Scene,
    region: RegionMap | None,
    tick: FrameId,
) -> PictureInput:
    """The renderer's input for a look with these values. `waves`: those of this look."""
    layer5 = scene.layer5(values)
    return PictureInput(
        look=Look.from_values(values),
        waves=waves,
        features=features.channels,
        layer5=layer5.picture if layer5 else None,
        shows_generator=values["/layer/5/source"] == "generator",
        layer5_before=layer5.before if layer5 else None,
        layer5_mix=layer5.share if layer5 else 1.0,
        matte=scene.matte(values),
        region=region,
        time_s=tick.time_s,
        fitted_px=scene.fitted_px,
    )


def to_ns(seconds: float) -> int:
    return round(seconds * 1e9)


def offer(tap: PreviewTap, shown: PublishedFrame | ShownPicture) -> None:
    tap.offer(shown.read_rgba())
