"""Settings that a client can change, declared once for the page that shows them and the server that
validates them.

`changed` applies a client's changes, or explains in one line why not. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from engine.jobs.video.job import MAX_SCALE, MIN_SIDE_PX, SIDE_STEP_PX
from engine.jobs.video.live.protocol import ProtocolError, shortened
from engine.models.sd.painting import MAX_GUIDANCE, MAX_SEED, ControlUse, Painting
from engine.models.sd.plan.sampler_choice import SAMPLERS
from osc_schema.sd import declared

Kind = Literal["text", "whole", "number", "choice"]
Read = Callable[["LiveSettings"], Any]
Write = Callable[["LiveSettings", Any], "LiveSettings"]

MAX_CHARACTERS = 1000
# between offered sizes; each size needs its own painter, and on CUDA its own captured graphs
SIZE_STEP_PX = 64
MAX_WEIGHT = 2.0  # range of a LoRA's control; the server may be started with more
NO_PROMPT = "No prompt: the model paints anything. Describe the picture."
MAX_STEPS = 50  # more make no visible difference and slow down all clients
NO_PICTURE = "none"
SERVER_PICTURE = "given"
OWN_PICTURE = "mine"
"""Reference pictures for the IP-Adapter: none, the one the server was started with, the client's
own."""
NO_OWN_PICTURE = "ip_image: mine: you have not sent a picture yet; choose one first"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """The settings for one client's pictures."""

    painting: Painting
    side_px: int
    """Longest side of the painted picture."""
    mine: str = ""
    """File of the client's own reference picture; empty until it has sent one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageControl:
    """A control as sent to the page; `low` to `step` are for numbers, `choices` for choices."""

    name: str
    label: str
    kind: Kind
    group: str
    about: str
    default: Any = None
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    unit: str = ""
    choices: tuple[str, ...] = ()
    most_characters: int = 0
    empty: str = ""
    """Placeholder while a text is empty."""
    is_costly: bool = False
    """True if a new value is expensive for the server: the page then sends only the final value of
    a drag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """A control with its getter and setter for the settings."""

    control: PageControl
    read: Read
    write: Write


def knobs_for(
    start: LiveSettings, *, longest_side_px: int, lora_names: tuple[str, ...]
) -> tuple[Knob, ...]:
    """All knobs for the model of `start`, in the page's order. `lora_names`: in the order of the
    spec's LoRAs."""
    painting = start.painting
    strength = declared("strength")
    most_steps = max(MAX_STEPS, painting.steps)
    half = "Longest side of the painted picture. Half the side is about four times as fast."
    side: dict[str, Any] = {
        "low": MIN_SIDE_PX,
        "high": longest_side_px,
        "step": SIZE_STEP_PX,
        "unit": "px",
    }
    side |= {"is_costly": True, "about": half}
    knobs = [
        _text("prompt", "Describes the picture.", painting, empty=NO_PROMPT),
        _text(
            "negative",
            "Negative prompt: describes what to avoid; needs guidance above 1.",
            painting,
        ),
        _of_painting(
            "steps", declared("steps").description, kind="whole", low=1, high=most_steps, step=1
        ),
        _of_painting(
            "strength",
            strength.description,
            kind="number",
            low=strength.low,
            high=strength.high,
            step=0.01,
        ),
        _of_painting(
            "cfg",
            declared("guidance").description,
            label="guidance (cfg)",
            kind="number",
            high=MAX_GUIDANCE,
            step=0.1,
        ),
        _of_painting(
            "seed",
            "Seed of the noise, the same for every picture.",
            kind="whole",
            low=0,
            high=MAX_SEED,
            step=1,
        ),
        _of_painting(
            "sampler",
            "Sampling method; auto is the model's default.",
            kind="choice",
            choices=SAMPLERS,
        ),
        Knob(
            control=PageControl(
                name="side_px", label="size", kind="whole", group="painting", **side
            ),
            read=lambda settings: settings.side_px,
            write=lambda settings, value: replace(settings, side_px=value),
        ),
        *(_lora(number, name, start) for number, name in enumerate(lora_names)),
        *(knob for number in range(len(painting.spec.controlnets)) for knob in _controlnet(number)),
        *(_ip_adapter(start) if painting.spec.ip_adapter else ()),
    ]
    return tuple(
        replace(knob, control=replace(knob.control, default=knob.read(start))) for knob in knobs
    )


