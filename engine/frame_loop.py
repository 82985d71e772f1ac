"""READ SECOND: one frame as a short sequence of named calls, listed in `draw_frame`.

The loop owns its thread (on macOS that must be the main thread), the GL context and the sinks.
Nothing it calls waits for a child, a socket or a disk; other threads reach it through `post` and
the parameter store.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import ParamSpec, TypeVar

import numpy as np

from engine.audio.input import AudioInput
from engine.control.commands.control_hub import ControlHub
from engine.control.commands.control_inputs import ControlInputs
from engine.errors import RenderError
from engine.ipc import Gate
from engine.live.kit.drawing import Drawing
from engine.live.kit.opening import LiveModels
from engine.live.kit.scene import Scene
from engine.outputs import Outputs
from engine.params import Snapshot
from engine.params.crossfade import LookEvent
from engine.render.picture import PictureInput
from engine.sinks.sink import OutputFormat, PictureName
from engine.sinks.sink_set import SinkSet
from engine.sources.beat_loop import BeatLoop
from engine.sources.current import CurrentSource
from engine.sources.senders import SenderLists
from engine.sources.source import Polled
from engine.system.clock import Clock
from engine.system.frame_budget import FrameBudget
from engine.system.guarded_thread import Guard
from engine.system.schedule import Schedule, exact_rate
from engine.system.standstill import FrameMark
from engine.system.telemetry import FrameTimes, Warnings
from engine.values import AudioFeatures, FrameId, LazyPicture, PublishedFrame, VideoFrame
from engine.web.preview import PreviewTap

log = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

MAX_STEP_S = (
    0.25  # after a hiccup, smoothed values move as if at least 4 frames per second had been drawn
)
ROUNDING_S = (
    1e-6  # due times are sums of periods: 90 frames at 30 fps end up to a rounding error before 3 s
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimingParts:
    """The clocks and counters of the frame loop."""

    clock: Clock
    """Clock of the due times; offline it advances one frame at a time."""
    stopwatch: Clock
    """Real time, for measurements."""
    times: FrameTimes
    budget: FrameBudget
    """The time of a frame, asked before something is drawn beside the picture."""
    mark: FrameMark
    """The frame in progress, for the watchdog."""
    gate: Gate
    """Signals to the child processes that a picture is being drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputParts:
    """The inputs of a frame: sound, camera and pictures of other programs."""

    audio: AudioInput
    camera: CurrentSource
    """The camera of layer 5; also one of `polled`."""
    senders: SenderLists
    """Lists of the pictures that other programs offer."""
    polled: tuple[Polled, ...]
    """Sources that must be polled on the render thread."""


