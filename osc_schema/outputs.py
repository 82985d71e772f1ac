"""The outputs: the part of a picture that each shows, its blended edges and its corners; the second
has a look too."""

from typing import Any

from osc_schema.declare import menu, number, text, whole
from osc_schema.types import Area, ExtraPicture, Param

NUMBERS = (1, 2)
SECOND = ExtraPicture(
    name="2",
    addition="2",
    shows="the second output",
    model="second output",
    option="",
    is_on_request=True,
)
CORNERS = (("top left", 0, 0), ("top right", 1, 0), ("bottom right", 1, 1), ("bottom left", 0, 1))
EDGES = ("left", "top", "right", "bottom")
MAX_NAME_CHARACTERS = 200  # of a preset
# Settings of a venue's projectors: presets, cues and panic do not change them; --resume keeps them.
_SETUP: dict[str, Any] = {"stored": False, "is_look": False}
_FLOAT: dict[str, Any] = {"smoothing_ms": 0, **_SETUP}


def pin(area: str, corner: int, axis: int, of: str, **more: Any) -> Param:
    """Declare a coordinate (`axis`) of a corner of the four-corner pin: `/AREA/pin/1/x`."""
    name, *position = CORNERS[corner]
    side = ("width from the left", "height from the top")[axis]
    return number(
        f"{area}/pin/{corner + 1}/{'xy'[axis]}",
        position[axis],
        -0.5,
        1.5,
        f"Place of the {name} corner, in parts of the {of}'s {side}. Corners that cross are not "
        "taken.",
        tags="keystone warp corner mapping projector",
        smoothing_ms=0,
        **more,
    )


def _crop(at: str) -> tuple[Param, ...]:
    of = "of the picture that this output shows, in parts of the picture's"
    tags = "region part slice wall"
    return (
        number(f"{at}/crop/x", 0, 0, 1, f"Left side of the part {of} width.", tags=tags, **_FLOAT),
        number(f"{at}/crop/y", 0, 0, 1, f"Top of the part {of} height.", tags=tags, **_FLOAT),
        number(
            f"{at}/crop/width", 1, 0.01, 1, f"Width of the part {of} width.", tags=tags, **_FLOAT
        ),
        number(
            f"{at}/crop/height", 1, 0.01, 1, f"Height of the part {of} height.", tags=tags, **_FLOAT
        ),
    )


def _blend(at: str) -> tuple[Param, ...]:
    described = (
        "edge that fades out, where another projector's picture lies over it, in parts of "
        "this output's size."
    )
    tags = "overlap soft edge blending projector"
    return (
        *(
            number(
                f"{at}/blend/{edge}",
                0,
                0,
                1,
                f"Width of the {edge} {described}",
                tags=tags,
                **_FLOAT,
            )
            for edge in EDGES
        ),
        number(
            f"{at}/blend/gamma",
            2.2,
            1,
            3,
            "Gamma of the projectors whose edges overlap.",
            tags=tags,
            **_FLOAT,
        ),
    )


def _output(n: int) -> tuple[Param, ...]:
    at = f"/output/{n}"
    corners = (
        pin(at, corner, axis, "output", **_SETUP) for corner in range(4) for axis in range(2)
    )
    return (*_crop(at), *_blend(at), *corners)


AREA = Area(
    title="Outputs",
    description="What the screens show. Output 1 is what sinks send and show, but not recordings, "
    "snapshots and light; "
    "output 2 is what `2:` sinks get, such as `2:window`. Crop, blended edges and corners need "
    "OpenGL.",
    fully_named=("output",),
    tags="output screen projector second wall",
    params=(
        *_output(1),
        menu(
            "/output/2/source",
            "program look",
            "program: the same picture as output 1; look: the preset /output/2/look, drawn beside "
            "it with the same "
            "sound and clock.",
            **_SETUP,
        ),
        text(
            "/output/2/look",
            "",
            "Name of the preset of output 2, shown without its texts, logo and outlines; offline "
            "also without shaders.",
            most=MAX_NAME_CHARACTERS,
            **_SETUP,
        ),
        *(
            whole(
                f"/output/2/{side}",
                0,
                0,
                8192,
                f"{side.capitalize()} of output 2; 0: as many pixels as its part of the picture "
                "has.",
                "px",
                tags="size resolution",
                **_SETUP,
            )
            for side in ("width", "height")
        ),
        *_output(2),
    ),
)
