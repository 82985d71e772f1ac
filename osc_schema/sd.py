"""Live Stable Diffusion in a child process: input, prompts, and its share of the machine."""

from collections.abc import Callable
from functools import partial
from typing import Any

from osc_schema.declare import (
    TEXT_CHARACTERS,
    circle,
    file,
    listing,
    menu,
    model_list,
    number,
    of_child,
    pace,
    switch,
    text,
    whole,
)
from osc_schema.types import Area, ExtraPicture, Param, as_number

CHILD = "sd"
LORAS = (1, 2, 3, 4)
CONTROLNETS = (1, 2)
PROMPTS = (1, 2, 3, 4, 5, 6, 7, 8)
REFERENCES = ("", "_b", "_c", "_d")
"""Ends of the addresses of the IP-Adapter's pictures and their weights."""
MAX_SIDE_PX = 1024
LARGER = "2x"
"""Item of /sd/upscale: the child publishes pictures of twice the size."""
MASKS_SOURCE = "sam3"
"""Item of /sd/controlnet/<n>/source: the masks of found objects."""

LISTS = {
    "loras": ("LoRAs", "; `/sd/lora/1/file` takes these names"),
    "controlnets": ("ControlNets", "; `/sd/controlnet/1/file` takes these names"),
    "embeddings": ("embeddings", ", and its word"),
    "ip_adapters": ("IP-Adapters", ""),
    "image_encoders": ("image encoders of IP-Adapters", ""),
    "vaes": ("VAEs", ""),
    "unets": ("UNets without a model", ""),
    "upscalers": ("upscalers", ""),
}
"""Kinds of files beside the models -> what they are called, and what else their list
`/sd/KIND/list` is for."""

_PRESET, _RUN, _RUNNING = of_child(CHILD)
# Use of the pictures by the engine; not sent to the child.
_PICTURES: dict[str, Any] = {"is_look": False}
# read once per picture: it does not glide
_number: Callable[..., Param] = partial(number, smoothing_ms=0, **_PRESET)


def _controlnet(n: int) -> tuple[Param, ...]:
    at = f"/sd/controlnet/{n}"
    return (
        switch(f"{at}/enable", False, f"Switches ControlNet {n} on.", **_PRESET),
        _number(f"{at}/scale", 1, 0, 2, f"Strength of ControlNet {n}; 0: no effect."),
        menu(
            f"{at}/source",
            f"input edges {MASKS_SOURCE} soft depth pose",
            f"What ControlNet {n} sees of the picture that /sd/controlnet/{n}/from names. input: "
            "the picture itself; "
            "edges: thin outlines, white on black, for canny; soft: blurred outlines, for "
            "softedge and HED, drawn from "
            "brightness at three scales, not by their network; depth: near is white, by the model "
            "of --sd-depth; "
            "pose: the skeleton of one person in OpenPose's colours, by the model of --sd-pose; "
            "sam3: the objects that "
            "SAM3 finds, in the colours that segmentation ControlNets expect.",
            tags="canny hed softedge outlines control openpose skeleton",
            **_PRESET,
        ),
        menu(
            f"{at}/from",
            "source second last",
            f"Picture that ControlNet {n} sees by /sd/controlnet/{n}/source (sam3 has its own). "
            "source: the input of "
            "SD; second: that of --sd-second, for example a depth map or a skeleton that is ready "
            "(source input); "
            "last: what SD painted last, for TemporalNet (source input); before the first picture "
            "the input of SD.",
            tags="temporal temporalnet external control",
            **_PRESET,
        ),
        menu(
            f"{at}/mode",
            "auto pose depth soft edges normal segments tile",
            f"Kind of control image that ControlNet {n} gets, if it is a ControlNet Union; others "
            "have one kind. "
            "auto: by its source; with source input tile, or edges if it knows no tile.",
            tags="union control",
            **_PRESET,
        ),
        _chosen(at, "ControlNet", n),
    )


def _reference(end: str) -> tuple[Param, ...]:
    which = end.upper().replace("_", " ")
    return (
        file(
            f"/sd/ip_adapter/image{end}",
            f"Reference picture{which} of the IP-Adapter: a name in the pictures folder. Empty: "
            "none.",
            **_PRESET,
        ),
        _number(
            f"/sd/ip_adapter/weight{end}",
            1,
            0,
            1,
            f"Weight of reference picture{which} among the others; alone, any above 0 counts in "
            "full.",
        ),
    )


