"""The values passed between the parts of the engine. All are immutable; never write into their
arrays."""

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

Section = Literal["quiet", "build", "drop", "break"]
"""A section of a song, as `/beat/section` names it."""
Deinterlace = Literal["field", "frame"]
"""How interlaced video becomes pictures: one per field, or one per frame of two fields."""
CHANNELS = 4  # audio channels of the Multiverse, each with one layer
FINISHED = "multiverse"  # `source` of the finished picture
MAX_OBJECTS = 128  # of one segmentation
MAX_LIVE_OBJECTS = 16  # of one that a child process sends; part of the layout of its sheets
MIDDLE_C_HZ = 261.63  # its hue is 0, red
WAVE_POINTS = 1024  # points of a channel's displayed wave, oldest at index 0


class GlidingItem(str):
    """A menu item that is crossfading in: equal to the chosen item, with the weights of all items
    involved."""

    weights: tuple[tuple[str, float], ...]
    """Items and their weights, which add up to 1."""

    def __new__(cls, item: str, weights: tuple[tuple[str, float], ...]) -> "GlidingItem":
        gliding = super().__new__(cls, item)
        gliding.weights = weights
        return gliding


def item_weights(item: str) -> tuple[tuple[str, float], ...]:
    """Return the items of a crossfading menu with their weights; the item alone with weight 1
    otherwise."""
    return item.weights if isinstance(item, GlidingItem) else ((str(item), 1.0),)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpcomingValues:
    """Values, by address, that the parameters take in a later frame, on a beat."""

    key: Hashable
    """Identifies the change; the same in each frame until it is due."""
    values: Mapping[str, Any]
    is_due: bool = False
    """True in the frame in which the parameters take the values. A change that disappears instead
    was cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameId:
    """Number and due time of a frame."""

    index: int
    """Counts drawn frames from 0."""
    time_s: float
    """Due time on the loop's clock, seconds from the first frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFeatures:
    """Current features of one audio channel. Levels are linear, 1.0 = full scale; bands are RMS per
    band, linear."""

    rms: float = 0.0
    peak: float = 0.0
    pitch_hz: float = MIDDLE_C_HZ
    """Smoothed pitch; keeps its last value below -60 dBFS."""
    pitch_confidence: float = 0.0
    """Confidence of the pitch, 0..1: high for a tonal and steady sound; 0 below -60 dBFS."""
    hue: float | None = None
    """In turns, -1/2..1/2: the hue of the pitch, C is 0, gliding by `/colour/glide_ms`; None: use
    `pitch_hz`."""
    onset: float = 0.0
    """Strength of an onset in the newest hop, 0..1; 0 between onsets."""
    onset_count: int = 0
    """Onsets since the start, so that a reader slower than the analyser misses none."""
    low: float = 0.0
    mid: float = 0.0
    high: float = 0.0
    envelope: float = 0.0
    """Envelope follower, attack 5 ms, release `/audio/<n>/decay_ms`; linear."""
    gain_db: float = 0.0
    """Effective gain: set gain plus automatic gain."""


def dbfs(level: float) -> float:
    """A linear level in dBFS: 1.0 is 0, 0.5 is -6.02; at least -120."""
    return 20.0 * math.log10(max(level, 1e-6))


