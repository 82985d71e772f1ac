"""Effects on the finished picture: bloom, glow, chromatic aberration, vignette, film grain,
exposure."""

from osc_schema.declare import number
from osc_schema.types import Area

AREA = Area(
    title="Post effects",
    description="Effects of a lens and of film on the finished picture, after feedback and "
    "dissolves. Each is off at 0 "
    "and then costs nothing.",
    tags="effect lens film finish post",
    params=(
        number(
            "/post/bloom",
            0,
            0,
            1,
            "Bright parts shine beyond their edges.",
            tags="bloom halo shine light bleed highlights",
        ),
        number(
            "/post/bloom_radius",
            0.5,
            0,
            1,
            "How far they shine. 0: a few pixels; 1: a tenth of the picture's height.",
            tags="bloom halo size spread",
        ),
        number(
            "/post/bloom_threshold",
            0.6,
            0,
            1,
            "Brightness from which parts of the picture shine; 0: everything.",
            tags="bloom halo highlights level",
        ),
        number(
            "/post/glow",
            0,
            0,
            1,
            "A wide soft veil of the whole picture's light, as from a diffusion filter or fog.",
            tags="glow diffusion fog haze mist soft veil",
        ),
        number(
            "/post/chromatic",
            0,
            0,
            1,
            "Chromatic aberration: red and blue move apart towards the corners, there by 2.5 % of "
            "the diagonal.",
            tags="chromatic aberration fringe lens rgb split prism",
        ),
        number(
            "/post/vignette",
            0,
            0,
            1,
            "Darkens the corners; the middle stays as it is.",
            tags="vignette corners dark edges frame",
        ),
        number(
            "/post/grain",
            0,
            0,
            1,
            "Film grain, new 24 times per second; strongest in middle tones, none in black and "
            "white.",
            tags="grain film noise texture",
        ),
        number(
            "/post/exposure",
            0,
            -1,
            1,
            "Light of the finished picture, shaders included. -1: black; 1: two stops brighter, "
            "without clipping.",
            tags="exposure brightness light gain level dim",
        ),
    ),
)
