"""Contours of the picture as OSC values, and their outlines on it."""

from typing import Any

from osc_schema.declare import circle, menu, message, number, whole
from osc_schema.graphics import COLOURS
from osc_schema.types import Area

MAX_CONTOURS = 8
COUNT = message("/contour/found", "count:i", "How many there are, with every result.")
CONTOUR = message(
    "/contour/<n>",
    "x:f y:f area:f angle:f degrees:f",
    "After `/contour/found`, each contour: its centre, 0..1 from the top left, its fraction of "
    "the picture's area, and "
    "the direction of its longer axis, clockwise from the right, as 0..1 of a half-turn and as "
    "0..180 degrees. It "
    "keeps its number while it moves; when it disappears, all five are 0, once.",
    last=MAX_CONTOURS,
)
# an instrument, which presets leave alone
_SETUP: dict[str, Any] = {"stored": False, "is_look": False}
AREA = Area(
    title="Contours",
    description="Finds the largest shapes in the picture and sends subscribers their positions "
    "(`/contour/1`), as "
    "control values for synthesizers and lights; optionally draws their outlines. Off, and free "
    "of cost, while "
    "`/contour/count` and `/contour/overlay` are 0. Texts, the logo and effects are not seen.",
    tags="cv blob shape outline tracking opencv centroid control voltage",
    messages=(COUNT, CONTOUR),
    params=(
        whole(
            "/contour/count",
            0,
            0,
            MAX_CONTOURS,
            f"Number of the largest contours that are found; 0: none, or {MAX_CONTOURS} while an "
            "overlay shows them.",
            **_SETUP,
        ),
        menu(
            "/contour/source",
            "picture camera",
            "Where contours are looked for. picture: the look with its shaders; camera: as layer "
            "5 shows it.",
            tags="input webcam video",
            **_SETUP,
        ),
        menu(
            "/contour/of",
            "light dark",
            "Shapes that are lighter, or darker, than the threshold.",
            **_SETUP,
        ),
        number(
            "/contour/threshold",
            0.5,
            0,
            1,
            "Brightness at the edge of a shape.",
            tags="level",
            **_SETUP,
        ),
        number(
            "/contour/min_area",
            0.1,
            0,
            50,
            "Smallest area that counts, in percent of the picture's.",
            "%",
            **_SETUP,
        ),
        number(
            "/contour/interval",
            100,
            20,
            2000,
            "Time between results.",
            "ms",
            tags="rate speed",
            **_SETUP,
        ),
        number(
            "/contour/overlay",
            0,
            0,
            1,
            "Opacity of the outlines on the picture; 0: none.",
            tags="draw show line",
        ),
        number(
            "/contour/width",
            0.4,
            0.1,
            3,
            "Width of the outlines, in percent of the picture's height.",
            "%",
        ),
        menu(
            "/contour/colour",
            COLOURS,
            "Colour of the outlines. hue: that of `hue`; deep, first, second, highlight: those of "
            "/colour/palette.",
            tags="color",
        ),
        circle("/contour/hue", 0, 0, 1, "Hue of the outlines while their colour is hue.", "turns"),
    ),
)
