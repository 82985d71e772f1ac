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
from typing import TypeVar

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
from engine.params.crossfade import PictureFade
from engine.render.isf.isf_file import ShaderSlot
from engine.render.picture import PictureInput
from engine.sinks.sink import OutputFormat, PictureName
from engine.sinks.sink_set import SinkSet
from engine.sources.beat_loop import BeatLoop
from engine.sources.current import CurrentSource
from engine.sources.senders import SenderLists
from engine.sources.source import Polled
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard
from engine.system.schedule import Schedule, exact_rate
from engine.system.standstill import FrameMark
from engine.system.telemetry import FrameTimes, Warnings
from engine.values import AudioFeatures, FrameId, LazyPicture, PublishedFrame, VideoFrame
from engine.web.preview import PreviewTap

log = logging.getLogger(__name__)

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
        looks = self.drawing.looks
        models = self.parts.models.running
        stopwatch = self.timing.stopwatch
        frame_id = self._wait_until_due()
        self.timing.mark.begin(started_s := stopwatch.now_s())
        self._begin_frame(frame_id)
        # All values of this frame; while one look dissolves into another, also the fade between
        # them.
        snapshot, fade = self.control_hub.crossfade.snapshot()
        self._follow_settings(snapshot)
        self._glide_looks(snapshot, fade, frame_id)
        features = self._analyse_sound(frame_id)
        beat = self._follow_beat(features, frame_id)
        looks.modulate(
            features,
            time_s=frame_id.time_s,
            beat=beat,
            breath=self.control_hub.autopilot.policy.breath,
        )
        values = looks.current.values
        for model in models:
            self._attempt(partial(model.follow, snapshot, values, looks.current.modulation.moved))
        camera = self._camera_picture(frame_id)
        loop_beats = int(snapshot.number("/camera/loop"))
        looped = self._attempt(partial(self._camera_loop.step, camera, loop_beats, beat))
        scene = Scene(camera=looped or camera)  # live if the loop fails
        self._attempt(partial(self.parts.screens.show_first, scene, snapshot, frame_id))
        for model in models:
            self._attempt(partial(model.show, scene, values, stopwatch.now_s()))
        shaders = self._attempt(partial(self._shaders, snapshot, beat)) or ()
        picture = self.drawing.picture(
            snapshot, features, scene, frame_id, beat=beat, shaders=shaders
        )
        with self._gate_closed(frame_id):
            self._draw(picture)
            frame_beat = replace(features.beat, beat=beat, bpm=self.control_hub.tempo.bpm)
            frame = self._publish(frame_id, replace(features, beat=frame_beat), scene)
        self._attempt(self.drawing.sources.begin)
        self._attempt(self.control_hub.stills.step)
        self._attempt(
            partial(
                self.drawing.graphics.contours.follow,
                values,
                self.drawing.renderer,
                frame_id,
                scene.camera,
            )
        )
        for (
            model
        ) in models:  # the frame is already published, so an error while feeding cannot lose it
            self._attempt(partial(model.feed, frame, scene, stopwatch.now_s()))
        self._end_frame(frame, snapshot, started_s)
        next_due_s = self._due_s(frame_id) + self.schedule.period_s
        self._attempt(
            partial(self.parts.screens.publish_second, frame, snapshot, scene, features, next_due_s)
        )
        return frame

    def _attempt(self, action: Callable[[], Result]) -> Result | None:
        """Return the result of `action`, or None after an error, which is logged and reported: one
        failed frame or command must not end the show. Offline errors are raised, so that no frame
        is missing in a file."""
        return action() if self.outputs.output_format.is_offline else self._guard.attempt(action)

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

    def _begin_frame(self, frame_id: FrameId) -> None:
        """Run queued commands, then everything that changes values by itself: timecode, cues,
        fades, shaders."""
        hub = self.control_hub
        self._attempt(
            hub.dispatcher.tick
        )  # before the commands: a /sync that waits for them counts frames from here
        for _ in range(
            len(self._posted)
        ):  # actions posted by these actions wait for the next frame
            self._attempt(self._posted.popleft())
        now_s = self._due_s(
            frame_id
        )  # in this order: what is due on the beat of this frame starts its fade in it
        for part in (hub.timecode, hub.tempo):
            self._attempt(partial(part.step, now_s))
        self._attempt(hub.dispatcher.launch)
        presets = hub.preset_control
        for then in (
            hub.cues,
            hub.banks,
            presets.mixer,
            hub.macros,
            hub.crossfade,
            presets.history,
        ):
            self._attempt(partial(then.step, now_s))
        self._attempt(hub.shaders.before_frame)
        hub.dispatcher.latency.begin_frame()

    def _follow_settings(self, snapshot: Snapshot) -> None:
        """Start and stop sinks, and apply a new size or frame rate; the old size again if the
        renderer refuses it."""
        self._attempt(lambda: self.control_hub.show.follow(snapshot))
        width = snapshot["/engine/width"]
        height = snapshot["/engine/height"]
        fps = snapshot["/engine/fps"]
        assert isinstance(width, int) and isinstance(height, int) and isinstance(fps, float)
        try:
            self.set_format(width, height, fps)
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

    def _glide_looks(self, snapshot: Snapshot, fade: PictureFade | None, frame_id: FrameId) -> None:
        """Advance the gliding values of both looks, with bypassed shaders switched off."""
        looks = self.drawing.looks
        step_s = min(max(frame_id.time_s - self._previous_s, 0.0), MAX_STEP_S)
        self._previous_s = frame_id.time_s
        period_s = None if self.outputs.output_format.is_offline else self.schedule.period_s
        crossfade = self.control_hub.crossfade
        effective = crossfade.bypass.apply(snapshot)
        looks.follow(
            fade, effective, period_s=period_s, late=self.timing.times.late, crossfade=crossfade
        )
        self._attempt(
            partial(self.control_hub.shader_player.follow, snapshot, looks.current.slew.jump_to)
        )
        looks.glide(effective, step_s)

    def _analyse_sound(self, frame_id: FrameId) -> AudioFeatures:
        audio = self.inputs.audio
        output_format = self.outputs.output_format
        audio.settings = self.drawing.looks.audio_settings(output_format.width)
        if output_format.is_offline:
            # Until the end of the frame: the sound that plays while the picture is on screen.
            return audio.advance_to(frame_id.time_s + self.schedule.period_s)
        return audio.latest_features()

    def _follow_beat(self, features: AudioFeatures, frame_id: FrameId) -> float:
        """Update the tempo from the beat of the sound, at the time it sounded. Returns the beat of
        this frame."""
        detected = features.beat
        at_s = features.end_s
        tempo = self.control_hub.tempo
        if at_s is not None:
            tempo.follow(
                "beat",
                beat=detected.beat,
                bpm=detected.bpm,
                at_s=at_s,
                confidence=detected.confidence,
            )
        self._attempt(
            partial(self.control_hub.autopilot.follow, detected, at_s, self._due_s(frame_id))
        )
        return tempo.beat_at(self._due_s(frame_id))

    def _camera_picture(self, frame_id: FrameId) -> VideoFrame | None:
        """Return the newest camera picture; offline the one at the time of this frame."""
        for polled in self.inputs.polled:
            self._attempt(polled.poll)
        if self.outputs.output_format.is_offline:
            return self.inputs.camera.frame_at(frame_id.time_s)
        self.inputs.senders.poll()
        return self._attempt(self.inputs.camera.latest_frame)

    def _shaders(self, snapshot: Snapshot, beat: float) -> tuple[ShaderSlot, ...]:
        looks = self.drawing.looks
        hub = self.control_hub
        look = looks.current
        clock = (beat, hub.tempo.bpm)
        moved = look.modulation.moved
        player = hub.shader_player
        return player.shaders(
            look.values, snapshot, moved, looks.fade, looks.outgoing_values, clock
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
        self._attempt(lambda: shaders.after_frame(drawing.renderer.shader_state, period_s, draw_s))

    def _publish(self, frame_id: FrameId, features: AudioFeatures, scene: Scene) -> PublishedFrame:
        outputs = self.outputs
        renderer = self.drawing.renderer
        source = self.inputs.audio
        if not (
            self._has_published or outputs.output_format.is_offline
        ):  # skip sound from before the first frame
            self._next_sample = max(
                0, features.end_sample - round(source.sample_rate_hz / outputs.output_format.fps)
            )
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
            values=self.drawing.looks.current.values,
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
                self._attempt(partial(offer, tap, read_rgba))
        return frame

    def _extra_pictures(self, scene: Scene) -> dict[PictureName, LazyPicture]:
        """Return the extra pictures; each is drawn only if a sink or a viewer reads it."""
        pictures: dict[PictureName, LazyPicture] = {}
        for picture, draw in scene.extra_pictures.items():
            extra_picture = self._attempt(partial(draw, self.drawing.renderer))
            if extra_picture is not None:
                pictures[picture] = extra_picture
        return pictures

    def _end_frame(self, frame: PublishedFrame, snapshot: Snapshot, started_s: float) -> None:
        """Notify clients of the drawn frame, record its times, and drop an outgoing look that takes
        too long."""
        timing = self.timing
        dispatcher = self.control_hub.dispatcher
        looks = self.drawing.looks
        published_s = timing.stopwatch.now_s()
        work_s = published_s - started_s
        dispatcher.frame_drawn(snapshot.version)
        dispatcher.feedback.publish_features(frame.features, frame.beat)
        timing.times.add(
            work_s=work_s,
            draw_s=self._draw_s,
            published_s=published_s,
            is_late=frame.index > 0
            and self.schedule.is_late(timing.clock.now_s()),  # frame 0 had no due time
        )
        looks.cost.add(work_s=work_s, draw_s=self._draw_s, looks=looks.count)
        if self.control_hub.shader_player.holds_up_fade:
            looks.freeze_outgoing()
        timing.times.dropped = self.schedule.dropped
        timing.gate.late_frames = timing.times.late + timing.times.dropped


def to_ns(seconds: float) -> int:
    return round(seconds * 1e9)


def offer(tap: PreviewTap, read_rgba: Callable[[], np.ndarray]) -> None:
    tap.offer(read_rgba())
