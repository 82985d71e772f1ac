"""Looks of the ground in recipe 2: one, or two in patches. Hue, saturation and brightness are drawn apart, each from a
range that holds what is found on sites; their middles follow no rule over all looks."""

import colorsys
from dataclasses import dataclass, replace

import numpy as np

from engine.dataset.ground_picture import parse_ground_picture
from engine.dataset.layout.shares import pick
from engine.dataset.options import Preset, SceneOptions
from engine.dataset.scene.description import Cover, CoverKind, GroundLook, GroundPicture
from engine.dataset.scene.streams import Seed, stream
from engine.errors import UsageError
from engine.jobs.kit import Span, between, check_number, option

Rgb = tuple[float, float, float]

LUMINANCE = (0.2126, 0.7152, 0.0722)
MAX_ALBEDO = 0.9
ACCENT_TURN_DEG = 8.0  # how far the accent's hue may be from the first colour's
Share = tuple[CoverKind, float]
PATCHES_SHARE = 0.35  # share of scenes whose ground has a second look in patches
SECOND_SHARE: Span = (0.12, 0.5)
PATCH_M: Span = (7.0, 45.0)
WEEDLESS_SHARE = 0.4  # share of scenes without tufts of grass on other ground
GRASSY_HILLS: Span = (0.3, 0.55)
OF_PRESETS: dict[Preset, CoverKind] = {"loess": CoverKind.LOESS, "hills": CoverKind.RED_EARTH}


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverRange:
    """Ranges of one look. Hue in degrees, saturation as in HSV, brightness as luminance; of linear light."""

    hue_deg: Span
    saturation: Span
    brightness: Span
    accent_hue_deg: Span | None = None  # None: near the first colour's
    accent_saturation: Span = (0.5, 1.2)  # as a factor of the first colour's, unless the accent has a hue of its own
    accent_brightness: Span = (0.7, 1.5)  # as a factor
    grain_m: Span = (0.05, 0.05)
    share: Span = (0.2, 0.8)
    contrast: Span = (0.7, 1.3)
    weeds: Span = (0.0, 0.2)  # share of the ground with tufts of grass
    is_earth: bool = False  # True if the ground below has its colour; otherwise it is some earth


COVERS: dict[CoverKind, CoverRange] = {
    CoverKind.GRAVEL: CoverRange(
        hue_deg=(-150, 210), saturation=(0.0, 0.10), brightness=(0.06, 0.36), grain_m=(0.025, 0.075),
        accent_hue_deg=(22, 40), accent_saturation=(0.1, 0.5), accent_brightness=(0.8, 1.5), weeds=(0.0, 0.12),
    ),
    CoverKind.SAND: CoverRange(
        hue_deg=(29, 40), saturation=(0.28, 0.64), brightness=(0.28, 0.62), grain_m=(0.10, 0.24),
        accent_saturation=(1.0, 1.4), accent_brightness=(0.55, 0.8), weeds=(0.0, 0.12),
    ),
    CoverKind.LOESS: CoverRange(
        hue_deg=(28, 39), saturation=(0.50, 0.78), brightness=(0.15, 0.45),
        accent_brightness=(0.85, 1.35), accent_saturation=(0.8, 1.0), weeds=(0.0, 0.35), is_earth=True,
    ),
    CoverKind.RED_EARTH: CoverRange(
        hue_deg=(13, 23), saturation=(0.62, 0.82), brightness=(0.06, 0.28),
        accent_hue_deg=(16, 28), accent_saturation=(0.55, 0.76), accent_brightness=(0.8, 1.3), weeds=(0.0, 0.5),
        is_earth=True,
    ),
    CoverKind.WET_EARTH: CoverRange(
        hue_deg=(21, 44), saturation=(0.05, 0.55), brightness=(0.030, 0.100), share=(0.1, 0.6),
        accent_hue_deg=(26, 44), accent_saturation=(0.1, 0.55), accent_brightness=(1.0, 3.2), weeds=(0.0, 0.15),
        is_earth=True,
    ),
    CoverKind.STRAW: CoverRange(
        hue_deg=(30, 38), saturation=(0.32, 0.62), brightness=(0.18, 0.50), share=(0.4, 0.95),
        accent_saturation=(0.6, 1.0), accent_brightness=(0.55, 1.3), weeds=(0.0, 0.1),
    ),
    CoverKind.STUBBLE: CoverRange(
        hue_deg=(28, 41), saturation=(0.34, 0.68), brightness=(0.14, 0.40), grain_m=(0.125, 0.30), share=(0.3, 0.8),
        accent_saturation=(0.6, 1.0), accent_brightness=(0.9, 1.5), weeds=(0.0, 0.15),
    ),
    CoverKind.GRASS: CoverRange(
        hue_deg=(60, 92), saturation=(0.45, 0.80), brightness=(0.04, 0.18), grain_m=(0.10, 0.28), share=(0.0, 0.9),
        accent_hue_deg=(36, 52), accent_saturation=(0.4, 0.64), accent_brightness=(0.9, 2.0), weeds=(0.0, 0.0),
    ),
    CoverKind.SNOW: CoverRange(
        hue_deg=(-150, 210), saturation=(0.0, 0.06), brightness=(0.42, 0.82), share=(0.0, 0.62), weeds=(0.0, 0.06),
    ),
    CoverKind.ASPHALT: CoverRange(
        hue_deg=(-150, 210), saturation=(0.0, 0.06), brightness=(0.035, 0.24), grain_m=(0.015, 0.03),
        accent_hue_deg=(22, 40), accent_saturation=(0.2, 0.6), accent_brightness=(1.0, 3.0), weeds=(0.0, 0.04),
    ),
    CoverKind.RUBBLE: CoverRange(
        hue_deg=(22, 45), saturation=(0.05, 0.35), brightness=(0.08, 0.34),
        accent_hue_deg=(10, 20), accent_saturation=(0.55, 0.85), accent_brightness=(0.4, 0.9), weeds=(0.0, 0.12),
    ),
}  # fmt: skip

