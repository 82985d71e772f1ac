"""Mix and tone of the four layers.

The defaults of this area, of colours, layers, feedback, mirror and modulation make one look, the first that a new user
sees: a rose window on a dark ground, black in silence.
"""

from osc_schema.declare import menu, number, stops
from osc_schema.types import Area

AREA = Area(
    title="Multiverse",
    description="Mixes the four layers into one picture.",
    params=(
        menu(
            "/mode",
            "multiverse simple",
            "multiverse: the four layers; simple: the SD picture alone, or the camera while SD is off.",
            words="simple camera ai",
        ),
        stops(
            "/multiverse/blend",
            "add screen difference dodge",
            "How each layer is mixed with those before it; crossfades between two neighbouring modes.",
            default=2.0,
            words="mix glow bloom screen composite",
        ),
        number(
            "/multiverse/brightness",
            3.8,
            0,
            4,
            "Gain of the mixed picture, after layer 5 and before the tone curve.",
            words="gain glow bloom level exposure light intensity",
        ),
        number(
            "/multiverse/bias",
            0,
            0,
            0.5,
            "Grey level of silence. 0: black; 0.5: the original VAV look (half bright).",
            words="black background dark offset",
        ),
        menu(
            "/multiverse/tone",
            "soft clip",
            "soft: rolls off highlights, (x/(1+x))^0.8; clip: clips them to white, as the original did.",
            default="clip",
            words="contrast curve clip rolloff gamma",
        ),
        menu(
            "/multiverse/alpha",
            "opaque luma",
            "Alpha channel of the published picture. luma: premultiplied, the maximum of red, green and blue, for "
            "compositing. Belongs to the video setup, so presets and panic leave it alone.",
            stored=False,
            is_look=False,
            words="transparency transparent key",
        ),
        number(
            "/multiverse/window_ms",
            11,
            5,
            1000,
            "Length of sound shown across the width of the picture.",
            "ms",
            scale="exponential",
            words="zoom scale speed time size scope",
        ),
    ),
)