def started(painting: Painting, side_px: int) -> LiveSettings:
    """The initial settings of every client: `painting`, with defaults from the spec filled in."""
    spec = painting.spec
    weights = painting.lora_weights or tuple(weight for _, weight in spec.loras)
    controls = painting.controls or tuple(ControlUse() for _ in spec.controlnets)
    return LiveSettings(
        painting=replace(painting, lora_weights=weights, controls=controls), side_px=side_px
    )


def painted_size(width: int, height: int, side_px: int) -> tuple[int, int]:
    """Painted width and height for a source of this size: multiples of 8, the longer side is
    `side_px`."""
    scale = side_px / max(width, height)

    def side(px: int) -> int:
        return min(side_px, max(MIN_SIDE_PX, int(px * scale / SIDE_STEP_PX + 0.5) * SIDE_STEP_PX))

    return side(width), side(height)


def _of_painting(
    name: str, about: str, *, label: str = "", group: str = "painting", **more: Any
) -> Knob:
    def write(settings: LiveSettings, value: Any) -> LiveSettings:
        return replace(settings, painting=replace(settings.painting, **{name: value}))

    control = PageControl(name=name, label=label or name, about=about, group=group, **more)
    return Knob(
        control=control, read=lambda settings: getattr(settings.painting, name), write=write
    )


def _text(name: str, about: str, painting: Painting, *, empty: str = "") -> Knob:
    most = max(MAX_CHARACTERS, len(getattr(painting, name)))
    return _of_painting(name, about, kind="text", group="prompt", most_characters=most, empty=empty)


def _lora(number: int, name: str, start: LiveSettings) -> Knob:
    largest = max(MAX_WEIGHT, abs(start.painting.lora_weights[number]))

    def write(settings: LiveSettings, value: float) -> LiveSettings:
        weights = _with(settings.painting.lora_weights, number, value)
        return replace(settings, painting=replace(settings.painting, lora_weights=weights))

    range_: dict[str, Any] = {"low": -largest, "high": largest, "step": 0.01}
    about = f"Weight of the LoRA {name}; 0 is off."
    control = PageControl(
        name=f"lora_{number + 1}", label=name, kind="number", group="LoRA", about=about, **range_
    )
    return Knob(
        control=control, read=lambda settings: settings.painting.lora_weights[number], write=write
    )


def _controlnet(number: int) -> tuple[Knob, Knob]:
    def turning(field: str, **about: Any) -> Knob:
        def write(settings: LiveSettings, value: Any) -> LiveSettings:
            controls = settings.painting.controls
            controls = _with(controls, number, replace(controls[number], **{field: value}))
            return replace(settings, painting=replace(settings.painting, controls=controls))

        return Knob(
            control=PageControl(
                name=f"controlnet_{number + 1}_{field}", group=f"ControlNet {number + 1}", **about
            ),
            read=lambda settings: getattr(settings.painting.controls[number], field),
            write=write,
        )

    sees = (
        "edges: outlines of the picture, white on black; soft: blurred ones; input: the "
        "picture itself."
    )
    scale = "Strength of the ControlNet; 0 is off."
    return (
        turning(
            "sees", label="sees", kind="choice", choices=("edges", "soft", "input"), about=sees
        ),
        turning("scale", label="scale", kind="number", high=MAX_SCALE, step=0.01, about=scale),
    )


