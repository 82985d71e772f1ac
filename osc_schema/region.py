"""Region maps: which layer leads at which place of the picture."""

from osc_schema.declare import menu, number, switch, whole
from osc_schema.types import Area

AREA = Area(
    title="Regions",
    description="A map, made from the camera or the SD picture, that gives each place to one layer.",
    params=(
        switch(
            "/region/enable",
            False,
            "Lets the region map choose the leading layer at each place.",
            words="mask zones segmentation areas",
        ),
        menu(
            "/region/mode",
            "brightness colour quadrant edges sam3",
            "How the map is made: from luma, hue, the four quarters of the picture, its outlines, or "
            "from the objects that SAM3 finds: the best is region 0, the next 1, 2 and 3, and while they are followed "
            "each keeps its region. edges draws quadrant where there is no outline, sam3 while there are no masks yet.",
            words="mask zones segmentation color edges",
        ),
        number(
            "/region/spread",
            0,
            0,
            1,
            "Weight of the three layers that do not lead; 1: as if there were no map.",
            words="blend soft smooth",
        ),
        switch(
            "/region/equalise",
            True,
            "Brightness thresholds at the quartiles, so that all four regions exist in any picture; "
            "off: at 1/4, 1/2, 3/4.",
        ),
        number(
            "/region/hue_offset",
            0,
            0,
            1,
            "Where the first of the four hue quarters begins.",
            "turns",
            words="color colour tint",
        ),
        number(
            "/region/sat_min",
            0.2,
            0,
            1,
            "In colour mode greyer places than this go by brightness.",
            words="color colour saturation grey gray",
        ),
        whole(
            "/region/background",
            3,
            0,
            3,
            "In sam3 mode the region of what is in none of the four objects (0 is layer 1).",
        ),
    ),
)