def _lora(n: int) -> tuple[Param, ...]:
    at = f"/sd/lora/{n}"
    return (
        _number(
            f"{at}/weight",
            1,
            -2,
            2,
            f"Strength of LoRA {n}; 0: no effect. A tag `<lora:name:0.8>` in the prompt sets it, "
            "too; the latest "
            "change counts.",
        ),
        _chosen(at, "LoRA", n),
    )


def _chosen(at: str, what: str, n: int) -> Param:
    return file(
        f"{at}/file",
        f"File of {what} {n}: a name in the configured model folders. The model keeps running "
        "until it is loaded again "
        f"with it. Empty: {what} {n} of the configuration, if there is one.",
        **_RUNNING,
    )


def _prompt(n: int) -> tuple[Param, ...]:
    at = f"/sd/prompts/{n}"
    what = f"Prompt {n}, blended with the other numbered prompts by its weight."
    if n == 1:
        what += (
            " Where none of the prompts 1 to 8 has a text and a weight, /sd/prompt and "
            "/sd/prompt_b are used."
        )
    return (
        text(f"{at}/text", "", what, most=TEXT_CHARACTERS, tags="text description", **_PRESET),
        _number(
            f"{at}/weight",
            int(n == 1),
            0,
            1,
            f"Share of prompt {n} in the blend; 0: none.",
            tags="mix",
        ),
    )