EARTH = CoverRange(hue_deg=(20, 38), saturation=(0.42, 0.72), brightness=(0.04, 0.24))
GRASS = CoverRange(hue_deg=(60, 94), saturation=(0.4, 0.75), brightness=(0.03, 0.11))


def draw_cover(kind: CoverKind, draw: np.random.Generator) -> tuple[Cover, Rgb]:
    """Draw a look's numbers; also the colour of the earth below it."""
    limits = COVERS[kind]
    hue, saturation, brightness, turn, dull, light, grain, share, contrast, heading = draw.random(10).tolist()
    hue_deg = between(limits.hue_deg, hue)
    color = color_of(hue_deg, between(limits.saturation, saturation), between(limits.brightness, brightness))
    dullness = between(limits.accent_saturation, dull)
    if limits.accent_hue_deg is None:
        accent_hue = hue_deg + ACCENT_TURN_DEG * (2 * turn - 1)
        dullness *= between(limits.saturation, saturation)
    else:
        accent_hue = between(limits.accent_hue_deg, turn)
    accent = color_of(
        accent_hue, dullness, between(limits.brightness, brightness) * between(limits.accent_brightness, light)
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
        share=between(limits.share, share),
        contrast=between(limits.contrast, contrast),
        grain_m=between(limits.grain_m, grain),
        heading=2 * np.pi * heading,
    )
    return cover, earth


def draw_color(limits: CoverRange, draw: np.random.Generator) -> Rgb:
    hue, saturation, brightness = draw.random(3).tolist()
    return color_of(
        between(limits.hue_deg, hue), between(limits.saturation, saturation), between(limits.brightness, brightness)
    )


def color_of(hue_deg: float, saturation: float, brightness: float) -> Rgb:
    """The colour of this hue and saturation (HSV) with this luminance; darker if it would pass MAX_ALBEDO."""
    pure = colorsys.hsv_to_rgb(hue_deg / 360 % 1, min(saturation, 0.95), 1.0)
    scale = brightness / sum(part * weight for part, weight in zip(pure, LUMINANCE, strict=True))
    scale = min(scale, MAX_ALBEDO)
    return pure[0] * scale, pure[1] * scale, pure[2] * scale


