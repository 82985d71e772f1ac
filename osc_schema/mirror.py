"""Symmetry of the finished picture."""

from osc_schema.declare import menu, whole
from osc_schema.types import Area

AREA = Area(
    title="Mirror",
    description="Symmetry of the whole picture, after feedback.",
    params=(
        menu(
            "/mirror/mode",
            "off x y xy kaleidoscope",
            "x: mirrors the left half onto the right; y: the top half onto the bottom; xy: both; "
            "kaleidoscope: /mirror/segments sectors around the centre.",
            tags="kaleidoscope symmetry reflect flip",
        ),
        whole(
            "/mirror/segments",
            6,
            2,
            24,
            "Number of kaleidoscope sectors.",
            tags="kaleidoscope symmetry slices sides",
        ),
    ),
)
