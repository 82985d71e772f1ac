"""Colour of each layer, and of the whole picture."""

from osc_schema import palettes
from osc_schema.declare import circle, menu, number
from osc_schema.types import Area

PALETTE_GLIDE_MS = 150.0  # time constant: a change of palette ends after about half a second

AREA = Area(
    title="Colour",
    description="Colour of each layer, from the pitch of its channel, a palette or a fixed set of "
    "hues.",
    params=(
        menu(
            "/colour/mode",
            "pitch fixed palette",
            "pitch: the hue follows the note, C is red, an octave is one turn; fixed: the hues of "
            "/colour/scheme; "
            "palette: the colours of /colour/palette, which the pitch moves a little.",
            former_items=(("scheme", "fixed"),),
            tags="color palette pitch scheme",
        ),
        menu(
            "/colour/palette",
            " ".join(palettes.NAMES),
            "Colours of layers 1 to 4 in palette mode, and those of /colour/map. A change glides.",
            default="aurora",
            smoothing_ms=PALETTE_GLIDE_MS,
            swatches=tuple(palette.hexes for palette in palettes.PALETTES),
            tags="color colours theme swatch gradient scheme mood",
        ),
        circle(
            "/colour/shift",
            0,
            0,
            1,
            "Moves all layers along the palette, to its end and back in one turn; in the other "
            "modes turns their hues, "
            "on top of the base hue. Meant to be modulated.",
            "turns",
            tags="color palette rotate cycle hue move",
        ),
        number(
            "/colour/map",
            0,
            0,
            1,
            "How much of the finished picture is recoloured by its brightness, from black to the "
            "palette's highlight. "
            "1 makes any picture one family of colours, layer 5 included.",
            tags="color gradient duotone tint lut grade palette",
        ),
        circle(
            "/colour/base_hue",
            0,
            0,
            1,
            "Shifts the hues of all layers together in pitch and fixed mode; 1 is a full turn.",
            "turns",
            tags="color tint shift palette rainbow",
        ),
        number(
            "/colour/glide_ms",
            1500,
            0,
            10_000,
            "How slowly a layer's hue follows a new note in pitch mode (time constant); slower if "
            "the pitch is "
            "unclear, so that noise does not move it. 0: at once, also for an unclear pitch.",
            "ms",
            tags="color colour smooth slew lag calm speed",
        ),
        number(
            "/colour/scheme",
            0,
            0,
            1,
            "Hues of layers 1 to 4 in fixed mode. 0: 0 1/4 1/2 3/4; 0.5: 0 1/3 2/3 1/2; 1: 0 1/3 "
            "2/3 1/6.",
            tags="color palette harmony tint",
        ),
        number(
            "/colour/spread",
            1,
            0,
            1,
            "How far apart the layers' colours are. 1: as far as the pitches, the set of hues or "
            "the palette put them; "
            "0: all at the base hue, or at the palette's first colour; between: closer to it.",
            tags="color palette harmony range",
        ),
    ),
)