def parse_looks(text: str) -> tuple[Share, ...]:
    """`gravel,snow=0.3` -> (("gravel", 1.0), ("snow", 0.3)). UsageError for an unknown look or a wrong share."""
    found: dict[CoverKind, float] = {}
    for part in text.split(","):
        name, equals, share = (word.strip() for word in part.partition("="))
        try:
            kind = CoverKind(name)
        except ValueError:
            raise UsageError(f"--ground {name or text!r}: is no look; there are {', '.join(CoverKind)}") from None
        if kind in found:
            raise UsageError(f"--ground {text}: {name} is there twice")
        try:
            found[kind] = float(share) if equals else 1.0
        except ValueError:
            raise UsageError(f"--ground {part}: {share!r} is not a number; write {name}=0.3") from None
        if not 0 < found[kind] < 1e6:
            raise UsageError(f"--ground {part}: a share is more than 0")
    return tuple(found.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundOptions:
    ground: tuple[Share, ...] | None = option(
        None,
        f"Looks to draw from, each with =SHARE if wanted: {', '.join(COVERS)}. (default: all)",
        metavar="NAME,...",
        parse=parse_looks,
    )
    ground_patches: float = option(PATCHES_SHARE, "Share of scenes with a second look in patches.", metavar="0..1")
    ground_texture: tuple[GroundPicture, ...] = option(
        (),
        "A JPEG or PNG tiled over the ground, METRES wide (default: 4); may be repeated. It is the look `picture`.",
        metavar="FILE[,METRES]",
        parse=parse_ground_picture,
    )

    def check(self) -> None:
        """Raise UsageError for an unknown look, and for options that exclude one another."""
        check_number("--ground-patches", self.ground_patches, 0, 1)
        kinds = dict(self.ground or ())
        if CoverKind.PICTURE in kinds and not self.ground_texture:
            raise UsageError("--ground picture: needs --ground-texture FILE")
        if self.ground_texture and self.ground and CoverKind.PICTURE not in kinds:
            raise UsageError("--ground-texture: has no effect, since --ground does not name the look `picture`; add it")


def draw_ground(options: SceneOptions, ground: GroundOptions, seed: Seed) -> GroundLook:
    """Draw the look of the ground: hue, saturation and brightness independent of one another and of exposure."""
    shares = _shares(options.geological_preset, ground)
    draw = stream(seed, "ground looks")
    first_at, second_at, is_patched, second_share, patch_m = draw.random(5).tolist()
    first = CoverKind(pick(shares, first_at))
    partners = shares if len(shares) > 1 else [(kind, 1.0) for kind in COVERS]  # the same ones if several were named
    others = tuple(each for each in partners if each[0] not in (first, CoverKind.PICTURE))
    kinds = [first]
    if is_patched < ground.ground_patches and others:
        kinds.append(CoverKind(pick(others, second_at)))
    drawn = []
    for kind in kinds:
        cover, earth = draw_cover(
            CoverKind.LOESS if kind is CoverKind.PICTURE else kind, stream(seed, f"ground {kind}")
        )
        drawn.append((replace(cover, kind=kind), earth))
    covers = tuple(cover for cover, _ in drawn)
    plants = stream(seed, "ground plants")
    weeds_at, is_weedless = plants.random(2).tolist()
    weeds = between(COVERS[first].weeds, weeds_at) if first in COVERS else 0.0
    if options.geological_preset == "hills" and ground.ground is None:
        weeds, is_weedless = between(GRASSY_HILLS, weeds_at), 1.0
    return GroundLook(
        soil=covers[0].color,
        subsoil=drawn[0][1],
        grass=draw_color(GRASS, plants),
        grass_share=0.0 if is_weedless < WEEDLESS_SHARE else weeds,
        noise_seed=int(stream(seed, "ground noise").integers(2**32)),
        covers=covers,
        second_share=between(SECOND_SHARE, second_share) if len(covers) > 1 else 0.0,
        patch_m=between(PATCH_M, patch_m),
        picture=_placed_picture(ground.ground_texture, seed) if first is CoverKind.PICTURE else None,
    )


def _shares(preset: Preset | None, ground: GroundOptions) -> tuple[Share, ...]:
    if ground.ground is not None:
        return ground.ground
    if ground.ground_texture:
        return ((CoverKind.PICTURE, 1.0),)
    if preset is not None:
        return ((OF_PRESETS[preset], 1.0),)
    return tuple((kind, 1.0) for kind in COVERS)


def _placed_picture(pictures: tuple[GroundPicture, ...], seed: Seed) -> GroundPicture:
    draw = stream(seed, "ground picture")
    which, turn, shift_x, shift_y = draw.random(4).tolist()
    return replace(pictures[int(which * len(pictures))], turn=2 * float(np.pi) * turn, shift_x=shift_x, shift_y=shift_y)
