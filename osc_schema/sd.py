"""Live Stable Diffusion, in a child process: what it is fed, what it is told, how much of the machine it may take."""

from typing import Any

from osc_schema.declare import TEXT_CHARACTERS, circle, file, menu, number, switch, text, whole
from osc_schema.types import Area, ExtraPicture, Param

CHILD = "sd"
LORAS = (1, 2, 3, 4)
CONTROLNETS = (1, 2)
MAX_SIDE_PX = 1024

# What the picture is asked to be: presets hold it; panic leaves it, as it leaves all models.
_ASKED: dict[str, Any] = {"is_look": False, "child": CHILD}
# How it is run on this machine: kept for --resume only.
_RUN: dict[str, Any] = {"stored": False, "is_look": False, "child": CHILD}
# What the command line decides at every start.
_RUNNING: dict[str, Any] = {"stored": False, "is_look": False, "resumed": False, "child": CHILD}
# What the engine does with the pictures; no child is told.
_SHOWN: dict[str, Any] = {"is_look": False}


def _number(
    address: str, default: float, low: float, high: float, description: str, unit: str = "", words: str = ""
) -> Param:
    """A value that is taken once a picture: it does not glide."""
    return number(address, default, low, high, description, unit, smoothing_ms=0, words=words, **_ASKED)


def _controlnet(n: int) -> tuple[Param, ...]:
    at = f"/sd/controlnet/{n}"
    return (
        switch(f"{at}/enable", False, f"Lets ControlNet {n} of the configuration steer the picture.", **_ASKED),
        _number(f"{at}/scale", 1, 0, 2, f"Strength of ControlNet {n}; at 0 it changes nothing."),
        menu(
            f"{at}/source",
            "input edges sam3",
            f"What ControlNet {n} sees. input: the picture that SD is fed; edges: its outlines, white on black; sam3: "
            "the objects that SAM3 finds, in the colours that segmentation ControlNets know.",
            **_ASKED,
        ),
    )


