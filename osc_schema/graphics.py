"""Texts and a logo over the look."""

from osc_schema.declare import TEXT_CHARACTERS, circle, file, menu, number, text
from osc_schema.types import Area, Param

TEXTS = (1, 2)
COLOURS = "white black hue deep first second highlight"
BLENDS = "over add screen multiply invert"
LOGO = "/logo"
_PALETTE = "deep, first, second, highlight: those of /colour/palette."


def _size_and_position(
    at: str, what: str, *, size: float, x: float, y: float, of_size: str
) -> tuple[Param, ...]:
    return (
        number(
            f"{at}/size",
            size,
            0.5,
            100,
            of_size,
            "%",
            scale="exponential",
            tags="scale zoom height big small font",
        ),
        number(
            f"{at}/x",
            x,
            0,
            1,
            f"Centre of {what}: 0 left, 1 right.",
            tags="position place move left right",
        ),
        number(
            f"{at}/y",
            y,
            0,
            1,
            f"Centre of {what}: 0 top, 1 bottom.",
            tags="position place move up down",
        ),
        circle(
            f"{at}/angle",
            0,
            -180,
            180,
            f"Rotates {what} clockwise.",
            "deg",
            tags="rotate rotation turn tilt",
        ),
        number(
            f"{at}/opacity",
            1,
            0,
            1,
            f"Opacity of {what}.",
            tags="fade alpha transparency mix show hide",
        ),
        menu(
            f"{at}/blend",
            BLENDS,
            f"How {what} is laid on the picture. over: covers it; add, screen: lights it; "
            "multiply: darkens it; "
            "invert: turns light into dark beneath it.",
            tags="mix composite overlay difference exclusion",
        ),
    )


def _text(n: int) -> tuple[Param, ...]:
    at = f"/text/{n}"
    stays = (
        "A built-in look has a text 1 of its own, mostly none."
        if n == TEXTS[0]
        else "Stays when a built-in look is chosen."
    )
    return (
        text(
            f"{at}/text",
            "",
            f"Text {n}; | or a line break begins a new line, empty: none. {stays}",
            most=TEXT_CHARACTERS,
            tags="title lyrics name words type caption subtitle",
        ),
        menu(
            f"{at}/show",
            "all word line",
            f"How much of text {n} is seen at once: all of it, or one word or line after another.",
            tags="beat karaoke lyrics sequence",
        ),
        menu(
            f"{at}/step",
            "beat bar",
            f"When the next word or line of text {n} comes: with each beat, or each bar; see "
            "/tempo/source.",
            tags="beat bar sequence speed",
        ),
        text(
            f"{at}/font",
            "",
            f"Font of text {n}: the name of a file in the folder `fonts` beside the presets, or "
            "of a font of this "
            "system, or a path; empty: a built-in one, with the letters of English.",
            most=TEXT_CHARACTERS,
            tags="typeface ttf otf",
        ),
        *_size_and_position(
            at,
            f"text {n}",
            size=(14, 6)[n - 1],
            x=0.5,
            y=(0.5, 0.88)[n - 1],
            of_size="Height of a line, in percent of the picture's height; a text that is wider "
            "than the picture is "
            "made smaller.",
        ),
        menu(
            f"{at}/colour",
            COLOURS,
            f"Colour of text {n}. hue: that of `hue`; {_PALETTE}",
            tags="color fill",
        ),
        circle(
            f"{at}/hue",
            0,
            0,
            1,
            f"Hue of text {n} while its colour, or its outline's, is hue.",
            "turns",
        ),
        number(
            f"{at}/outline",
            0,
            0,
            20,
            f"Thickness of the outline of text {n}, in percent of a line's height; 0: none.",
            "%",
            tags="stroke border edge contour bold",
        ),
        menu(
            f"{at}/outline_colour",
            COLOURS,
            f"Colour of the outline, as `colour`. {_PALETTE}",
            "black",
            tags="color stroke border",
        ),
    )


AREA = Area(
    title="Text and logo",
    description="Texts and a picture with transparency, over the look and its shaders, beneath "
    "the post effects: bloom "
    "makes them shine, feedback does not smear them.",
    tags="text logo title graphic overlay",
    params=(
        *(param for n in TEXTS for param in _text(n)),
        text(
            "/text/words",
            "",
            "Your words for the built-in looks that show words (Poster, Swarm), from when they "
            "are next chosen; empty: "
            "theirs. What is written into /text/1/text while one of them is on is kept here. No "
            "preset holds it.",
            most=TEXT_CHARACTERS,
            tags="title lyrics name words type caption own sponsor band artist",
            stored=False,
            is_look=False,
        ),
        file(
            f"{LOGO}/file",
            "Picture file of the logo, with transparency: its name in the folder `logos` beside "
            "the presets, or a "
            "path; empty: none. Stays when a built-in look is chosen.",
            tags="image png sponsor brand watermark",
        ),
        *_size_and_position(
            LOGO,
            "the logo",
            size=12,
            x=0.9,
            y=0.88,
            of_size="Height of the logo, in percent of the picture's height.",
        ),
    ),
)
