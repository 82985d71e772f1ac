"""READ SECOND: one frame, as a handful of named calls in order.

The loop owns the thread it is run on (on macOS that must be the main thread), the GL context and the sinks. Nothing
it calls waits for a child, a socket or a disk; other threads reach it through `post` and the parameter store.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from engine.audio import AudioInput, AudioSettings
from engine.control import Dispatcher, OscServer
from engine.control.commands.cue import CueControl
from engine.control.commands.show import ShowControl
from engine.errors import RenderError
from engine.ipc import Gate
from engine.live.kit.fader import Fade
from engine.live.rvc.desk import VoiceDesk
from engine.live.rvc.link import VoiceLink
from engine.live.sam3.link import MasksView, SegmentationLink
from engine.live.sam3.outputs import MaskOutputs
from engine.live.sd.link import DiffusionLink, SdView
from engine.params import Crossfade, LeavingLook, Modulation, ParamStore, Slew, Snapshot, Tempo
from engine.render import Leaving, Look, PictureInput, RegionMap, RegionMapper
from engine.render.guarded_renderer import Drawing
from engine.sinks import Picture, SinkSet, Stage
from engine.sources import Polled
from engine.sources.current import CurrentSource
from engine.sources.senders import SenderLists
from engine.system.clock import Clock
from engine.system.schedule import Schedule, exact_rate
from engine.telemetry import FrameTimes, Warnings
from engine.values import AudioFeatures, FrameId, PublishedFrame, ShownPicture, VideoFrame
from engine.web import PreviewTap

log = logging.getLogger(__name__)

Result = TypeVar("Result")

MAX_STEP_S = 0.25  # after a hiccup a smoothed value moves as if at least 4 frames a second had been drawn
MAX_TRACEBACKS = 20  # of different faults; a log is read by a person
NO_SD = SdView(fade=None, is_on=False)
NO_MASKS = MasksView(found=None, picture=None)
ROUNDING_S = 1e-6  # due times are sums of periods: 90 frames at 30 fps last 3 s less a rounding


@dataclass(slots=True, kw_only=True)
class Parts:
    """Everything a frame needs. `stage` changes while running; the rest is fixed."""

    clock: Clock
    """What frames are due by; offline it stands still between them."""
    stopwatch: Clock
    """What frames are measured by; always real."""
    store: ParamStore
    slew: Slew
    modulation: Modulation
    tempo: Tempo
    crossfade: Crossfade
    leaving: LeavingLook
    cues: CueControl
    dispatcher: Dispatcher
    osc: OscServer | None
    show: ShowControl
    audio: AudioInput
    source: CurrentSource
    """What layer 5 shows; among `polled`, too."""
    senders: SenderLists
    polled: tuple[Polled, ...]
    """Sources that belong to the loop's thread."""
    sd: DiffusionLink | None
    sam3: SegmentationLink | None
    masks: MaskOutputs | None
    """Of SAM3."""
    rvc: VoiceLink | None
    voice: VoiceDesk | None
    """Where what `rvc` makes is mixed with the voice itself."""
    gate: Gate
    """Tells children when the picture is being drawn."""
    regions: RegionMapper
    drawing: Drawing
    sinks: SinkSet
    stage: Stage
    previews: Mapping[str, PreviewTap]
    """Where the page gets its pictures: `main`, and those beside it that there are."""
    warnings: Warnings
    times: FrameTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What there is to see at one frame besides the Multiverse itself."""

    camera: VideoFrame | None
    sd: SdView
    masks: MasksView


class FrameLoop:
    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.schedule = Schedule(parts.stage.fps)
        self._posted: deque[Callable[[], None]] = deque()
        self._stop = threading.Event()
        self._index = 0
        self._first_due_s: float | None = None
        self._previous_s = self._shown_until_s = 0.0
        self._known_faults: set[tuple] = set()
        self._has_published = False
        self._next_sample = 0
        self._draw_s = 0.0
        parts.gate.period_ns = round(self.schedule.period_s * 1e9)

    def post(self, action: Callable[[], None]) -> None:
        """Run `action` on the loop's thread before its next frame. Any thread."""
        self._posted.append(action)

    def stop(self) -> None:
        """End after the frame in hand. Any thread, and signal handlers."""
        self._stop.set()

    @property
    def is_stopping(self) -> bool:
        return self._stop.is_set()

    def frames(self, *, count: int | None = None, seconds: float | None = None) -> Iterator[PublishedFrame]:
        """Frames as they are published: `count` of them, or `seconds` of the loop's time, or until `stop`."""
        published, end_s = 0, None
        while not self._stop.is_set():
            if count is not None and published >= count:
                return
            if end_s is not None and self._shown_until_s >= end_s - ROUNDING_S:
                return
            frame = self._attempt(self.draw_frame)
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
        snapshot, values = self._read_parameters(tick)
        self._follow_stage(snapshot)
        features = self._listen(parts.modulation.again(values), parts.leaving.again(values), tick)
        beat = parts.tempo.beat_at(self._due_s(tick))
        values = parts.modulation.step(values, features, time_s=tick.time_s, beat=beat)
        parts.leaving.step(features, time_s=tick.time_s, beat=beat)
        for child in (parts.sd, parts.sam3, parts.rvc):
            if child is not None:
                self._attempt(partial(child.follow, snapshot, parts.modulation.moved))
        if parts.voice is not None:
            self._attempt(partial(parts.voice.follow, values))
        seen = self._watch(tick)
        region = self._map(values, seen, tick)
        self._draw(values, features, seen, region, tick)
        frame = self._publish(tick, features, seen, values)
        self._feed(frame, seen)  # it is out, whatever becomes of the children's next
        self._report(frame, snapshot, started_s)
        return frame

    def _attempt(self, action: Callable[[], Result]) -> Result | None:
        """The top of the engine's thread: one bad frame or command must not end the show. Offline it must."""
        try:
            return action()
        except Exception as error:
            if self.parts.stage.is_offline:
                raise
            fault = (type(error), *place_of(error))
            if fault not in self._known_faults and len(self._known_faults) < MAX_TRACEBACKS:
                self._known_faults.add(fault)
                log.exception("a frame or a command failed; the same again is only counted")
            self.parts.warnings.report("frame", f"a frame or a command failed: {type(error).__name__}: {error}")
            return None

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

    def _due_s(self, tick: FrameId) -> float:
        """The frame's due time on the clock that taps and MIDI ticks come by."""
        assert self._first_due_s is not None
        return self._first_due_s + tick.time_s

    def _read_parameters(self, tick: FrameId) -> tuple[Snapshot, Mapping[str, object]]:
        """The newest values (one immutable snapshot a frame) and the same smoothed."""
        parts = self.parts
        parts.dispatcher.tick()  # before the commands: whoever waits for them by /sync counts from here
        for _ in range(len(self._posted)):  # what an action posts itself waits for the next frame
            self._attempt(self._posted.popleft())
        for part in (parts.cues, parts.crossfade, parts.tempo):  # a cue that follows begins its fade
            self._attempt(partial(part.step, self._due_s(tick)))
        snapshot, fade = parts.crossfade.snapshot()
        self._attempt(lambda: parts.show.follow(snapshot))
        step_s = min(max(tick.time_s - self._previous_s, 0.0), MAX_STEP_S)
        self._previous_s = tick.time_s
        period_s = None if parts.stage.is_offline else self.schedule.period_s
        parts.leaving.follow(fade, snapshot, step_s=step_s, period_s=period_s, late=parts.times.late)
        return snapshot, parts.slew.step(snapshot, step_s)

    def _follow_stage(self, snapshot: Snapshot) -> None:
        """Take over a new size or frame rate; a size the renderer refuses is put back."""
        width, height, fps = snapshot["/engine/width"], snapshot["/engine/height"], snapshot["/engine/fps"]
        try:
            self.set_format(width, height, fps)
        except RenderError as error:
            stage = self.parts.stage
            self.parts.warnings.report("size", f"/engine/size {width} {height}: {error}")
            self.parts.store.set_many([("/engine/width", stage.width), ("/engine/height", stage.height)], by="engine")

    def set_format(self, width: int, height: int, fps: float | None = None) -> None:
        """Draw at this size and rate from now on. RenderError, and nothing changed, when the size is refused."""
        parts, stage = self.parts, self.parts.stage
        fps = float(exact_rate(fps)) if fps else stage.fps
        if (width, height, fps) == (stage.width, stage.height, stage.fps):
            return
        if (width, height) != (stage.width, stage.height):
            parts.drawing.resize(width, height)
        self.schedule.set_fps(fps)
        parts.gate.period_ns = round(self.schedule.period_s * 1e9)
        parts.stage = stage.with_format(width, height, fps)
        parts.sinks.restart_all(parts.stage)

    def _listen(
        self, values: Mapping[str, object], leaving: Mapping[str, object] | None, tick: FrameId
    ) -> AudioFeatures:
        audio, width = self.parts.audio, self.parts.stage.width
        settings = AudioSettings.from_values(values, width)
        if leaving is not None:
            settings = replace(settings, leaving=AudioSettings.from_values(leaving, width))
        audio.settings = settings
        if self.parts.stage.is_offline:
            # The picture belongs to the sound that is heard while it is shown.
            return audio.advance_to(tick.time_s + self.schedule.period_s)
        return audio.latest_features()

    def _watch(self, tick: FrameId) -> Seen:
        """The newest camera picture, and what there is of SD and of SAM3."""
        parts = self.parts
        for polled in parts.polled:
            self._attempt(polled.poll)
        if not parts.stage.is_offline:
            parts.senders.poll()
        video = parts.source.frame_at(tick.time_s) if parts.stage.is_offline else parts.source.latest_frame()
        sd, masks = NO_SD, NO_MASKS
        if parts.sd is not None:
            sd = self._attempt(partial(parts.sd.view, parts.stopwatch.now_s(), video)) or NO_SD
        if parts.sam3 is not None and parts.masks is not None:
            masks = self._attempt(parts.sam3.view) or NO_MASKS
            self._attempt(partial(parts.masks.tell, masks))
        return Seen(camera=video, sd=sd, masks=masks)

    def _map(self, values: Mapping[str, object], seen: Seen, tick: FrameId) -> RegionMap | None:
        """The newest region map of what is seen; offline this very frame's."""
        regions = self.parts.regions
        settings = MaskOutputs.region_settings(seen.masks, values)
        leaving = self.parts.leaving.values
        if not settings.is_enabled and leaving is not None:
            settings = MaskOutputs.region_settings(seen.masks, leaving)
        if not settings.is_enabled:
            return None
        mapped = seen.sd.fade.picture if seen.sd.is_on and seen.sd.fade is not None else seen.camera
        if self.parts.stage.is_offline:
            return regions.compute(mapped, settings, seen.masks.found)
        regions.submit(mapped, settings, seen.masks.found)
        return regions.latest()

    def _draw(
        self,
        values: Mapping[str, object],
        features: AudioFeatures,
        seen: Seen,
        region: RegionMap | None,
        tick: FrameId,
    ) -> None:
        picture = picture_of(values, features, features.waves, seen, region, tick)
        going = self.parts.leaving
        if going.fade is not None:
            waves = features.waves if features.leaving_waves is None else features.leaving_waves
            heard = replace(features, channels=features.leaving_channels or features.channels)
            before = None if going.values is None else picture_of(going.values, heard, waves, seen, region, tick)
            fade = going.fade
            leaving = Leaving(number=fade.number, mix=fade.share, picture=before, revealed=fade.revealed)
            picture = replace(picture, leaving=leaving)
        stopwatch = self.parts.stopwatch
        started_s = stopwatch.now_s()
        self.parts.gate.draw_begins(time.perf_counter_ns())
        if self.parts.osc is not None:
            self.parts.osc.draw_begins()
        try:
            self.parts.drawing.draw(picture)
        finally:
            if self.parts.osc is not None:
                self.parts.osc.draw_ends()
            self.parts.gate.draw_ends()
        self._draw_s = stopwatch.now_s() - started_s

    def _publish(
        self, tick: FrameId, features: AudioFeatures, seen: Seen, values: Mapping[str, object]
    ) -> PublishedFrame:
        parts = self.parts
        if not self._has_published and not parts.stage.is_offline:  # what was heard before is no part of the show
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
            audio=audio,
            features=features.channels,
        )
        beside = self._shown_beside(seen, values)
        parts.sinks.publish(frame, beside)
        parts.sinks.pump()
        for picture, shown in {"main": frame, **beside}.items():
            tap = parts.previews.get(picture)
            if tap is not None and tap.wants_frame(parts.clock.now_s()):
                self._attempt(partial(offer, tap, shown))
        return frame

    def _shown_beside(self, seen: Seen, values: Mapping[str, object]) -> dict[Picture, ShownPicture]:
        """The pictures beside the main one that this run has; they cost nothing until somebody asks for them."""
        parts = self.parts
        shown: dict[Picture, ShownPicture] = {}
        if parts.sd is not None:
            fade = seen.sd.fade or Fade(picture=None, before=None, share=1.0)
            shown["sd"] = parts.drawing.show(fade.picture, fade.before, fade.share, size_px=parts.sd.size_px)
        if parts.masks is not None:
            pictures = partial(parts.masks.pictures, seen.masks, values, parts.drawing)
            shown |= self._attempt(pictures) or {}
        return shown

    def _feed(self, frame: PublishedFrame, seen: Seen) -> None:
        """Hand each child what it wants to see, whatever becomes of the others."""
        parts, now_s = self.parts, self.parts.stopwatch.now_s()
        if parts.sd is not None:
            self._attempt(lambda: parts.sd.feed(frame.id, now_s, seen.camera, frame.read_rgba))
        if parts.sam3 is not None and parts.masks is not None:
            sd = seen.sd.fade.picture if seen.sd.fade is not None else None
            self._attempt(
                lambda: parts.sam3.feed(frame.id, now_s, camera=seen.camera, sd=sd, read_picture=frame.read_rgba)
            )
            self._attempt(lambda: parts.masks.steer(seen.masks, frame.id, now_s))

    def _report(self, frame: PublishedFrame, snapshot: Snapshot, started_s: float) -> None:
        parts = self.parts
        published_s = parts.stopwatch.now_s()
        parts.dispatcher.frame_drawn(snapshot.version)
        parts.dispatcher.feedback.offer_features(frame.features)
        parts.times.add(
            work_s=published_s - started_s,
            draw_s=self._draw_s,
            published_s=published_s,
            is_late=frame.index > 0 and self.schedule.is_late(parts.clock.now_s()),  # nobody waited for the first
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
    seen: Seen,
    region: RegionMap | None,
    tick: FrameId,
) -> PictureInput:
    """All that a look with these values needs to be drawn. `waves`: as it wants them."""
    layer5 = chosen_layer5(values["/layer/5/source"], seen.sd, seen.camera)
    layer5 = MaskOutputs.in_step(layer5, seen.masks, values)
    return PictureInput(
        look=Look.from_values(values),
        waves=waves,
        features=features.channels,
        layer5=layer5.picture if layer5 else None,
        layer5_before=layer5.before if layer5 else None,
        layer5_mix=layer5.share if layer5 else 1.0,
        matte=MaskOutputs.matte(seen.masks, values),
        region=region,
        time_s=tick.time_s,
    )


def chosen_layer5(source: object, sd: SdView, video: VideoFrame | None) -> Fade | None:
    """What layer 5 and simple mode show at this `/layer/5/source`."""
    if source == "sd" or (source != "camera" and sd.is_on):
        return sd.fade
    return Fade(picture=video, before=None, share=1.0) if video is not None else None


def offer(tap: PreviewTap, shown: PublishedFrame | ShownPicture) -> None:
    tap.offer(shown.read_rgba())


def place_of(error: Exception) -> tuple[str, int]:
    """File and line where it was raised, without reading the file."""
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno
