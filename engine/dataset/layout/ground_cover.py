"""Looks of the ground in recipe 2: one, or two in patches. Hue, saturation and brightness are drawn
apart, each from a range that holds what is found on sites; their middles follow no rule over all
looks."""

import colorsys
from dataclasses import dataclass, replace

import numpy as np

from engine.dataset.ground_texture import parse_ground_texture
from engine.dataset.layout.weights import pick
from engine.dataset.options import Preset, SceneOptions
from engine.dataset.scene.description import Cover, CoverKind, GroundLook, GroundPicture
from engine.dataset.scene.streams import Seed, stream
from engine.errors import UsageError
from engine.jobs.kit import Span, check_number, interpolate, option

Rgb = tuple[float, float, float]

LUMINANCE = (0.2126, 0.7152, 0.0722)
MAX_ALBEDO = 0.9
ACCENT_TURN_DEG = 8.0  # how far the accent's hue may be from the first colour's
CoverWeight = tuple[CoverKind, float]
PATCHES_FRACTION = 0.35  # share of scenes whose ground has a second look in patches
SECOND_FRACTION: Span = (0.12, 0.5)
PATCH_M: Span = (7.0, 45.0)
WEEDLESS_FRACTION = 0.4  # share of scenes without tufts of grass on other ground
GRASSY_HILLS: Span = (0.3, 0.55)
OF_PRESETS: dict[Preset, CoverKind] = {"loess": CoverKind.LOESS, "hills": CoverKind.RED_EARTH}


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverRange:
    """Ranges of one look. Hue in degrees, saturation as in HSV, brightness as luminance; of linear
    light."""

    hue_deg: Span
    saturation: Span
    brightness: Span
    accent_hue_deg: Span | None = None  # None: near the first colour's
    # as a factor of the first colour's, unless the accent has a hue of its own
    accent_saturation: Span = (0.5, 1.2)
    accent_brightness: Span = (0.7, 1.5)  # as a factor
    grain_m: Span = (0.05, 0.05)
    amount: Span = (0.2, 0.8)
    contrast: Span = (0.7, 1.3)
    weeds: Span = (0.0, 0.2)  # share of the ground with tufts of grass
    is_earth: bool = False  # True if the ground below has its colour; otherwise it is some earth


COVERS: dict[CoverKind, CoverRange] = {
    CoverKind.GRAVEL: CoverRange(
        hue_deg=(-150, 210), saturation=(0.0, 0.10), brightness=(0.06, 0.36), grain_m=(0.025,
            0.075),
        accent_hue_deg=(22, 40), accent_saturation=(0.1, 0.5), accent_brightness=(0.8, 1.5),
        weeds=(0.0, 0.12),
    ),
    CoverKind.SAND: CoverRange(
        hue_deg=(29, 40), saturation=(0.28, 0.64), brightness=(0.28, 0.62), grain_m=(0.10, 0.24),
        accent_saturation=(1.0, 1.4), accent_brightness=(0.55, 0.8), weeds=(0.0, 0.12),
    ),
    CoverKind.LOESS: CoverRange(
        hue_deg=(28, 39), saturation=(0.50, 0.78), brightness=(0.15, 0.45),
        accent_brightness=(0.85, 1.35), accent_saturation=(0.8, 1.0), weeds=(0.0, 0.35),
        is_earth=True,
    ),
    CoverKind.RED_EARTH: CoverRange(
        hue_deg=(13, 23), saturation=(0.62, 0.82), brightness=(0.06, 0.28),
        accent_hue_deg=(16, 28), accent_saturation=(0.55, 0.76), accent_brightness=(0.8, 1.3),
        weeds=(0.0, 0.5),
        is_earth=True,
    ),
    CoverKind.WET_EARTH: CoverRange(
        hue_deg=(21, 44), saturation=(0.05, 0.55), brightness=(0.030, 0.100), amount=(0.1, 0.6),
        accent_hue_deg=(26, 44), accent_saturation=(0.1, 0.55), accent_brightness=(1.0, 3.2),
        weeds=(0.0, 0.15),
        is_earth=True,
    ),
    CoverKind.STRAW: CoverRange(
        hue_deg=(30, 38), saturation=(0.32, 0.62), brightness=(0.18, 0.50), amount=(0.4, 0.95),
        accent_saturation=(0.6, 1.0), accent_brightness=(0.55, 1.3), weeds=(0.0, 0.1),
    ),
    CoverKind.STUBBLE: CoverRange(
        hue_deg=(28, 41), saturation=(0.34, 0.68), brightness=(0.14, 0.40), grain_m=(0.125, 0.30),
        amount=(0.3, 0.8),
        accent_saturation=(0.6, 1.0), accent_brightness=(0.9, 1.5), weeds=(0.0, 0.15),
    ),
    CoverKind.GRASS: CoverRange(
        hue_deg=(60, 92), saturation=(0.45, 0.80), brightness=(0.04, 0.18), grain_m=(0.10, 0.28),
        amount=(0.0, 0.9),
        accent_hue_deg=(36, 52), accent_saturation=(0.4, 0.64), accent_brightness=(0.9, 2.0),
        weeds=(0.0, 0.0),
    ),
    CoverKind.SNOW: CoverRange(
        hue_deg=(-150, 210), saturation=(0.0, 0.06), brightness=(0.42, 0.82), amount=(0.0, 0.62),
        weeds=(0.0, 0.06),
    ),
    CoverKind.ASPHALT: CoverRange(
        hue_deg=(-150, 210), saturation=(0.0, 0.06), brightness=(0.035, 0.24), grain_m=(0.015,
            0.03),
        accent_hue_deg=(22, 40), accent_saturation=(0.2, 0.6), accent_brightness=(1.0, 3.0),
        weeds=(0.0, 0.04),
    ),
    CoverKind.RUBBLE: CoverRange(
        hue_deg=(22, 45), saturation=(0.05, 0.35), brightness=(0.08, 0.34),
        accent_hue_deg=(10, 20), accent_saturation=(0.55, 0.85), accent_brightness=(0.4, 0.9),
        weeds=(0.0, 0.12),
    ),
}  # fmt: skip

EARTH = CoverRange(hue_deg=(20, 38), saturation=(0.42, 0.72), brightness=(0.04, 0.24))
GRASS = CoverRange(hue_deg=(60, 94), saturation=(0.4, 0.75), brightness=(0.03, 0.11))


def draw_cover(kind: CoverKind, draw: np.random.Generator) -> tuple[Cover, Rgb]:
    """Draw a look's numbers; also the colour of the earth below it."""
    limits = COVERS[kind]
    hue, saturation, brightness, turn, dull, light, grain, amount, contrast, heading = draw.random(
        10
    ).tolist()
    hue_deg = interpolate(limits.hue_deg, hue)
    color = color_of(
        hue_deg,
        interpolate(limits.saturation, saturation),
        interpolate(limits.brightness, brightness),
    )
    dullness = interpolate(limits.accent_saturation, dull)
    if limits.accent_hue_deg is None:
        accent_hue = hue_deg + ACCENT_TURN_DEG * (2 * turn - 1)
        dullness *= interpolate(limits.saturation, saturation)
    else:
        accent_hue = interpolate(limits.accent_hue_deg, turn)
    accent = color_of(
        accent_hue,
        dullness,
        interpolate(limits.brightness, brightness) * interpolate(limits.accent_brightness, light),
    )
    earth = draw_color(EARTH, draw)
    if limits.is_earth:
        factor = 0.7 + 0.7 * dull
        earth = (color[0] * factor, color[1] * factor, color[2] * factor)
    if kind is CoverKind.SNOW:
        accent = earth  # what shows through it
    cover = Cover(
        kind=kind,
        color=color,
        accent=accent,
        share=interpolate(limits.amount, amount),
        contrast=interpolate(limits.contrast, contrast),
        grain_m=interpolate(limits.grain_m, grain),
        heading=2 * np.pi * heading,
    )
    return cover, earth


def draw_color(limits: CoverRange, draw: np.random.Generator) -> Rgb:
    spans = (limits.hue_deg, limits.saturation, limits.brightness)
    return color_of(
        *(
            interpolate(span, roll)
            for span, roll in zip(spans, draw.random(3).tolist(), strict=True)
        )
    )


def color_of(hue_deg: float, saturation: float, brightness: float) -> Rgb:
    """The colour of this hue and saturation (HSV) with this luminance; darker if it would pass
    MAX_ALBEDO."""
    pure = colorsys.hsv_to_rgb(hue_deg / 360 % 1, min(saturation, 0.95), 1.0)
    scale = brightness / sum(part * weight for part, weight in zip(pure, LUMINANCE, strict=True))
    scale = min(scale, MAX_ALBEDO)
    return pure[0] * scale, pure[1] * scale, pure[2] * scale


