"""Mix and tone of the four layers.

The defaults of this area, of colours, layers, feedback, mirror and modulation make one look, the
first that a new user sees: an eclipse (first_look.py has what differs from the plain picture of the
areas' own lines).
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
            "multiverse: the four layers; simple: the SD picture alone, or the camera while SD is "
            "off.",
            tags="simple camera ai",
        ),
        stops(
            "/multiverse/blend",
            "add screen difference dodge",
            "How each layer is mixed with those before it. Values between two modes crossfade "
            "them.",
            tags="mix glow bloom screen composite",
        ),
        number(
            "/multiverse/brightness",
            2.5,
            0,
            4,
            "Gain of the mixed picture, layer 5 included, before the tone curve.",
            tags="gain glow bloom level exposure light intensity",
        ),
        number(
            "/multiverse/bias",
            0.1,
            0,
            0.5,
            "Grey level of silence. 0: black; 0.5: the original VAV look (half bright).",
            tags="black background dark offset",
        ),
        menu(
            "/multiverse/tone",
            "soft clip filmic",
            "soft: rolls off highlights, (x/(1+x))^0.8; clip: clips each channel, as in the "
            "original; filmic: bright "
            "colours keep their hue and turn to white.",
            tags="contrast curve clip rolloff gamma agx aces highlight white hdr",
        ),
        menu(
            "/multiverse/light",
            "classic linear",
            "How layers add up. classic: display values, as in the original; linear: light, as "
            "lamps do: mixed colours "
            "stay clean, and a dark ground stays dark.",
            tags="gamma colour color blend physical scene",
        ),
        menu(
            "/multiverse/alpha",
            "opaque luma",
            "Alpha channel of the published picture. luma: the maximum of red, green and blue, "
            "premultiplied, for "
            "compositing. Part of the video setup, so presets and panic do not change it.",
            stored=False,
            is_look=False,
            tags="transparency transparent key",
        ),
        number(
            "/multiverse/window_ms",
            50,
            5,
            1000,
            "How much sound is shown across the width of the picture.",
            "ms",
            scale="exponential",
            tags="zoom scale speed time size scope",
        ),
    ),
)