def _ip_adapter(start: LiveSettings) -> tuple[Knob, Knob]:
    server_file = start.painting.ip_image

    def read(settings: LiveSettings) -> str:
        file = settings.painting.ip_image
        return NO_PICTURE if not file else OWN_PICTURE if file == settings.mine else SERVER_PICTURE

    def write(settings: LiveSettings, value: str) -> LiveSettings:
        file = {NO_PICTURE: "", SERVER_PICTURE: server_file, OWN_PICTURE: settings.mine}[value]
        return replace(settings, painting=replace(settings.painting, ip_image=file))

    picture = PageControl(
        name="ip_image",
        label="picture",
        kind="choice",
        group="IP-Adapter",
        choices=(NO_PICTURE, *((SERVER_PICTURE,) if server_file else ()), OWN_PICTURE),
        about="Reference picture in addition to the prompt: none, the server's, or your own.",
    )
    about = "Strength of the reference picture."
    return (
        Knob(control=picture, read=read, write=write),
        _of_painting(
            "ip_scale",
            about,
            label="scale",
            group="IP-Adapter",
            kind="number",
            low=0.0,
            high=MAX_SCALE,
            step=0.01,
        ),
    )


def _with(values: tuple[Any, ...], number: int, value: Any) -> tuple[Any, ...]:
    return (*values[:number], value, *values[number + 1 :])


def changed(
    settings: LiveSettings, knobs: tuple[Knob, ...], values: Mapping[str, Any]
) -> tuple[LiveSettings, list[str]]:
    """The settings with all valid `values` applied, and an error line for each of the others."""
    by_name = {knob.control.name: knob for knob in knobs}
    wrong = []
    for name, value in values.items():
        try:
            knob = by_name.get(name)
            if knob is None:
                known = ", ".join(by_name)
                raise ProtocolError(
                    f"{shortened(name)} is not a setting of this server; there are {known}"
                )
            settings = knob.write(settings, accepted(knob.control, value, settings))
        except ProtocolError as error:
            wrong.append(str(error))
    return settings, wrong


def with_picture(settings: LiveSettings, file: str) -> LiveSettings:
    """The settings with the client's own reference picture."""
    return replace(settings, mine=file, painting=replace(settings.painting, ip_image=file))


def values_of(settings: LiveSettings, knobs: tuple[Knob, ...]) -> dict[str, Any]:
    """The value of every control, by name."""
    return {knob.control.name: knob.read(settings) for knob in knobs}


def accepted(control: PageControl, value: Any, settings: LiveSettings) -> Any:
    """The validated value; ProtocolError if the control does not accept it."""
    name = control.name
    match control.kind:
        case "text":
            if not isinstance(value, str):
                raise ProtocolError(f"{name}: {_quoted(value)} is not a text")
            if len(value) > control.most_characters:
                most = control.most_characters
                raise ProtocolError(f"{name}: {len(value)} characters; at most {most} are accepted")
        case "choice":
            if not isinstance(value, str) or value not in control.choices:
                raise ProtocolError(
                    f"{name}: {_quoted(value)} is not one of {', '.join(control.choices)}"
                )
            if name == "ip_image" and value == OWN_PICTURE and not settings.mine:
                raise ProtocolError(NO_OWN_PICTURE)
        case "whole":
            if isinstance(value, bool) or not isinstance(value, int):
                raise ProtocolError(f"{name}: {_quoted(value)} is not a whole number")
            _check_range(control, value)
            if value != control.default and (value - control.low) % control.step:
                raise ProtocolError(
                    f"{name}: {value} is not one of {control.low:g}, "
                    f"{control.low + control.step:g}, …"
                )
        case "number":
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ProtocolError(f"{name}: {_quoted(value)} is not a number")
            _check_range(control, value)
            return float(value)
    return value


def _check_range(control: PageControl, value: float) -> None:
    if not control.low <= value <= control.high:  # False for NaN, too
        raise ProtocolError(
            f"{control.name}: {_quoted(value)} is not {control.low:.12g} to {control.high:.12g}"
        )


def _quoted(value: Any) -> str:
    if isinstance(value, str):
        return shortened(value)
    return (
        "an object"
        if isinstance(value, dict)
        else "a list"
        if isinstance(value, list)
        else repr(value)[:40]
    )