def parse_looks(text: str) -> tuple[CoverWeight, ...]:
    """`gravel,snow=0.3` -> (("gravel", 1.0), ("snow", 0.3)). UsageError for an unknown look or a
    wrong share."""
    found: dict[CoverKind, float] = {}
    for part in text.split(","):
        name, equals, weight = (piece.strip() for piece in part.partition("="))
        try:
            kind = CoverKind(name)
        except ValueError:
            raise UsageError(
                f"--ground {name or text!r}: is no look; there are {', '.join(CoverKind)}"
            ) from None
        if kind in found:
            raise UsageError(f"--ground {text}: {name} is there twice")
        try:
            found[kind] = float(weight) if equals else 1.0
        except ValueError:
            raise UsageError(
                f"--ground {part}: {weight!r} is not a number; write {name}=0.3"
            ) from None
        if not 0 < found[kind] < 1e6:
            raise UsageError(f"--ground {part}: a share is more than 0")
    return tuple(found.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundOptions:
    ground: tuple[CoverWeight, ...] | None = option(
        None,
        f"Looks to draw from, each with =SHARE if wanted: {', '.join(COVERS)}. (default: all)",
        metavar="NAME,...",
        parse=parse_looks,
    )
    ground_patches: float = option(
        PATCHES_FRACTION, "Share of scenes with a second look in patches.", metavar="0..1"
    )
    ground_texture: tuple[GroundPicture, ...] = option(
        (),
        "A JPEG or PNG tiled over the ground, METRES wide (default: 4); may be repeated. It is "
        "the look `picture`.",
        metavar="FILE[,METRES]",
        parse=parse_ground_texture,
    )

    def check(self) -> None:
        """Raise UsageError for an unknown look, and for options that exclude one another."""
        check_number("--ground-patches", self.ground_patches, 0, 1)
        kinds = dict(self.ground or ())
        if CoverKind.PICTURE in kinds and not self.ground_texture:
            raise UsageError("--ground picture: needs --ground-texture FILE")
        if self.ground_texture and self.ground and CoverKind.PICTURE not in kinds:
            raise UsageError(
                "--ground-texture: has no effect, since --ground does not name the look "
                "`picture`; add it"
            )


def draw_ground_look(
    options: SceneOptions, ground_options: GroundOptions, seed: Seed
) -> GroundLook:
    """Draw the look of the ground: hue, saturation and brightness independent of one another and of
    exposure."""
    weights = _cover_weights(options.geological_preset, ground_options)
    draw = stream(seed, "ground looks")
    first_at, second_at, is_patched, second_share, patch_m = draw.random(5).tolist()
    first = CoverKind(pick(weights, first_at))
    # the same ones if several were named
    partners = weights if len(weights) > 1 else [(kind, 1.0) for kind in COVERS]
    others = tuple(each for each in partners if each[0] not in (first, CoverKind.PICTURE))
    kinds = [first]
    if is_patched < ground_options.ground_patches and others:
        kinds.append(CoverKind(pick(others, second_at)))
    covers_and_earths = []
    for kind in kinds:
        cover, earth = draw_cover(
            CoverKind.LOESS if kind is CoverKind.PICTURE else kind, stream(seed, f"ground {kind}")
        )
        covers_and_earths.append((replace(cover, kind=kind), earth))
    covers = tuple(cover for cover, _ in covers_and_earths)
    plants = stream(seed, "ground plants")
    weeds_at, weedless_roll = plants.random(2).tolist()
    weeds = interpolate(COVERS[first].weeds, weeds_at) if first in COVERS else 0.0
    if options.geological_preset == "hills" and ground_options.ground is None:
        weeds = interpolate(GRASSY_HILLS, weeds_at)
        weedless_roll = 1.0
    return GroundLook(
        soil=covers[0].color,
        subsoil=covers_and_earths[0][1],
        grass=draw_color(GRASS, plants),
        grass_share=0.0 if weedless_roll < WEEDLESS_FRACTION else weeds,
        noise_seed=int(stream(seed, "ground noise").integers(2**32)),
        covers=covers,
        second_share=interpolate(SECOND_FRACTION, second_share) if len(covers) > 1 else 0.0,
        patch_m=interpolate(PATCH_M, patch_m),
        picture=_place_picture(ground_options.ground_texture, seed)
        if first is CoverKind.PICTURE
        else None,
    )


def _cover_weights(preset: Preset | None, ground_options: GroundOptions) -> tuple[CoverWeight, ...]:
    if ground_options.ground is not None:
        return ground_options.ground
    if ground_options.ground_texture:
        return ((CoverKind.PICTURE, 1.0),)
    if preset is not None:
        return ((OF_PRESETS[preset], 1.0),)
    return tuple((kind, 1.0) for kind in COVERS)


def _place_picture(pictures: tuple[GroundPicture, ...], seed: Seed) -> GroundPicture:
    draw = stream(seed, "ground picture")
    which, turn, shift_x, shift_y = draw.random(4).tolist()
    return replace(
        pictures[int(which * len(pictures))],
        turn=2 * float(np.pi) * turn,
        shift_x=shift_x,
        shift_y=shift_y,
    )