@dataclass(slots=True, kw_only=True)
class OutputParts:
    """The outputs of a frame: sinks and page previews."""

    output_format: OutputFormat
    """Size and frame rate of all outputs; replaced when they change."""
    sinks: SinkSet
    previews: Mapping[str, PreviewTap]
    """By picture: `main`, `behind` (main without a blackout) and the extra pictures of this run,
    for the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineParts:
    """All parts of the engine that the frame loop uses."""

    timing: TimingParts
    control_hub: ControlHub
    """The values, commands, cues and tempo that performers set."""
    control_inputs: ControlInputs
    inputs: InputParts
    models: LiveModels
    """Each frame they `follow` the values (sent to the child), `show` their newest results (before
    the picture is drawn) and `feed` the child (after it is published)."""
    drawing: Drawing
    outputs: OutputParts
    screens: Outputs
    warnings: Warnings


class FrameLoop:
    """Draws and publishes frames on the render thread."""

    def __init__(self, parts: EngineParts) -> None:
        self.parts = parts
        self.timing = parts.timing
        self.control_hub = parts.control_hub
        self.inputs = parts.inputs
        self.drawing = parts.drawing
        self.outputs = parts.outputs
        self.schedule = Schedule(self.outputs.output_format.fps)
        self._camera_loop = BeatLoop(parts.warnings.report)
        self._posted: deque[Callable[[], None]] = deque()
        self._stop = threading.Event()
        self._index = 0
        self._next_sample = 0
        self._first_due_s: float | None = None
        self._previous_s = 0.0
        self._frame_end_s = 0.0
        self._draw_s = 0.0
        self._guard = Guard(log, parts.warnings.report, "frame", "a frame or a command failed")
        self._has_published = False
        self._lead_s = 0.0  # from the due time of a frame until it is drawn
        self.timing.gate.period_ns = to_ns(self.schedule.period_s)

    def post(self, action: Callable[[], None]) -> None:
        """Run `action` on the render thread before its next frame. Any thread."""
        self._posted.append(action)

    def stop(self) -> None:
        """End after the current frame. Call it on any thread or in a signal handler."""
        self._stop.set()

    @property
    def is_stopping(self) -> bool:
        return self._stop.is_set()

    def frames(
        self, *, count: int | None = None, seconds: float | None = None
    ) -> Iterator[PublishedFrame]:
        """Yield frames as they are published: `count` of them, or for `seconds` of the loop's time,
        or until `stop`."""
        published = 0
        end_s = None
        while not self._stop.is_set():
            if count is not None and published >= count:
                return
            if end_s is not None and self._frame_end_s >= end_s - ROUNDING_S:
                return
            frame = self._attempt(self.draw_frame)
            self.timing.mark.end(
                is_published=frame is not None and not self.outputs.output_format.is_offline
            )
            if seconds is not None and end_s is None:
                end_s = self._frame_end_s - self.schedule.period_s + seconds
            if frame is not None:
                published += 1
                yield frame

    def draw_frame(self) -> PublishedFrame:
        """Wait for the next due time, then draw and publish one picture."""
        frame_id = self._wait_until_due()
        started_s = self._begin_frame(frame_id)
        self._run_commands(frame_id)
        moves_old = self.drawing.decks.outgoing is not None
        snapshot, event = self.control_hub.crossfade.take_event(moves_old=moves_old)
        self._follow_settings(snapshot)
        self._glide_decks(snapshot, event, frame_id)
        analysed = self._analyse_sound(frame_id)
        features = self._follow_beat(analysed, frame_id)
        self._modulate_decks(features, frame_id)
        self._tell_models(snapshot)
        scene = self._open_scene(snapshot, features, frame_id)
        self._show_models(scene)
        picture = self._picture_input(snapshot, event, features, scene, frame_id)
        with self._gate_closed(frame_id):
            self._draw(picture)
            frame = self._publish(frame_id, features, scene)
        self._prepare_next(scene, frame_id)
        self._feed_models(frame, scene)
        self._end_frame(frame, snapshot, started_s)
        self._publish_second(frame, snapshot, scene, features)
        return frame

    def _attempt(
        self,
        action: Callable[Arguments, Result],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result | None:
        """Return the result of `action`, or None after an error, which is logged and reported: one
        failed frame or command must not end the show. Offline errors are raised, so that no frame
        is missing in a file."""
        if self.outputs.output_format.is_offline:
            return action(*arguments, **named)
        return self._guard.attempt(partial(action, *arguments, **named))

    def _wait_until_due(self) -> FrameId:
        clock = self.timing.clock
        due_s = self.schedule.next_due_s(clock.now_s())
        clock.sleep_until(due_s)
        if self._first_due_s is None:
            self._first_due_s = due_s
        frame_id = FrameId(index=self._index, time_s=due_s - self._first_due_s)
        self._index += 1
        self._frame_end_s = frame_id.time_s + self.schedule.period_s
        return frame_id

    def _due_s(self, frame_id: FrameId) -> float:
        """The frame's due time on the clock that also times taps and MIDI ticks."""
        assert self._first_due_s is not None
        return self._first_due_s + frame_id.time_s

    def _begin_frame(self, frame_id: FrameId) -> float:
        """Tell the watchdog and the budget that a frame has begun; returns the time of the
        stopwatch."""
        timing = self.timing
        started_s = timing.stopwatch.now_s()
        timing.mark.begin(started_s)
        is_offline = self.outputs.output_format.is_offline
        timing.budget.begin_frame(
            period_s=None if is_offline else self.schedule.period_s,
            late=timing.times.late,
            next_due_s=self._due_s(frame_id) + self.schedule.period_s,
        )
        return started_s

    def _run_commands(self, frame_id: FrameId) -> None:
        """Run queued commands, then everything that changes values by itself: timecode, cues,
        fades, shaders."""
        hub = self.control_hub
        # Before the commands: a /sync that waits for them counts frames from here.
        self._attempt(hub.dispatcher.tick)
        # Actions posted by these actions wait for the next frame.
        for _ in range(len(self._posted)):
            self._attempt(self._posted.popleft())
        # In this order: what is due on the beat of this frame starts its fade in it.
        now_s = self._due_s(frame_id)
        for clock in (hub.timecode, hub.tempo):
            self._attempt(clock.step, now_s)
        self._attempt(hub.dispatcher.launch)
        presets = hub.preset_control
        movers = (hub.cues, hub.banks, presets.mixer, hub.macros, hub.crossfade, presets.history)
        for mover in movers:
            self._attempt(mover.step, now_s)
        self._attempt(hub.shaders.before_frame)
        hub.dispatcher.latency.begin_frame()

    def _follow_settings(self, snapshot: Snapshot) -> None:
        """Start and stop sinks, and apply a new size or frame rate; the old size again if the
        renderer refuses it."""
        self._attempt(self.control_hub.show.follow, snapshot)
        width = int(snapshot.number("/engine/width"))
        height = int(snapshot.number("/engine/height"))
        try:
            self.set_format(width, height, snapshot.number("/engine/fps"))
        except RenderError as error:
            old = self.outputs.output_format
            self.parts.warnings.report("size", f"/engine/size {width} {height}: {error}")
            self.control_hub.store.set_many(
                [("/engine/width", old.width), ("/engine/height", old.height)], by="engine"
            )

    def set_format(self, width: int, height: int, fps: float | None = None) -> None:
        """Change size and frame rate. RenderError if the renderer refuses the size; then nothing
        changes."""
        old = self.outputs.output_format
        fps = float(exact_rate(fps)) if fps else old.fps
        if (width, height, fps) == (old.width, old.height, old.fps):
            return
        if (width, height) != (old.width, old.height):
            self.drawing.renderer.resize(width, height)
        self.schedule.set_fps(fps)
        self.timing.gate.period_ns = to_ns(self.schedule.period_s)
        self.outputs.output_format = old.with_format(width, height, fps)
        self.outputs.sinks.restart_all(self.outputs.output_format)

    def _glide_decks(self, snapshot: Snapshot, event: LookEvent, frame_id: FrameId) -> None:
        """Advance the gliding values of all decks, with bypassed shaders switched off."""
        decks = self.drawing.decks
        hub = self.control_hub
        step_s = min(max(frame_id.time_s - self._previous_s, 0.0), MAX_STEP_S)
        self._previous_s = frame_id.time_s
        effective = hub.crossfade.bypass.apply(snapshot)
        decks.follow(event, effective)
        jump = decks.on_air.slew.jump_to
        self._attempt(hub.shader_player.follow, event, snapshot, jump, frame_id.time_s)
        decks.glide(effective, step_s)

    def _analyse_sound(self, frame_id: FrameId) -> AudioFeatures:
        audio = self.inputs.audio
        output_format = self.outputs.output_format
        audio.settings = self.drawing.decks.audio_settings(output_format.width)
        if output_format.is_offline:
            # Until the end of the frame: the sound that plays while the picture is on screen.
            return audio.advance_to(frame_id.time_s + self.schedule.period_s)
        return audio.latest_features()

    def _follow_beat(self, analysed: AudioFeatures, frame_id: FrameId) -> AudioFeatures:
        """Update the tempo from the beat of the sound, at the time it sounded. Returns the features
        with the beat of this frame."""
        detected = analysed.beat
        at_s = analysed.end_s
        now_s = self._due_s(frame_id)
        tempo = self.control_hub.tempo
        if at_s is not None:
            tempo.follow(
                "beat",
                beat=detected.beat,
                bpm=detected.bpm,
                at_s=at_s,
                confidence=detected.confidence,
            )
        self._attempt(self.control_hub.autopilot.follow, detected, at_s, now_s)
        return replace(analysed, beat=replace(detected, beat=tempo.beat_at(now_s), bpm=tempo.bpm))

    def _modulate_decks(self, features: AudioFeatures, frame_id: FrameId) -> None:
        self.drawing.decks.modulate(
            features,
            time_s=frame_id.time_s,
            beat=features.beat.beat,
            breath=self.control_hub.autopilot.policy.breath,
        )

    def _tell_models(self, snapshot: Snapshot) -> None:
        on_air = self.drawing.decks.on_air
        for model in self.parts.models.running:
            self._attempt(model.follow, snapshot, on_air.values, on_air.modulation.moved)

    def _open_scene(self, snapshot: Snapshot, features: AudioFeatures, frame_id: FrameId) -> Scene:
        """The scene of this frame, with the camera's picture and the first output."""
        camera = self._camera_picture(frame_id)
        loop_beats = int(snapshot.number("/camera/loop"))
        looped = self._attempt(self._camera_loop.step, camera, loop_beats, features.beat.beat)
        scene = Scene(camera=looped or camera)  # live if the loop fails
        self._attempt(self.parts.screens.show_first, scene, snapshot, frame_id)
        return scene

    def _camera_picture(self, frame_id: FrameId) -> VideoFrame | None:
        """Return the newest camera picture; offline the one at the time of this frame."""
        for polled in self.inputs.polled:
            self._attempt(polled.poll)
        if self.outputs.output_format.is_offline:
            return self.inputs.camera.frame_at(frame_id.time_s)
        self.inputs.senders.poll()
        return self._attempt(self.inputs.camera.latest_frame)

    def _show_models(self, scene: Scene) -> None:
        values = self.drawing.decks.on_air.values
        for model in self.parts.models.running:
            self._attempt(model.show, scene, values, self.timing.stopwatch.now_s())

    def _picture_input(
        self,
        snapshot: Snapshot,
        event: LookEvent,
        features: AudioFeatures,
        scene: Scene,
        frame_id: FrameId,
    ) -> PictureInput:
        """All that the picture of this frame depends on; without shaders if choosing them fails."""
        decks = self.drawing.decks
        beat = features.beat.beat
        shaders = self._attempt(
            self.control_hub.shader_player.shaders,
            decks.on_air.values,
            snapshot,
            decks.on_air.modulation.moved,
            event.fade,
            None if decks.outgoing is None else decks.outgoing.values,
            (beat, features.beat.bpm),
        )
        return self.drawing.picture(
            snapshot, event.fade, features, scene, frame_id, beat=beat, shaders=shaders or ()
        )

    @contextmanager
    def _gate_closed(self, frame_id: FrameId) -> Iterator[None]:
        """Signal to the child processes that the picture uses the GPU now, and when it will use it
        next."""
        gate = self.timing.gate
        due_s = self._due_s(frame_id)
        now_s = self.timing.clock.now_s()
        before_s = self._lead_s
        self._lead_s = now_s - due_s
        gate.draw_begins(to_ns(now_s))
        try:
            yield
        finally:  # after one late draw the next one is expected in time
            gate.draw_ends(to_ns(due_s + self.schedule.period_s + min(before_s, self._lead_s)))

    def _draw(self, picture: PictureInput) -> None:
        stopwatch = self.timing.stopwatch
        osc = self.parts.control_inputs.osc
        drawing = self.drawing
        started_s = stopwatch.now_s()
        self.timing.mark.step = "drawing"
        if osc is not None:
            osc.pause_reading()
        try:
            drawing.renderer.draw(picture)
        finally:
            if osc is not None:
                osc.resume_reading()
        self._draw_s = stopwatch.now_s() - started_s
        self.timing.mark.step = "publishing"
        shaders = self.control_hub.shaders
        period_s = self.schedule.period_s
        draw_s = self._draw_s
        self._attempt(shaders.after_frame, drawing.renderer.shader_state, period_s, draw_s)

    def _publish(self, frame_id: FrameId, features: AudioFeatures, scene: Scene) -> PublishedFrame:
        outputs = self.outputs
        renderer = self.drawing.renderer
        source = self.inputs.audio
        is_first = not self._has_published
        if is_first and not outputs.output_format.is_offline:
            # Skip sound from before the first frame.
            frame_samples = round(source.sample_rate_hz / outputs.output_format.fps)
            self._next_sample = max(0, features.end_sample - frame_samples)
        audio = source.read_block(self._next_sample)
        self._has_published = True
        self._next_sample = audio.first_sample + len(audio.samples)
        frame = PublishedFrame(
            id=frame_id,
            width=outputs.output_format.width,
            height=outputs.output_format.height,
            texture=renderer.texture,
            read_rgba=renderer.reader(),
            read_rgba16=renderer.deep_reader(),
            read_fitted=renderer.fitted_reader(),
            audio=audio,
            features=features.channels,
            beat=features.beat,
            values=self.drawing.decks.on_air.values,
        )
        extra = self._extra_pictures(scene)
        outputs.sinks.publish(frame, extra)
        self.control_hub.dispatcher.latency.frame_published(self.timing.stopwatch.now_s())
        source.picture_left(features, self.timing.clock.now_s())
        outputs.sinks.pump()
        readers = {"main": frame.read_rgba, "behind": renderer.behind_reader()}
        readers |= {picture: extra_picture.read_rgba for picture, extra_picture in extra.items()}
        for picture, read_rgba in readers.items():
            tap = outputs.previews.get(picture)
            if tap and tap.wants_frame(self.timing.clock.now_s()):
                self._attempt(offer, tap, read_rgba)
        return frame

    def _extra_pictures(self, scene: Scene) -> dict[PictureName, LazyPicture]:
        """Return the extra pictures; each is drawn only if a sink or a viewer reads it."""
        pictures: dict[PictureName, LazyPicture] = {}
        for picture, draw in scene.extra_pictures.items():
            extra_picture = self._attempt(draw, self.drawing.renderer)
            if extra_picture is not None:
                pictures[picture] = extra_picture
        return pictures

    def _prepare_next(self, scene: Scene, frame_id: FrameId) -> None:
        """Begin what is computed beside the next frame: maps of layer 5's source, stills,
        contours."""
        drawing = self.drawing
        values = drawing.decks.on_air.values
        contours = drawing.graphics.contours
        self._attempt(drawing.sources.begin)
        self._attempt(self.control_hub.stills.step)
        self._attempt(contours.follow, values, drawing.renderer, frame_id, scene.camera)

    def _feed_models(self, frame: PublishedFrame, scene: Scene) -> None:
        """The frame is already published, so an error while feeding cannot lose it."""
        for model in self.parts.models.running:
            self._attempt(model.feed, frame, scene, self.timing.stopwatch.now_s())

    def _end_frame(self, frame: PublishedFrame, snapshot: Snapshot, started_s: float) -> None:
        """Notify clients of the drawn frame, record its times, and drop an outgoing look that takes
        too long."""
        timing = self.timing
        dispatcher = self.control_hub.dispatcher
        published_s = timing.stopwatch.now_s()
        work_s = published_s - started_s
        dispatcher.frame_drawn(snapshot.version)
        dispatcher.feedback.publish_features(frame.features, frame.beat)
        has_due_time = frame.index > 0
        timing.times.add(
            work_s=work_s,
            draw_s=self._draw_s,
            published_s=published_s,
            is_late=has_due_time and self.schedule.is_late(timing.clock.now_s()),
        )
        decks = self.drawing.decks
        looks = 1 if decks.beside is None else 2
        timing.budget.add_frame(work_s=work_s, draw_s=self._draw_s, looks=looks)
        if self.control_hub.shader_player.holds_up_fade:
            decks.freeze_outgoing()
        timing.times.dropped = self.schedule.dropped
        timing.gate.late_frames = timing.times.late + timing.times.dropped

    def _publish_second(
        self, frame: PublishedFrame, snapshot: Snapshot, scene: Scene, features: AudioFeatures
    ) -> None:
        self._attempt(self.parts.screens.publish_second, frame, snapshot, scene, features)


def to_ns(seconds: float) -> int:
    return round(seconds * 1e9)


def offer(tap: PreviewTap, read_rgba: Callable[[], np.ndarray]) -> None:
    tap.offer(read_rgba())
