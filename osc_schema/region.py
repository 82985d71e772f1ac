"""Region maps: assign each pixel of the picture to a leading layer."""

from osc_schema.declare import menu, number, switch, whole
from osc_schema.types import Area

LAYERS = (1, 2, 3, 4)
MAX_PROMPT = 4


def prompt_address(layer: int) -> str:
    return f"/region/{layer}/prompt"


AREA = Area(
    title="Regions",
    description="A map made from the camera or the SD picture that gives each pixel to one layer.",
    params=(
        switch(
            "/region/enable",
            False,
            "Uses a region map to choose the leading layer of each pixel.",
            tags="mask zones segmentation areas",
        ),
        menu(
            "/region/mode",
            "brightness colour quadrant edges sam3",
            "Source of the map: luma, hue, the four quarters of the picture, its outlines, or the "
            "objects that SAM3 "
            "finds. sam3: the best object is region 0, the next 1, 2 and 3, or as "
            "`/region/1/prompt` says; tracked "
            "objects keep their region. Quadrant is used by edges where there is no outline, and "
            "by sam3 until the "
            "first masks arrive.",
            tags="mask zones segmentation color edges",
        ),
        number(
            "/region/spread",
            0,
            0,
            1,
            "Weight of the other three layers at each pixel; 1: no effect of the map.",
            tags="blend soft smooth",
        ),
        switch(
            "/region/equalise",
            True,
            "Sets the brightness thresholds to the quartiles of the picture, so that every "
            "picture has all four "
            "regions; off: 1/4, 1/2, 3/4.",
        ),
        number(
            "/region/hue_offset",
            0,
            0,
            1,
            "Hue at which the first of the four hue ranges starts.",
            "turns",
            tags="color colour tint",
        ),
        number(
            "/region/sat_min",
            0.2,
            0,
            1,
            "Minimum saturation in colour mode; greyer pixels are assigned by brightness.",
            tags="color colour saturation grey gray",
        ),
        whole(
            "/region/background",
            3,
            0,
            3,
            "Region of everything outside the objects in sam3 mode (0 is layer 1).",
        ),
        *(
            whole(
                prompt_address(n),
                0,
                0,
                MAX_PROMPT,
                f"In sam3 mode the region of layer {n} is all that SAM3 finds for this prompt, "
                "/sam3/prompt/1 to 4; "
                "layers with the same one share its objects. 0: one object, by rank, of a prompt "
                "that no layer names.",
                tags="object text segmentation",
            )
            for n in LAYERS
        ),
    ),
)
