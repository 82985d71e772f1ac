"""Colour of each layer."""

from osc_schema.declare import circle, menu, number
from osc_schema.types import Area

AREA = Area(
    title="Colour",
    description="Colour of each layer, from the pitch of its channel or from a fixed scheme.",
    params=(
        menu(
            "/colour/mode",
            "pitch scheme",
            "pitch: the hue follows the note, C is red, an octave is one turn; scheme: fixed hues, see /colour/scheme.",
            words="color palette pitch",
        ),
        circle(
            "/colour/base_hue",
            0.57,
            0,
            1,
            "Shifts the hues of all layers together; 1 is a full turn.",
            "turns",
            words="color tint shift palette rainbow",
        ),
        number(
            "/colour/glide_ms",
            1500,
            0,
            10_000,
            "How slowly a layer's hue follows a new note in pitch mode (time constant); slower if the pitch is "
            "unclear, so that noise does not move it. 0: at once, also for an unclear pitch.",
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
            "How far apart the layers' hues are. 1: as far as the pitches or the scheme set them; 0: all at the base "
            "hue; between: closer to it.",
            words="color palette harmony range",
        ),
    ),
)
