"""Live SAM3 segmentation, in a child process: what it looks for, where, and how much of the machine it takes."""

from typing import Any

from osc_schema.declare import arguments, menu, number, switch, text, whole
from osc_schema.types import Area, Command, ExtraPicture, Param

CHILD = "sam3"
PROMPTS = (1, 2, 3, 4)
MAX_PROMPT = 4096
"""Characters. The model reads 32 tokens of it and says so; a paste must not be refused for its length."""
MAX_OBJECTS = 16
RESOLUTIONS_PX = (336, 672, 1008)
"""Multiples of 14 px a patch that fill the 24-patch window of the model's attention."""

OBJECT_ARGUMENTS = ("id", "prompt", "score", "cx", "cy", "w", "h")
"""What `/sam3/object/<k>` says, in its order: two whole numbers, then five of 0 to 1."""

# What is looked for: presets hold it; panic leaves it, as it leaves all models.
_ASKED: dict[str, Any] = {"is_look": False, "child": CHILD}
# How it is run on this machine: kept for --resume only.
_RUN: dict[str, Any] = {"stored": False, "is_look": False, "child": CHILD}
# What the command line decides at every start.
_RUNNING: dict[str, Any] = {"stored": False, "is_look": False, "resumed": False, "child": CHILD}
# What the engine does with the masks; no child is told.
_SHOWN: dict[str, Any] = {"is_look": False}


def _number(address: str, default: float, low: float, high: float, description: str, unit: str = "") -> Param:
    """A value that is taken once a picture: it does not glide."""
    return number(address, default, low, high, description, unit, smoothing_ms=0, **_ASKED)


AREA = Area(
    title="SAM3",
    description="Finds what is named in words, in a process of its own, and follows it. Needs a model: `multiverse run "
    "--sam3 MODEL`. The masks make the regions (`/region/mode sam3`), cut out layer 5 (`/layer/5/matte`), steer a "
    "ControlNet (`/sd/controlnet/<n>/source sam3`) and are the textures `Multiverse SAM3` and `Multiverse SAM3 mask`. "
    "Subscribers are sent, with every result, `/sam3/objects <count>` and for each object, best first, "
    f"`/sam3/object/<k> {' '.join(f'<{name}>' for name in OBJECT_ARGUMENTS)}`: k from 1, the number of the prompt, the "
    "score 0 to 1, centre and size of its box in 0 to 1 of the picture, from the top left. While mode is track an "
    "object keeps its id, until another process takes the child's place.",
    words="ai segmentation segment mask matte cutout detect",
    pictures=(
        ExtraPicture(name="sam3", addition="SAM3", model="SAM3", option="--sam3 MODEL"),
        ExtraPicture(name="sam3_mask", addition="SAM3 mask", model="SAM3", option="--sam3 MODEL"),
    ),
    params=(
        switch("/sam3/enable", False, "Switches SAM3 on. Refused while no model is configured.", **_RUNNING),
        menu(
            "/sam3/source",
            "auto camera video multiverse sd",
            "Where SAM3 looks. auto: the camera where there is one, else the Multiverse; video: the file of "
            "--sam3-video; multiverse: the finished picture; sd: the picture of Stable Diffusion.",
            words="input camera webcam video",
            **_ASKED,
        ),
        *(
            text(
                f"/sam3/prompt/{n}",
                "person" if n == 1 else "",
                f"Concept {n} to find, in a few words, such as `person in red`. Empty: not used.",
                most=MAX_PROMPT,
                words="text find object person",
                **_ASKED,
            )
            for n in PROMPTS
        ),
        menu(
            "/sam3/mode",
            "image track",
            "image: every picture by itself, ids by rank; track: objects are followed and keep their ids.",
            **_ASKED,
        ),
        _number("/sam3/threshold", 0.5, 0.05, 0.95, "Least score of an object, 0 to 1."),
        whole("/sam3/max_objects", MAX_OBJECTS, 1, MAX_OBJECTS, "Most objects at once; the best are kept.", **_ASKED),
        menu(
            "/sam3/mask_edge",
            "soft hard",
            "Edges of masks in the texture `Multiverse SAM3` and of layer 5's matte: soft: graded; hard: cut at one "
            "half.",
            words="matte cutout feather",
            **_SHOWN,
        ),
        number("/sam3/opacity", 0.5, 0, 1, "Strength of the colours over the picture in `Multiverse SAM3`.", **_SHOWN),
        menu(
            "/sam3/fallback",
            "hold source",
            "What masks do while SAM3 is away. hold: the last ones stay; source: as if there were none: the picture "
            "without colours, all of layer 5, regions by quadrant.",
            **_SHOWN,
        ),
        _number("/sam3/interval_s", 0, 0, 10, "Least time from result to result; 0: as fast as it can.", "s"),
        whole(
            "/sam3/resolution",
            1008,
            RESOLUTIONS_PX[0],
            RESOLUTIONS_PX[-1],
            "Side of the square the picture is scaled to: 1008 finds most, 336 is a tenth of the work. The old one "
            "works on until the new one is ready.",
            "px",
            step=RESOLUTIONS_PX[0],
            words="size quality speed",
            is_confirmed=True,
            **_RUN,
        ),
        _number("/sam3/duty", 1, 0.05, 1, "Share of the time that SAM3 may work, where duty_auto is off."),
        switch(
            "/sam3/duty_auto",
            True,
            "Lets SAM3 take what the picture leaves: less after late frames, slowly more again. Off: /sam3/duty.",
            **_RUN,
        ),
        number(
            "/sam3/slice_ms",
            4,
            1,
            50,
            "Longest stretch of GPU work before SAM3 looks whether the picture needs the GPU.",
            "ms",
            smoothing_ms=0,
            **_RUN,
        ),
        switch("/sam3/gate", True, "Lets SAM3 wait while the picture is being drawn.", **_RUN),
        switch(
            "/sam3/compile",
            False,
            "Compiles the model: minutes at the start, faster after it. The one before works on meanwhile.",
            **_RUN,
        ),
        switch(
            "/sam3/offload",
            False,
            "Keeps the weights in main memory and brings them to the GPU as they are used: for small cards, slow.",
            **_RUN,
        ),
    ),
    commands=(
        Command(
            address="/sam3/empty_cache",
            arguments=arguments(""),
            description="Gives memory that SAM3 keeps for later back to the GPU.",
            replies=("/done /sam3/empty_cache <what>", "/fail /sam3/empty_cache <reason>"),
        ),
    ),
)
