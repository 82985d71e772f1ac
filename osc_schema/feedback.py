"""Video feedback: the last picture, moved, under the new one."""

from osc_schema.declare import number
from osc_schema.types import Area

AREA = Area(
    title="Feedback",
    description="Video feedback: the last picture is moved and put under the new one; each pixel "
    "shows the brighter of "
    "the two. Outside its edges the last picture is mirrored.",
    params=(
        number(
            "/feedback/amount",
            0,
            0,
            0.98,
            "Trail: brightness of the last picture; 0: none.",
            tags="trail trails echo persistence delay tail glow smear blur motion",
        ),
        number(
            "/feedback/zoom",
            1,
            0.9,
            1.1,
            "Zoom of the last picture from frame to frame; above 1 it grows.",
            scale="exponential",
            tags="trail echo scale size tunnel speed",
        ),
        number(
            "/feedback/rotate",
            0,
            -10,
            10,
            "Rotation of the last picture from frame to frame.",
            "deg",
            tags="trail echo spin rotation turn swirl",
        ),
        number(
            "/feedback/hue",
            0,
            -0.1,
            0.1,
            "Hue shift of the last picture from frame to frame.",
            "turns",
            tags="trail echo color colour rainbow shift",
        ),
    ),
)
