"""Decides which shader takes too long, and how small it is drawn. Pure but for what it counts.

    test ─► first_quality ─► full form ─► half ─► quarter ─► bypassed

A step is taken whenever the last frames took too long.

A shader has smaller forms if it has the input `quality`: the engine multiplies it by a factor.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from engine.control.commands.shader_slots import PlayingShader
from engine.render.isf.isf_file import IsfFile
from osc_schema import fx

MAX_FRAME_FRACTION: Final = (
    0.5  # of a frame's time, for one shader; two of them leave nothing for the picture
)
MAX_PICTURE_FRACTION: Final = (
    0.75  # of a frame's time, for the whole picture: beyond it, many are late
)
MIN_GAIN_FRACTION: Final = (
    0.2  # of a frame's time: the smaller form of a quicker shader gains too little
)
MAX_SLOW_FRAMES: Final = 15  # a quarter of a second at 60 fps: one slow frame may be the system's
MAX_DELAY_MS: Final = 500.0
UNMEASURED_FRAMES: Final = 5  # at the start a driver still compiles
QUALITIES: Final = (1.0, 0.5, 0.25)
"""Factors of the input `quality`, from a shader's full form to its smallest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowShader:
    """A shader that takes too long."""

    slot: str
    draw_ms: float
    quality: float | None
    """Factor of its smaller form, which is drawn from now on; None if it has none: it must be
    bypassed."""


def has_quality(file: IsfFile) -> bool:
    """True if a shader has smaller forms. Pure."""
    return any(each.name == fx.QUALITY and each.type == "float" for each in file.inputs)


def first_quality(file: IsfFile, draw_ms: float, period_ms: float) -> float:
    """The largest factor of `quality` at which a shader should fit in a frame. Pure.

    draw_ms: Time of its full form as tested. A factor is expected to save at least in
    proportion."""
    if not has_quality(file):
        return 1.0
    return next(
        (each for each in QUALITIES if draw_ms * each <= MAX_FRAME_FRACTION * period_ms),
        QUALITIES[-1],
    )


class SlowShaders:
    """Counts slow frames. Render thread; `limit`, `quality_of` and `line_of` any thread.

    One slow frame may be the system's, so there must be several in a row: fifteen, or fewer if
    together they have delayed the picture for half a second."""

    def __init__(self) -> None:
        self._frames: dict[str, int] = {}
        self._slow_ms: dict[str, list[float]] = {}
        self._full_frames = 0.0
        self._qualities: dict[str, float] = {}
        """By the shader's key; 1 for one that is missing."""
        self._costs: dict[str, str] = {}

    def quality_of(self, shader: PlayingShader) -> float:
        return self._qualities.get(shader.key, 1.0)

    def line_of(self, shader: PlayingShader) -> str:
        """The line on the smaller form in which a shader is drawn; "" for its full form."""
        quality = self.quality_of(shader)
        return (
            f"drawn at quality {quality:g}: {self._costs.get(shader.key, '')}"
            if quality < 1.0
            else ""
        )

    def limit(
        self, shader: PlayingShader, quality: float, draw_ms: float, period_ms: float
    ) -> None:
        """Draw a shader at this factor at most, as its full form takes so much of a frame; one that
        has been too slow since it was switched on keeps its smaller form."""
        if quality < self.quality_of(shader):
            self._choose(shader, quality, draw_ms, period_ms)

    def _choose(
        self, shader: PlayingShader, quality: float, draw_ms: float, period_ms: float
    ) -> None:
        self._costs[shader.key] = f"took {draw_ms:.0f} ms of the {period_ms:.0f} ms of a frame"
        self._qualities[shader.key] = quality

    def begin(self, slot: str) -> None:
        """Reset the counts of a slot: another shader plays in it, or it is tried again."""
        self._frames[slot] = 0
        self._slow_ms[slot] = []

    def begin_anew(self, slot: str, shader: PlayingShader | None) -> None:
        """Like `begin`, and draw the shader in its full form: it has been switched on again."""
        self.begin(slot)
        if shader is not None:
            self._qualities.pop(shader.key, None)

    def count(
        self, draw_ms: Mapping[str, float], period_ms: float, over: Collection[str] = ()
    ) -> list[str]:
        """Count a frame of these slots; returns those that are too slow, or in `over`; their counts
        begin again."""
        slow = [
            slot
            for slot, ms in draw_ms.items()
            if self._is_slow(slot, ms, period_ms) or slot in over
        ]
        for slot in slow:
            self.begin(slot)
        return slow

    def _is_slow(self, slot: str, draw_ms: float, period_ms: float) -> bool:
        self._frames[slot] = self._frames.get(slot, 0) + 1
        is_measured = self._frames[slot] > UNMEASURED_FRAMES or draw_ms > MAX_DELAY_MS
        slow_ms = self._slow_ms.setdefault(slot, [])
        if not (is_measured and draw_ms > MAX_FRAME_FRACTION * period_ms):
            slow_ms.clear()
            return False
        slow_ms.append(draw_ms)
        return len(slow_ms) >= MAX_SLOW_FRAMES or (len(slow_ms) > 1 and sum(slow_ms) > MAX_DELAY_MS)

    def count_picture(
        self,
        picture_ms: float,
        period_ms: float,
        draw_ms: Mapping[str, float],
        now: Mapping[str, PlayingShader],
    ) -> list[SlowShader]:
        """Count a frame's whole picture. If more than a third of them lately have taken most of
        their frames, the slowest shader that has a smaller form, and would gain by it, is drawn in
        that one."""
        change = 1.0 if picture_ms > MAX_PICTURE_FRACTION * period_ms else -0.5
        self._full_frames = max(0.0, self._full_frames + change)
        if self._full_frames < MAX_SLOW_FRAMES:
            return []
        self._full_frames = 0.0
        for slot in sorted(draw_ms, key=lambda slot: -draw_ms[slot]):
            gains = draw_ms[slot] > MIN_GAIN_FRACTION * period_ms
            if gains and (quality := self.smaller(now[slot], draw_ms[slot], period_ms)) is not None:
                return [SlowShader(slot=slot, draw_ms=draw_ms[slot], quality=quality)]
        return []

    def smaller(self, shader: PlayingShader, draw_ms: float, period_ms: float) -> float | None:
        """Choose the next smaller form of a shader that takes so much of a frame; None if there is
        none."""
        quality = self.quality_of(shader)
        if not has_quality(shader.file) or quality == QUALITIES[-1]:
            return None
        smaller = next(each for each in QUALITIES if each < quality)
        self._choose(shader, smaller, draw_ms, period_ms)
        return smaller
