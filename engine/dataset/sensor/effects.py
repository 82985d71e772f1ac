"""The camera effects by name, their presets, and how `--camera-effects` is read. Presets are from
survey drones with sensors of 1" to 4/3" (20 megapixels, 60 to 120 m above ground). `mild`: good
light; `strong`: the worst usable."""

import math
from dataclasses import dataclass

from engine.dataset.scene.streams import Seed, stream
from engine.errors import UsageError
from engine.jobs.kit import Span, check_span, interpolate, option, parse_span

PRESETS = ("none", "mild", "strong")
OFF = "off"


@dataclass(frozen=True, slots=True)
class Effect:
    name: str
    unit: str
    low: float  # lowest value that is allowed
    high: float
    mild: Span
    strong: Span
    is_whole: bool = False  # True for whole numbers
    is_of_camera: bool = (
        False  # True for a property of the camera, which is the same in all views of a scene
    )


EFFECTS = {
    effect.name: effect
    for effect in (
        Effect(
            "distortion",
            "% at the corner, below 0: barrel",
            -10,
            10,
            (-1.2, 0.8),
            (-6, 3),
            is_of_camera=True,
        ),
        Effect(
            "aberration",
            "px at the corner, red outwards",
            -8,
            8,
            (-0.5, 0.5),
            (-2.5, 2.5),
            is_of_camera=True,
        ),
        Effect("haze", "% of the light at 100 m", 0, 90, (0, 3), (0, 18)),
        Effect("exposure", "EV", -4, 4, (-0.25, 0.25), (-1.5, 1.1)),
        Effect("blur", "px, standard deviation", 0, 10, (0.25, 0.6), (0.2, 1.6)),
        Effect(
            "demosaic", "px, softness of colour", 0, 3, (0.2, 0.5), (0.2, 0.9), is_of_camera=True
        ),
        Effect("motion", "px along the flight", 0, 60, (0, 0.8), (0, 5)),
        Effect("vignette", "EV at the corner", 0, 4, (0.05, 0.5), (0, 1.6), is_of_camera=True),
        Effect("noise", "of white, in middle grey", 0, 0.3, (0.004, 0.012), (0.004, 0.025)),
        Effect("warmth", "EV, red to blue", -2, 2, (-0.15, 0.15), (-0.4, 0.4)),
        Effect("tint", "EV, green", -1, 1, (-0.04, 0.04), (-0.15, 0.15)),
        Effect("contrast", "%", -45, 45, (-8, 10), (-25, 25), is_of_camera=True),
        Effect("saturation", "%", -100, 100, (-10, 15), (-35, 35), is_of_camera=True),
        Effect("sharpening", "%", 0, 400, (30, 90), (0, 140), is_of_camera=True),
        Effect("jpeg", "quality", 1, 100, (88, 97), (70, 96), is_whole=True),
    )
}


def parse_effects(text: str) -> dict[str, Span]:
    """Parse `mild,blur=2`: the range of each effect that is used, in the order of EFFECTS.
    UsageError, in one line, for an unknown name, a value out of range, a reversed range, and
    duplicates."""
    spans_by_name: dict[str, Span | None] = {}
    preset = ""
    for item in text.split(","):
        name, separator, value = (part.strip() for part in item.partition("="))
        if not separator and name in PRESETS:
            if preset:
                raise UsageError(f"--camera-effects: {preset} and {name} exclude one another")
            preset = name
            continue
        if name not in EFFECTS:
            known = "; ".join(
                f"{each.name} ({each.low:g}..{each.high:g} {each.unit})"
                for each in EFFECTS.values()
            )
            raise UsageError(
                f"--camera-effects: {item.strip()!r} is unknown; give {'|'.join(PRESETS)} or one "
                f"of {known}"
            )
        if name in spans_by_name:
            raise UsageError(f"--camera-effects: {name} is given twice")
        if not separator:
            low, high = EFFECTS[name].mild
            raise UsageError(
                f"--camera-effects: {name} has no value; such as {name}={low:g}..{high:g}"
            )
        spans_by_name[name] = None if value == OFF else _span(EFFECTS[name], value)
    if preset == "none" and spans_by_name:
        raise UsageError(
            f"--camera-effects: none excludes {', '.join(spans_by_name)}; leave none out"
        )
    spans = {
        name: getattr(effect, preset, None) for name, effect in EFFECTS.items()
    } | spans_by_name
    return {name: span for name in EFFECTS if (span := spans[name]) is not None}


def draw_effects(text: str, seed: Seed) -> dict[str, float]:
    """Draw the value of each effect that is used, each from a random stream of its own."""
    values = {}
    for name, span in parse_effects(text).items():
        effect = EFFECTS[name]
        u = float(
            stream(
                seed_of_camera(seed) if effect.is_of_camera else seed, f"camera effect {name}"
            ).random()
        )
        value = interpolate(span, u)
        values[name] = round(value) if effect.is_whole else round(value, 6)
    return values


def seed_of_camera(seed: Seed) -> Seed:
    """Seed of the camera: base seed and scene, without the number of the view."""
    return seed if isinstance(seed, int) else seed[:2]


def _span(effect: Effect, text: str) -> Span:
    option = f"--camera-effects: {effect.name}"
    try:
        span = parse_span(text)
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None
    check_span(option, span, effect.low, effect.high)
    if effect.is_whole and not all(math.floor(end) == end for end in span):
        raise UsageError(f"{option}: {text} is not a whole number or a range of them")
    return span


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorOptions:
    camera_effects: str = option(
        "mild",
        "Effects of lens, sensor and file, such as mild,blur=2 or exposure=-1..0,jpeg=off.",
        metavar="none|mild|strong|NAME=RANGE[,...]",
    )

    def check(self) -> None:
        """Raise UsageError for an unknown effect, and for a reversed or too large range."""
        parse_effects(self.camera_effects)
