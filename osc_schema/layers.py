"""Layers 1 to 4, one per audio channel, and layer 5, the camera or the SD picture."""

from osc_schema import camera
from osc_schema.declare import arguments, circle, menu, number, switch
from osc_schema.live_models import PAINTERS
from osc_schema.types import Area, Command, Param

LAYERS = (1, 2, 3, 4)
_ANY_LAYER = f"[{LAYERS[0]}..{LAYERS[-1]}]"
ANGLES_DEG = (0, 45, 90, 135)
SHAPES = "stripes rings rays spiral line circle"


def _layer(n: int) -> tuple[Param, ...]:
    at = f"/layer/{n}"
    return (
        number(
            f"{at}/intensity",
            1,
            0,
            1.5,
            f"Strength of layer {n}; fades smoothly to nothing at 0.",
            tags="opacity level volume fade amount brightness",
        ),
        menu(
            f"{at}/shape",
            SHAPES,
            f"Shape of layer {n}. stripes: the wave runs across the picture; rings: outward; "
            "rays: around the centre; "
            "spiral: both; line: a trace, as on an oscilloscope; circle: that trace, bent around "
            "the centre.",
            tags="form geometry pattern scope oscilloscope tunnel radial waveform",
        ),
        circle(
            f"{at}/angle",
            ANGLES_DEG[n - 1],
            -180,
            180,
            f"Rotates layer {n} clockwise around the centre.",
            "deg",
            tags="rotate rotation spin turn tilt direction",
        ),
        number(
            f"{at}/curve",
            0,
            0,
            1,
            f"Bends layer {n}; 0 is straight. For line and circle: how far the wave moves the "
            "trace.",
            tags="bend warp wave shape amplitude deflection",
        ),
        circle(
            f"{at}/phase",
            0,
            0,
            1,
            f"Shifts the wave of layer {n} along itself; 1 is one width.",
            "widths",
            tags="shift scroll move offset position",
        ),
        number(
            f"{at}/ratio",
            1,
            0.0625,
            16,
            f"How many widths of its wave layer {n} shows: below 1 stretches it, above 1 repeats "
            "it.",
            "widths",
            scale="exponential",
            tags="zoom scale stretch repeat size",
        ),
        menu(
            f"{at}/wrap",
            "mirror repeat",
            f"How the wave of layer {n} continues after its end. mirror: backwards, seamless; "
            "repeat: from the start, with a seam, as in the original.",
            tags="tile edge repeat",
        ),
        number(
            f"{at}/line_width",
            0.3,
            0.05,
            10,
            f"Thickness of layer {n}'s trace (line, circle), in percent of the picture's height; "
            "never thinner than a "
            "pixel.",
            "%",
            scale="exponential",
            tags="thickness stroke thin thick trace scope",
        ),
        number(
            f"{at}/line_glow",
            2,
            0,
            20,
            f"How far layer {n}'s trace glows (line, circle), in percent of the picture's height; "
            "0: not at all.",
            "%",
            tags="halo blur soft bloom trace scope neon",
        ),
        switch(f"{at}/mute", False, f"Hides layer {n}.", tags="off hide"),
        switch(
            f"{at}/solo",
            False,
            f"Shows layer {n} and other soloed layers only; layer 5 is not affected.",
            tags="only isolate",
        ),
    )


LAYER_5 = (
    menu(
        "/layer/5/source",
        f"auto camera {' '.join(PAINTERS)} off generator",
        "Source of layer 5. auto: the SD picture while SD is on, else the camera; generator: the "
        "shader of "
        "/fx/generator.",
        tags="camera webcam video input ai sender syphon spout ndi resolume arena isf shader",
    ),
    number(
        "/layer/5/intensity",
        0,
        0,
        1,
        "Amount of layer 5 in the mix (Camera Intensity of the original).",
        tags="camera webcam video opacity mix fade amount",
    ),
    switch(
        "/layer/5/mirror",
        False,
        "Flips layer 5 left to right, like a mirror.",
        tags="camera webcam flip selfie",
    ),
    menu(
        "/layer/5/filter",
        "soft sharp",
        "How a small layer 5 is drawn larger. soft: linear interpolation; sharp: cubic, which "
        "keeps more detail and "
        "takes more time.",
        tags="upscale interpolation bicubic resolution sharpen",
    ),
    menu(
        "/layer/5/matte",
        "all subject background",
        "Which part of layer 5 is shown, cut out by SAM3. subject: the objects it finds; "
        "background: everything else; "
        "all: the whole picture. Until the first masks arrive, the whole picture is shown.",
        tags="mask cutout cut key background remove segmentation person",
    ),
    switch(
        "/layer/5/matte_sync",
        True,
        "Shows a cut-out layer 5 with the masks of exactly that picture: the edges fit, but the "
        "picture changes "
        "only as often as SAM3 delivers. Off: always the newest picture.",
        tags="mask cutout lag delay latency",
    ),
)

AREA = Area(
    title="Layers",
    description="Layers 1 to 4 show audio channels 1 to 4; layer 5 is the camera or the SD "
    "picture.",
    params=tuple(param for n in LAYERS for param in _layer(n)) + LAYER_5 + camera.PARAMS,
    commands=(
        Command(
            address="/layer/copy",
            arguments=arguments(f"from:i{_ANY_LAYER} to:i{_ANY_LAYER}"),
            description="Copies all values of one of the layers 1 to 4 to another, in one frame.",
            replies=("/done /layer/copy <from> <to>", "/fail /layer/copy <reason>"),
        ),
        *camera.COMMANDS,
    ),
    messages=camera.MESSAGES,
)
