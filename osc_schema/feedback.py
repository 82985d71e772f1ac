"""The last picture, moved, under this one."""

from osc_schema.declare import number
from osc_schema.types import Area

AREA = Area(
    title="Feedback",
    description="The last picture, moved, under this one: at each place the brighter of the two wins. "
    "What comes in from outside it is mirrored at its edges.",
    params=(
        number(
            "/feedback/amount",
            0.72,
            0,
            0.98,
            "How bright the last picture comes back; 0: no feedback.",
            words="trail trails echo persistence delay tail glow smear blur motion",
        ),
        number(
            "/feedback/zoom",
            1.03,
            0.9,
            1.1,
            "Size of the last picture in this one.",
            scale="exponential",
            words="trail echo scale size tunnel speed",
        ),
        number(
            "/feedback/rotate",
            0.4,
            -10,
            10,
            "Turn of the last picture from frame to frame.",
            "deg",
            words="trail echo spin rotation turn swirl",
        ),
        number(
            "/feedback/hue",
            0.045,
            -0.1,
            0.1,
            "Hue shift of the last picture from frame to frame.",
            "turns",
            words="trail echo color colour rainbow shift",
        ),
    ),
)
