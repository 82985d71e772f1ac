"""Live SAM3 segmentation in a child process: prompts, source, results, and its share of the
machine."""

from collections.abc import Callable
from functools import partial
from typing import Any

from osc_schema.declare import menu, message, number, of_child, pace, switch, text, whole
from osc_schema.types import Area, Command, ExtraPicture, FoundObjects, Param

CHILD = "sam3"
PROMPTS = (1, 2, 3, 4)
MAX_PROMPT = 4096
"""Characters. The model reads 32 tokens and warns about the rest, so that a long pasted text is not
refused."""
MAX_OBJECTS = 16
MIN_MEMORIES, MAX_MEMORIES = 3, 7
"""Frames that the next mask of a tracked object is computed from; 7 as published (num_maskmem)."""
RESOLUTIONS_PX = (336, 504, 672, 840, 1008)
"""Sides in steps of half the model's attention window, which is 24 patches of 14 px. The model runs
at any multiple of 14 px, but fills up its windows: 350 px would be twice the work of 336."""

FOUND_OBJECTS = FoundObjects(
    count=message("/sam3/objects", "count:i", "The number of objects, with every result."),
    each=message(
        "/sam3/object/<n>",
        "id:i prompt:i score:f cx:f cy:f w:f h:f",
        "After `/sam3/objects`, each of them, best first: the number of the prompt, the score "
        "0..1, centre and size of "
        "the box as fractions of the picture, from the top left. In track mode an object keeps "
        "its id, until the child "
        "process is replaced.",
        last=MAX_OBJECTS,
    ),
)
OBJECT_ARGUMENTS = tuple(argument.name for argument in FOUND_OBJECTS.each.arguments)

_PRESET, _RUN, _RUNNING = of_child(CHILD)
# Use of the masks by the engine; not sent to the child.
_MASKS: dict[str, Any] = {"is_look": False}
# read once per picture: it does not glide
_number: Callable[..., Param] = partial(number, smoothing_ms=0, **_PRESET)


AREA = Area(
    title="SAM3",
    description="Finds and tracks objects described in words, in a child process. Needs a model: "
    "`multiverse run "
    "--sam3 MODEL`. The masks make the regions (`/region/mode sam3`), cut out layer 5 "
    "(`/layer/5/matte`), steer a "
    "ControlNet (`/sd/controlnet/<n>/source sam3`) and are published as the textures `Multiverse "
    "SAM3` and `Multiverse "
    "SAM3 mask`, and what is found is sent to subscribers (`/sam3/object/1`).",
    tags="ai segmentation segment mask matte cutout detect",
    pictures=(
        ExtraPicture(
            name="sam3",
            addition="SAM3",
            shows="the input of SAM3 with masks over it",
            model="SAM3",
            option="--sam3 MODEL",
        ),
        ExtraPicture(
            name="sam3_mask",
            addition="SAM3 mask",
            shows="the masks only (object numbers, which ndi and record blur)",
            model="SAM3",
            option="--sam3 MODEL",
        ),
    ),
    found_objects=FOUND_OBJECTS,
    messages=(FOUND_OBJECTS.count, FOUND_OBJECTS.each),
    order=20,
    params=(
        switch(
            "/sam3/enable",
            False,
            "Switches SAM3 on. Refused without a configured model.",
            **_RUNNING,
        ),
        menu(
            "/sam3/source",
            "auto camera video multiverse sd",
            "Input of SAM3. auto: the camera if there is one, else the Multiverse; video: the "
            "file of --sam3-video; "
            "multiverse: the finished picture; sd: the picture of Stable Diffusion.",
            tags="input camera webcam video",
            **_PRESET,
        ),
        *(
            text(
                f"/sam3/prompt/{n}",
                "person" if n == 1 else "",
                f"Object {n} to find, in a few words, such as `person in red`. Empty: not used.",
                most=MAX_PROMPT,
                tags="text find object person",
                **_PRESET,
            )
            for n in PROMPTS
        ),
        menu(
            "/sam3/mode",
            "image track",
            "image: each picture by itself, ids by rank; track: tracks objects, which keep their "
            "ids.",
            **_PRESET,
        ),
        _number("/sam3/threshold", 0.5, 0.05, 0.95, "Minimum score of an object, 0 to 1."),
        whole(
            "/sam3/max_objects",
            MAX_OBJECTS,
            1,
            MAX_OBJECTS,
            "Maximum number of objects; those with the best scores are used.",
            **_PRESET,
        ),
        whole(
            "/sam3/memories",
            MAX_MEMORIES,
            MIN_MEMORIES,
            MAX_MEMORIES,
            "Frames that the next mask of a tracked object is computed from, that one included: "
            "fewer are faster, but "
            "lose an object sooner behind another. Mode track.",
            tags="speed track",
            **_PRESET,
        ),
        whole(
            "/sam3/detect_every",
            1,
            1,
            16,
            "Looks for objects in each n-th picture only, and tracks the known ones in those "
            "between: faster. Mode "
            "track.",
            tags="speed track interval",
            **_PRESET,
        ),
        menu(
            "/sam3/mask_edge",
            "soft hard",
            "Mask edges in the texture `Multiverse SAM3` and in the matte of layer 5. soft: "
            "gradual; hard: cut at 0.5.",
            tags="matte cutout feather",
            **_MASKS,
        ),
        number(
            "/sam3/opacity",
            0.5,
            0,
            1,
            "Opacity of the mask colours over the picture in `Multiverse SAM3`.",
            **_MASKS,
        ),
        menu(
            "/sam3/fallback",
            "hold source",
            "Masks while SAM3 is down. hold: keeps the last ones; source: uses none: the picture "
            "without colours, all "
            "of layer 5, regions by quadrant.",
            **_MASKS,
        ),
        _number(
            "/sam3/interval_s",
            0,
            0,
            10,
            "Minimum time between results; 0: as fast as possible.",
            "s",
        ),
        whole(
            "/sam3/resolution",
            1008,
            RESOLUTIONS_PX[0],
            RESOLUTIONS_PX[-1],
            "Side of the square that the picture is scaled to, in steps of 168: 1008 finds most; "
            "840 is three quarters "
            "of its work, 672 four tenths, 504 three tenths, 336 a tenth. Others are rounded. The "
            "old process keeps "
            "running until the new one is ready.",
            "px",
            step=RESOLUTIONS_PX[1] - RESOLUTIONS_PX[0],
            tags="size quality speed",
            is_confirmed=True,
            **_RUN,
        ),
        *pace(CHILD, "SAM3"),
        switch(
            "/sam3/compile",
            False,
            "Compiles the model: takes minutes, then runs faster. The old process keeps running "
            "meanwhile.",
            **_RUN,
        ),
        switch(
            "/sam3/offload",
            False,
            "Keeps the weights in main memory and copies them to the GPU when needed: for small "
            "GPUs; slow.",
            **_RUN,
        ),
        switch(
            "/sam3/fp8",
            False,
            "Computes in 8-bit floating point, on Linux with cards from RTX 40 and H100 on: "
            "faster with /sam3/compile, "
            "but masks differ a little. The old process keeps running until the new one is ready.",
            tags="speed half precision",
            **_RUN,
        ),
    ),
    commands=(
        Command(
            address="/sam3/empty_cache",
            description="Returns cached GPU memory of SAM3 to the system.",
            replies=("/done /sam3/empty_cache <what>", "/fail /sam3/empty_cache <reason>"),
        ),
    ),
)