def silent_waves() -> np.ndarray:
    return np.zeros((CHANNELS, WAVE_POINTS), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatFeatures:
    """The beat and the drums detected in the sum of all source channels."""

    beat: float = 0.0
    """Beats at `AudioFeatures.end_sample`; whole numbers are beats. They are not numbered: the
    tempo decides where a bar begins. If the octave of the tempo changes, the count does too: 100 at
    128 is 50 at 64."""
    bpm: float = 120.0
    confidence: float = 0.0
    """0..1; 0 in silence and for sound without a rhythm."""
    kick_count: int = 0
    """Kick drum hits since the start, so that a slower reader misses none; likewise the others."""
    snare_count: int = 0
    hat_count: int = 0
    section: Section = "quiet"
    bar_age_s: float = math.inf
    """Seconds since the newest beat that surely began a bar: the first of a drop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFeatures:
    """Features and waves of all channels at one time."""

    channels: tuple[ChannelFeatures, ...]
    """Four, in layer order."""
    waves: np.ndarray = field(default_factory=silent_waves)
    """(4, 1024) float32 in [-1, 1], after gain; oldest at index 0."""
    outgoing_waves: np.ndarray | None = None
    """`waves` for the look that is fading out; None if none is."""
    outgoing_channels: tuple[ChannelFeatures, ...] | None = None
    """`channels` with the hues of the look that is fading out; None if none is."""
    beat: BeatFeatures = field(default_factory=BeatFeatures)
    end_sample: int = 0
    """Number of source samples analysed so far; the waves end here."""
    end_s: float | None = None
    """Time at which the last of them sounded, on the engine's clock; None before it is known."""

    def for_outgoing(self) -> "AudioFeatures":
        """These features for the look that is fading out."""
        waves = self.waves if self.outgoing_waves is None else self.outgoing_waves
        return replace(self, waves=waves, channels=self.outgoing_channels or self.channels)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimecodeReading:
    """A frame of timecode as received, from LTC, MTC or Art-Net."""

    hours: int
    minutes: int
    seconds: int
    frames: int
    at_s: float
    """Start of this frame (played backward: its end), in seconds of the engine's clock."""
    rate: str = ""
    """24, 25, 29.97df or 30; "" if the signal does not carry it."""
    frame_s: float = 0.0
    """Duration of a frame as measured; 0 if it was not."""
    lead_frames: float = 0.0
    """Frames that had passed at `at_s` since this frame began."""
    is_backward: bool = False
    is_still: bool = False
    """True for a locate: the timecode stands at this frame."""
    is_sampled: bool = False
    """True if samples of sound tell `at_s`; else messages do, which may come late."""
    source: str = ""
    """Who sent it, for a line, where several may send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioBlock:
    """Source samples as captured (before layout and gain)."""

    samples: np.ndarray
    """(frames, channels) float32 in [-1, 1]."""
    sample_rate_hz: int
    first_sample: int
    speakers: tuple[str, ...] = ()
    """Loudspeaker of each channel by FFmpeg's names (FL, FR, FC ...); () if the source names
    none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VideoFrame:
    """One picture of a camera, a video or a model."""

    pixels: np.ndarray
    """(height, width, 3) uint8 RGB, display values, row 0 at the top, C-contiguous."""
    index: int
    time_s: float
    source: str
    """The source's name as the user gave it; FINISHED for the engine's own picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundObject:
    """One detected object of a segmentation."""

    id: int
    """From 1. In track mode it stays the same across results; otherwise it is the object's rank."""
    prompt: int
    """Number of the prompt it was found for, from 1."""
    score: float
    """0..1."""
    box: tuple[float, float, float, float]
    """Centre x, centre y, width and height, 0..1 of the picture, from the top left."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segmentation:
    """The objects found in one picture."""

    objects: tuple[FoundObject, ...]
    """At most MAX_OBJECTS, best first. If two overlap, the first is in front."""
    masks: np.ndarray
    """(objects, side, side) uint8: 255 x probability, rounded, of the whole picture scaled to a
    square. Texel centres at (i + 1/2) / side. A pixel is inside the object if its bilinearly scaled
    value is above 127.5."""
    picture_px: tuple[int, int]
    """Width and height of the picture it was found in."""
    index: int
    """VideoFrame.index or FrameId.index of that picture, as the child received it."""
    time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TextureRef:
    """A GL texture whose memory row 0 is the TOP row of the picture (GL itself calls that row the
    bottom)."""

    glo: int
    width: int
    height: int
    target: int = 0x0DE1  # GL_TEXTURE_2D


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFrame:
    """One finished picture, handed to every sink on the render thread."""

    id: FrameId
    width: int
    height: int
    texture: TextureRef | None
    """None from the Numba renderer."""
    read_rgba: Callable[[], np.ndarray]
    """(height, width, 4) uint8, row 0 at the top; reads back once a frame and caches the result.
    Render thread only; the first call must come before the next frame is drawn, else RenderError.
    The array may be stored: its memory is not reused while it is referenced."""
    read_rgba16: Callable[[], np.ndarray] | None = None
    """The same as (height, width, 4) uint16, 65535 for white, and not dithered; made only for those
    that call it. None if there are no more than 8 bits."""
    read_fitted: Callable[[tuple[int, int]], np.ndarray] | None = None
    """`read_fitted((width, height))`: where a GPU draws, the middle of the picture scaled to this
    size on it, opaque, antialiased by a triangle when shrunk (fit.glsl); elsewhere all of it. None:
    use `read_rgba`."""
    audio: AudioBlock | None = None
    """Source samples since the previous published frame."""
    features: tuple[ChannelFeatures, ...] = ()
    beat: BeatFeatures = field(default_factory=BeatFeatures)
    """The beat of this frame, by the tempo's source."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """All parameters by address, as this frame shows them."""

    @property
    def index(self) -> int:
        return self.id.index

    @property
    def time_s(self) -> float:
        return self.id.time_s


@dataclass(frozen=True, slots=True, kw_only=True)
class LazyPicture:
    """An extra picture at its own size that is drawn only when one of its functions is called.

    Render thread only; the first call must come before the next frame is drawn, else RenderError.
    """

    width: int
    height: int
    draw_texture: Callable[[], TextureRef | None]
    """Opaque RGBA on the GPU, valid until the next frame is drawn; None if the CPU draws."""
    read_rgba: Callable[[], np.ndarray]
    """(height, width, 4) uint8, opaque, row 0 at the top. May be stored, like
    `PublishedFrame.read_rgba`."""