AREA = Area(
    title="Stable Diffusion",
    description="Repaints the camera, a video, the Multiverse or its own last picture in a child "
    "process. Needs "
    "a model: `multiverse run --sd MODEL`. The result is the source `sd` of layer 5 and the "
    "texture `Multiverse SD`.",
    tags="ai diffusion img2img",
    pictures=(
        ExtraPicture(
            name="sd",
            addition="SD",
            shows="the picture of Stable Diffusion",
            model="Stable Diffusion",
            option="--sd MODEL",
        ),
    ),
    paints_layer5=True,
    fully_named=("sd",),
    order=10,
    params=(
        switch(
            "/sd/enable", False, "Switches SD on. Refused without a configured model.", **_RUNNING
        ),
        file(
            "/sd/model",
            "Model to use: a name in the configured model folders. The old model keeps running "
            "until the new one is "
            "ready. Empty: the configured model.",
            **_RUNNING,
        ),
        text(
            "/sd/prompt",
            "",
            "Prompt: describes the picture.",
            most=TEXT_CHARACTERS,
            tags="text description",
            **_PRESET,
        ),
        text(
            "/sd/negative",
            "",
            "Negative prompt; needs a guidance above 1.",
            most=TEXT_CHARACTERS,
            **_PRESET,
        ),
        text(
            "/sd/prompt_b",
            "",
            "Second prompt, mixed in with /sd/prompt_mix.",
            most=TEXT_CHARACTERS,
            **_PRESET,
        ),
        _number("/sd/prompt_mix", 0, 0, 1, "Mix from the prompt (0) to the second prompt (1)."),
        *(param for n in PROMPTS for param in _prompt(n)),
        menu(
            "/sd/blend",
            "slerp linear",
            "How prompts and seeds are blended. slerp: along the arc between them, at full "
            "strength; linear: their "
            "weighted mean, which is calmer half-way.",
            tags="interpolation interpolate mix prompts seeds",
            **_PRESET,
        ),
        switch(
            "/sd/regions",
            False,
            "Prompts by region: prompt 1 paints the region of layer 1, and so on to 4, as much as "
            "its weight says; "
            "/sd/prompt the rest. The regions are those of /region/mode, also while "
            "/region/enable is off.",
            tags="regional mask area compose attention couple",
            **_PRESET,
        ),
        switch(
            "/sd/travel/enable",
            False,
            "Travels through the prompts 1 to 8 that have a text, one after the other; their "
            "weights are not used.",
            tags="walk sequence journey interpolate prompts morph",
            **_PICTURES,
        ),
        number(
            "/sd/travel/rate",
            0.25,
            -4,
            4,
            "Prompts a bar; below 0 backwards. A new rate begins with the next bar.",
            "1/bar",
            smoothing_ms=0,
            **_PICTURES,
        ),
        circle(
            "/sd/travel/position",
            0,
            0,
            len(PROMPTS),
            "Position in the list where the travel continues: 0 is the first prompt, 1.5 half-way "
            "from the second to "
            "the third.",
            smoothing_ms=0,
            **_PICTURES,
        ),
        number(
            "/sd/travel/glide",
            1,
            0,
            1,
            "Share of the time that is spent on the way to the next prompt. 0: changes at once.",
            smoothing_ms=0,
            **_PICTURES,
        ),
        whole(
            "/sd/clip_skip",
            0,
            0,
            12,
            "Layer of the text encoder to use, counted from the end as CivitAI does: 1: the last; "
            "2: the last but one. "
            "0: the model's own setting.",
            tags="clip layer prompt",
            **_PRESET,
        ),
        whole(
            "/sd/seed",
            1,
            -1,
            2_147_483_647,
            "Seed of the noise: the same seed and input give the same result. -1: a new seed each "
            "time.",
            tags="random variation noise",
            **_PRESET,
        ),
        whole(
            "/sd/seed_b",
            2,
            -1,
            2_147_483_647,
            "Second seed, mixed in with /sd/seed_mix. -1: a new seed each time.",
            tags="random variation noise",
            **_PRESET,
        ),
        _number(
            "/sd/seed_mix",
            0,
            0,
            1,
            "Mix from the noise of the seed (0) to that of the second seed (1).",
            tags="noise",
        ),
        whole(
            "/sd/steps",
            2,
            1,
            20,
            "Denoising steps; only the last fraction `strength` is run: at 0.5 one of 2. More: "
            "finer and slower.",
            tags="quality iterations speed",
            **_PRESET,
        ),
        _number(
            "/sd/strength",
            0.5,
            0.05,
            1,
            "Denoising strength: how far the result may differ from the input. The number of "
            "steps run is whole, at "
            "least one: with 2 steps the effect changes only at 1, with 20 at each 0.05.",
            tags="denoising denoise noise amount mix",
        ),
        _number(
            "/sd/guidance",
            1,
            1,
            15,
            "Guidance scale: how closely the picture follows the prompt; 1 is off. Use 1 to 2 for "
            "LCM models, 1 for "
            "turbo, lightning and most Hyper-SD. At 1, models with guidance as an input "
            "(LCM_Dreamshaper_v7) get 8.",
            tags="cfg scale",
        ),
        _number(
            "/sd/guidance_begin",
            0,
            0,
            1,
            "Share of the steps from which on guidance acts; 0: from the first one on.",
        ),
        _number(
            "/sd/guidance_end",
            1,
            0,
            1,
            "Share of the steps until which guidance acts; 1: until the last one.",
        ),
        menu(
            "/sd/cfg_type",
            "self full initialise none",
            "Method of guidance above 1 in stream mode. full: exact, twice the work; self, "
            "initialise: estimated, "
            "almost free; none: no guidance.",
            tags="guidance cfg",
            **_PRESET,
        ),
        _number(
            "/sd/delta",
            1,
            0,
            2,
            "Strength of the guidance estimate with cfg_type self and initialise.",
        ),
        menu(
            "/sd/mode",
            "stream single",
            "stream: computes steps of several consecutive pictures together, for models made for "
            "few steps; single: "
            "one picture after the other.",
            **_PRESET,
        ),
        text(
            "/sd/t_index",
            "",
            "For experts: indices into the 50-step schedule, from noisy to clean, such as `32 "
            "45`; overrides steps and "
            "strength in stream mode. Empty: not used.",
            most=64,
            **_PRESET,
        ),
        _number(
            "/sd/interval_s",
            0,
            0,
            10,
            "Minimum time between pictures; 0: as fast as possible.",
            "s",
        ),
        whole(
            "/sd/width",
            512,
            64,
            MAX_SIDE_PX,
            "Width of the SD picture.",
            "px",
            step=64,
            tags="size resolution",
            is_confirmed=True,
            **_RUN,
        ),
        whole(
            "/sd/height",
            512,
            64,
            MAX_SIDE_PX,
            "Height of the SD picture.",
            "px",
            step=64,
            tags="size resolution",
            is_confirmed=True,
            **_RUN,
        ),
        menu(
            "/sd/upscale",
            f"off {LARGER}",
            "How the picture gets larger. off: it is interpolated, soft; 2x: the configured "
            "upscaler doubles its width "
            "and height.",
            tags="upscaler size resolution sharp super",
            **_RUN,
        ),
        menu(
            "/sd/source",
            "auto camera multiverse video feedback",
            "Input of SD. auto: the camera if there is one, else the Multiverse; multiverse: the "
            "finished picture, "
            "including SD where it is shown; video: the file of --sd-video; feedback: its own "
            "last picture, moved.",
            tags="input camera webcam video img2img",
            **_PRESET,
        ),
        _number(
            "/sd/feedback/zoom", 1.02, 0.9, 1.1, "Zoom of the last picture before it is repainted."
        ),
        circle(
            "/sd/feedback/rotate",
            0,
            -180,
            180,
            "Rotation of the last picture before it is repainted, clockwise.",
            "deg",
            smoothing_ms=0,
            **_PRESET,
        ),
        _number(
            "/sd/consistency",
            0,
            0,
            1,
            "Keeps details from flickering: how much of the last picture, moved with the source, "
            "stays in the next. "
            "0: off. No effect with /sd/source feedback.",
            tags="temporal flicker stable steady coherence smooth",
        ),
        menu(
            "/sd/consistency_reset",
            "cut beat bar",
            "When /sd/consistency restarts. cut: where the source changes altogether; beat, bar: "
            "there as well.",
            tags="temporal flicker",
            **_PICTURES,
        ),
        switch(
            "/sd/similarity/enable",
            False,
            "Skips input pictures that hardly differ from the last one.",
            **_PRESET,
        ),
        _number(
            "/sd/similarity/threshold",
            0.98,
            0.5,
            0.999,
            "Similarity from which input pictures are skipped.",
        ),
        *(param for n in CONTROLNETS for param in _controlnet(n)),
        *(param for end in REFERENCES for param in _reference(end)),
        menu(
            "/sd/ip_adapter/live",
            "off source second last",
            "A moving reference picture beside them. source: the input of SD; second: that of "
            "--sd-second; last: what "
            "SD painted last.",
            tags="camera",
            **_PRESET,
        ),
        _number(
            "/sd/ip_adapter/weight_live",
            1,
            0,
            1,
            "Weight of the moving reference picture among the others; alone, any above 0 counts "
            "in full.",
        ),
        _number(
            "/sd/ip_adapter/scale",
            0.6,
            0,
            1.5,
            "Strength of the IP-Adapter's pictures; 0: no effect.",
        ),
        *(
            _number(
                f"/sd/ip_adapter/{block}",
                1,
                0,
                1,
                f"Strength in {part} of the UNet, times scale: {what}.",
                tags="block",
            )
            for block, part, what in (
                ("down", "the first half", "mostly the layout"),
                ("mid", "the middle", "the subject"),
                ("up", "the second half", "mostly style and colours"),
            )
        ),
        *(param for n in LORAS for param in _lora(n)),
        *pace(CHILD, "SD"),
        menu(
            "/sd/oom",
            "stop shrink",
            "Reaction to full GPU memory. stop: SD stops with a message; shrink: it continues 64 "
            "px smaller.",
            **_RUN,
        ),
        switch(
            "/sd/paused",
            False,
            "Pauses SD; its last picture stays on screen.",
            tags="pause stop hold",
            **_PRESET,
        ),
        switch(
            "/sd/freeze",
            False,
            "Freezes the SD picture while SD keeps running.",
            tags="pause hold still",
            **_PICTURES,
        ),
        number(
            "/sd/crossfade_s",
            1,
            0,
            5,
            "Crossfade time from one SD picture to the next, at most the time between two of them.",
            "s",
            smoothing_ms=0,
            tags="smooth blend transition fade",
            **_PICTURES,
        ),
        menu(
            "/sd/fallback",
            "hold black source",
            "Picture while SD is down. hold: the last SD picture; black: black; source: the input "
            "of SD (with "
            "/sd/source feedback: the last SD picture).",
            **_PICTURES,
        ),
    ),
    commands=(
        model_list(CHILD),
        *(
            listing(
                f"/sd/{kind}",
                f"Lists the {what} in the configured model folders: for which models each "
                f"is{used}.",
                "file",
            )
            for kind, (what, used) in LISTS.items()
        ),
        listing(
            "/sd/pictures",
            "Lists the pictures in the pictures folder; `/sd/ip_adapter/image` takes these names.",
            "picture",
        ),
    ),
)


def declared(name: str) -> Param:
    """The parameter `/sd/NAME`: range, default and help for all that paints without an engine."""
    return next(param for param in AREA.params if param.address == f"/sd/{name}")


def default_of(name: str) -> float:
    """The default of the number `/sd/NAME`."""
    return as_number(declared(name).default)