AREA = Area(
    title="Stable Diffusion",
    description="Repaints the camera, a video, the Multiverse or its own last picture, in a process of its own. Needs "
    "a model: `multiverse run --sd MODEL`. The result is layer 5's `sd` and the texture `Multiverse SD`.",
    words="ai diffusion img2img",
    pictures=(ExtraPicture(name="sd", addition="SD", model="Stable Diffusion", option="--sd MODEL"),),
    fully_named=("sd",),
    params=(
        switch("/sd/enable", False, "Switches the SD picture on. Refused while no model is configured.", **_RUNNING),
        file(
            "/sd/model",
            "Another model: a name in the configured model folders. The old one paints on until the new one is "
            "ready. Empty: the configured model.",
            **_RUNNING,
        ),
        text(
            "/sd/prompt", "", "What the picture shall show.", most=TEXT_CHARACTERS, words="text description", **_ASKED
        ),
        text("/sd/negative", "", "What it shall not show; needs a guidance above 1.", most=TEXT_CHARACTERS, **_ASKED),
        text("/sd/prompt_b", "", "Second prompt, mixed in by /sd/prompt_mix.", most=TEXT_CHARACTERS, **_ASKED),
        _number("/sd/prompt_mix", 0, 0, 1, "From the prompt (0) to the second one (1)."),
        whole(
            "/sd/clip_skip",
            0,
            0,
            12,
            "Layer of the text encoder that is read, from the end, as CivitAI counts: 1 the last, 2 the last but one. "
            "0: the model's own.",
            words="clip layer prompt",
            **_ASKED,
        ),
        whole(
            "/sd/seed",
            1,
            -1,
            2_147_483_647,
            "The noise to start from: the same seed and picture give the same result. -1: new noise each time.",
            words="random variation noise",
            **_ASKED,
        ),
        whole(
            "/sd/steps",
            2,
            1,
            20,
            "Steps from noise to picture; `strength` of them are made: of 2 at 0.5 one. More is finer and slower.",
            words="quality iterations speed",
            **_ASKED,
        ),
        _number(
            "/sd/strength",
            0.5,
            0.05,
            1,
            "How far the result may leave the picture it is fed. Whole steps are made, at least one: with 2 steps it "
            "moves at 1 only, with 20 at each 0.05.",
            words="denoising denoise noise amount mix",
        ),
        _number(
            "/sd/guidance",
            1,
            1,
            15,
            "How hard the prompt pulls; 1 is off. LCM models want 1 to 2; turbo, lightning and most Hyper-SD have "
            "none. A model that takes it as an input (LCM_Dreamshaper_v7) has its own 8 at 1.",
            words="cfg scale",
        ),
        menu(
            "/sd/cfg_type",
            "self full initialise none",
            "How guidance above 1 is worked out while streaming. full: exact, twice the work; self and initialise: "
            "estimated, almost free; none: no guidance.",
            words="guidance cfg",
            **_ASKED,
        ),
        _number("/sd/delta", 1, 0, 2, "Strength of the estimate of cfg_type self and initialise."),
        menu(
            "/sd/mode",
            "stream single",
            "stream: all steps of consecutive pictures in one call (models made for few steps); single: one picture "
            "after the other.",
            **_ASKED,
        ),
        text(
            "/sd/t_index",
            "",
            "For experts: places in the 50-step table, from noisy to clean, such as `32 45`; overrides steps and "
            "strength while streaming. Empty: not used.",
            most=64,
            **_ASKED,
        ),
        _number("/sd/interval_s", 0, 0, 10, "Least time from picture to picture; 0: as fast as it can.", "s"),
        whole(
            "/sd/width",
            512,
            64,
            MAX_SIDE_PX,
            "Width of the SD picture.",
            "px",
            step=64,
            words="size resolution",
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
            words="size resolution",
            is_confirmed=True,
            **_RUN,
        ),
        menu(
            "/sd/source",
            "auto camera multiverse video feedback",
            "What SD repaints. auto: the camera where there is one, else the Multiverse; multiverse: the finished "
            "picture, with SD in it where it is shown; video: the file of --sd-video; feedback: its own last picture, "
            "moved.",
            words="input camera webcam video img2img",
            **_ASKED,
        ),
        _number("/sd/feedback/zoom", 1.02, 0.9, 1.1, "Growth of the last picture before it is painted again."),
        circle(
            "/sd/feedback/rotate",
            0,
            -180,
            180,
            "Turn of the last picture before it is painted again, clockwise.",
            "deg",
            smoothing_ms=0,
            **_ASKED,
        ),
        switch("/sd/similarity/enable", False, "Leaves pictures out that hardly differ from the last.", **_ASKED),
        _number("/sd/similarity/threshold", 0.98, 0.5, 0.999, "How alike pictures must be to be left out."),
        *(param for n in CONTROLNETS for param in _controlnet(n)),
        file(
            "/sd/ip_adapter/image",
            "Picture that the IP-Adapter follows: a name in the pictures folder. Empty: none.",
            **_ASKED,
        ),
        _number("/sd/ip_adapter/scale", 0.6, 0, 1.5, "Strength of that picture; at 0 it changes nothing."),
        *(
            _number(
                f"/sd/lora/{n}/weight",
                1,
                -2,
                2,
                f"Strength of LoRA {n} of the configuration; 0: without it. A tag `<lora:name:0.8>` in the "
                "prompt sets it, too; the last one touched counts.",
            )
            for n in LORAS
        ),
        _number("/sd/duty", 1, 0.05, 1, "Share of the time that SD may work, where duty_auto is off."),
        switch(
            "/sd/duty_auto",
            True,
            "Lets SD take what the picture leaves: less after late frames, slowly more again. Off: /sd/duty.",
            **_RUN,
        ),
        number(
            "/sd/slice_ms",
            4,
            1,
            50,
            "Longest stretch of GPU work before SD looks whether the picture needs the GPU.",
            "ms",
            smoothing_ms=0,
            **_RUN,
        ),
        switch("/sd/gate", True, "Lets SD wait while the picture is being drawn.", **_RUN),
        menu(
            "/sd/oom",
            "stop shrink",
            "When the GPU's memory is full. stop: SD ends with a message; shrink: it goes on 64 px smaller.",
            **_RUN,
        ),
        switch("/sd/paused", False, "Lets SD rest; its last picture stays.", words="pause stop hold", **_ASKED),
        switch("/sd/freeze", False, "Holds the SD picture while SD works on.", words="pause hold still", **_SHOWN),
        number(
            "/sd/crossfade_s",
            1,
            0,
            5,
            "Time in which a new SD picture replaces the old, but never longer than new pictures take to come.",
            "s",
            smoothing_ms=0,
            words="smooth blend transition fade",
            **_SHOWN,
        ),
        menu(
            "/sd/fallback",
            "hold black source",
            "What is shown while SD is away. hold: its last picture; black; source: what it is fed, in its size (of "
            "feedback its last picture).",
            **_SHOWN,
        ),
    ),
)
