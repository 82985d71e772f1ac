"""Effects on the finished picture: bloom, glow, chromatic aberration, vignette, film grain, exposure."""

from osc_schema.declare import number
from osc_schema.types import Area

AREA = Area(
    title="Post effects",
    description="Effects of a lens and of film on the finished picture, after feedback and dissolves. Each is off at 0 "
    "and then costs nothing.",
    words="effect lens film finish post",
    params=(
        number(
            "/post/bloom",
            0,
            0,
            1,
            "Bright parts shine beyond their edges.",
            words="bloom halo shine light bleed highlights",
        ),
        number(
            "/post/bloom_radius",
            0.5,
            0,
            1,
            "How far they shine. 0: a few pixels; 1: a tenth of the picture's height.",
            words="bloom halo size spread",
        ),
        number(
            "/post/bloom_threshold",
            0.6,
            0,
            1,
            "Brightness from which parts of the picture shine; 0: everything.",
            words="bloom halo highlights level",
        ),
        number(
            "/post/glow",
            0,
            0,
            1,
            "A wide soft veil of the whole picture's light, as from a diffusion filter or fog.",
            words="glow diffusion fog haze mist soft veil",
        ),
        number(
            "/post/chromatic",
            0,
            0,
            1,
            "Chromatic aberration: red and blue move apart towards the corners, there by 2.5 % of the diagonal.",
            words="chromatic aberration fringe lens rgb split prism",
        ),
        number(
            "/post/vignette",
            0,
            0,
            1,
            "Darkens the corners; the middle stays as it is.",
            words="vignette corners dark edges frame",
        ),
        number(
            "/post/grain",
            0,
            0,
            1,
            "Film grain, new 24 times a second; strongest in middle tones, none in black and white.",
            words="grain film noise texture",
        ),
        number(
            "/post/exposure",
            0,
            -1,
            1,
            "Light of the finished picture, shaders included. -1: black; 1: two stops brighter, without clipping.",
            words="exposure brightness light gain level dim",
        ),
    ),
)
