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
            0,
            0,
            1,
            "Turns the hues of all layers together; 1 is once round.",
            "turns",
            words="color tint shift palette rainbow",
        ),
        number(
            "/colour/scheme",
            0,
            0,
            1,
            "Hues of layers 1 to 4 in scheme mode. 0: 0 1/4 1/2 3/4; 0.5: 0 1/3 2/3 1/2; 1: 0 1/3 2/3 1/6.",
            words="color palette harmony tint",
        ),
    ),
)
