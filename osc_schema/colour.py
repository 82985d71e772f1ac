"""Where each layer's colour comes from."""

from osc_schema.declare import circle, menu, number
from osc_schema.types import Area

AREA = Area(
    title="Colour",
    description="The colour of each layer, from the pitch of its channel or from a fixed scheme.",
    params=(
        menu(
            "/colour/mode",
            "pitch scheme",
            "pitch: C is red, an octave is once round the hue circle; scheme: the hues of /colour/scheme.",
            words="color palette pitch",
        ),
        circle(
            "/colour/base_hue",
            0.57,
            0,
            1,
            "Turns the hues of all layers together; 1 is once round.",
            "turns",
            words="color tint shift palette rainbow",
        ),
        number(
            "/colour/glide_ms",
            1500,
            0,
            10_000,
            "In pitch mode a layer's hue goes to that of a new note with this time constant, the short way round, and "
            "slower the less sure the pitch is: noise does not move it. 0: at once, whatever is heard.",
            "ms",
            words="color colour smooth slew lag calm speed",
        ),
        number(
            "/colour/scheme",
            0,
            0,
            1,
            "Hues of layers 1 to 4 in scheme mode. 0: 0 1/4 1/2 3/4; 0.5: 0 1/3 2/3 1/2; 1: 0 1/3 2/3 1/6.",
            words="color palette harmony tint",
        ),
        number(
            "/colour/spread",
            0.14,
            0,
            1,
            "How far apart the layers' hues may lie. 1: anywhere on the hue circle; 0: all at the base hue; between, "
            "the hues of the pitches or of the scheme are drawn together around it.",
            words="color palette harmony range",
        ),
    ),
)
