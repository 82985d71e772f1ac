"""The picture as a whole: how the four layers are mixed and toned.

The defaults of this area, of the colours, layers, feedback, mirror and modulation are one look, the first that a new
user sees: a rose window on dark ground, black in silence.
"""

from osc_schema.declare import menu, number, stops
from osc_schema.types import Area

AREA = Area(
    title="Multiverse",
    description="How the four layers become one picture.",
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
            "How each layer meets those before it. Between two stops their results are crossfaded.",
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
            "Grey level of silence. 0: silence is dark; 0.5 is the original VAV look (silence is half bright).",
            words="black background dark offset",
        ),
        menu(
            "/multiverse/tone",
            "soft clip",
            "soft: rolls bright parts off, (x/(1+x))^0.8; clip: cuts them at white, as the original did.",
            default="clip",
            words="contrast curve clip rolloff gamma",
        ),
        menu(
            "/multiverse/alpha",
            "opaque luma",
            "Alpha of the published picture. luma: premultiplied, the largest of red, green and blue, for "
            "compositing. Belongs to the wiring behind the engine, so presets and panic leave it.",
            stored=False,
            is_look=False,
            words="transparency transparent key",
        ),
        number(
            "/multiverse/window_ms",
            11,
            5,
            1000,
            "Length of sound that one width of the picture shows.",
            "ms",
            scale="exponential",
            words="zoom scale speed time size scope",
        ),
    ),
)
