"""Converts the `/sd/*` values to typed settings of the diffusion child; see `pace` for the rest.
Pure.

Cost of a change, from high to low: a new schedule (the stream refills), new conditioning (the text
encoders run), none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.errors import ModelError
from engine.live.kit.pace import build_settings, value_reader
from engine.models.sd.painting import StreamSettings
from engine.models.sd.seeds import Blend, Seeds
from osc_schema.sd import CONTROLNETS, LARGER, LORAS, MASKS_SOURCE, PROMPTS, REFERENCES

REGIONS = 4
SIZE_STEP_PX = 64
RESETS = "resets"
"""Key of `DiffusionSettings.resets` among the child's values."""
TABLE_STEPS = 50  # length of the timestep table that a t_index refers to


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSettings:
    """The prompts in use, and how they are mixed and encoded."""

    prompt: str
    negative: str
    prompt_b: str
    mix: float
    """0..1, from `prompt` to `prompt_b`."""
    clip_skip: int = 0
    """Text encoder layer to use, counted from the end; 0: the model's default."""
    numbered: tuple[tuple[str, float], ...] = ()
    """Text and weight of the prompts 1 to 8."""
    blend: Blend = "slerp"
    has_regions: bool = False
    """True: the prompts 1 to 4 belong to the layers' regions, and are not blended."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The two plain prompts, then the prompts 1 to 8."""
        return (self.prompt, self.prompt_b, *(text for text, _ in self.numbered))

    @property
    def mix_weights(self) -> tuple[float, ...]:
        """Weight of each of `texts` in the picture, adding up to 1. The plain prompts have weight 0
        as soon as one of the prompts 1 to 8 has a text and a weight above 0."""
        weights = [
            weight if text and not self.has_regions else 0.0 for text, weight in self.numbered
        ]
        plain = (0.0, 0.0) if any(weights) else (1.0 - self.mix, self.mix)
        together = sum(plain) + sum(weights)
        return tuple(weight / together for weight in (*plain, *weights))

    @property
    def mixed_prompts(self) -> tuple[tuple[str, float], ...]:
        """Text and weight of each prompt with a weight above 0."""
        return tuple(
            pair for pair in zip(self.texts, self.mix_weights, strict=True) if pair[1] > 0.0
        )

    @property
    def region_prompts(self) -> tuple[str, ...]:
        """The texts of the regions of layers 1 to 4."""
        return self.texts[2 : 2 + REGIONS] if self.has_regions else ()

    @property
    def region_weights(self) -> tuple[float, ...]:
        """Weight of each region's text inside the region; the plain prompts get the rest."""
        return tuple(weight if text else 0.0 for text, weight in self.numbered[:REGIONS])

    @property
    def standby_prompts(self) -> tuple[str, ...]:
        """The prompts 1 to 8 with weight 0, which are encoded in advance."""
        pairs = zip(self.texts[2:], self.mix_weights[2:], strict=True)
        return tuple(text for text, weight in pairs if text and not weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlNetSettings:
    number: int
    """From 1, as in the address."""
    scale: float
    """0..2; 0 if it is switched off."""
    image_kind: str
    """Kind of its control image: `input`, the picture itself; `edges`, `soft`, `depth`, `pose`; or
    MASKS_SOURCE."""
    image_source: str
    """The picture that it is computed from: `source`, `second` or `last`; not used for
    MASKS_SOURCE."""
    mode: str = "auto"
    """Mode of a ControlNet Union (`control_nets.KINDS`), or auto."""

    @property
    def image_key(self) -> str:
        """Name of its control image, equal for ControlNets with the same image."""
        return f"{self.image_kind} {self.image_source}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffusionSettings:
    """All settings of the diffusion child, read from its `/sd/*` values."""

    prompts: PromptSettings
    references: tuple[tuple[str, float], ...]
    """File ("" for none) and weight of each of the IP-Adapter's REFERENCES."""
    live_reference: str
    """The live reference picture: `source`, `second` or `last`; or `off`."""
    live_weight: float
    reference_scale: float
    reference_blocks: tuple[float, ...]
    """Factors of `reference_scale` in the UNet's BLOCKS."""
    is_stream: bool
    sampling: StreamSettings
    controls: tuple[ControlNetSettings, ...]
    lora_weights: tuple[float, ...]
    is_feedback: bool
    zoom: float
    rotate_deg: float
    similarity: float | None
    """Threshold of the similarity filter; None: no picture is skipped."""
    consistency: float
    """0..1: how much of the last picture stays; 0: off."""
    resets: int
    """When this number changes, the next picture is painted without the last one."""
    is_enlarged: bool
    """The upscaler doubles the painted picture."""
    may_shrink: bool
    problem: str = ""
    """One line about a value that is invalid and ignored."""

    @property
    def size(self) -> tuple[int, int]:
        """Size of the painted picture, (width, height) in px, multiples of 64."""
        return self.sampling.width, self.sampling.height

    def with_size(self, size: tuple[int, int]) -> "DiffusionSettings":
        return replace(self, sampling=replace(self.sampling, width=size[0], height=size[1]))

    @property
    def texts_by_address(self) -> dict[str, str]:
        """The texts encoded for a picture, by address, without empty ones: suspects for quarantine
        if the process dies. A plain prompt with weight 0 is omitted: a picture painted without it
        would wrongly clear it. The negative prompt and the prompts 1 to 8 are always encoded, so
        that a higher weight needs no encoding."""
        prompts = self.prompts
        weight, weight_b = prompts.mix_weights[:2]
        texts = {
            "/sd/prompt": prompts.prompt if weight else "",
            "/sd/negative": prompts.negative,
            "/sd/prompt_b": prompts.prompt_b if weight_b else "",
            **{
                f"/sd/prompts/{number}/text": text
                for number, (text, _) in enumerate(prompts.numbered, start=1)
            },
            **{
                f"/sd/ip_adapter/image{end}": file
                for end, (file, _) in zip(REFERENCES, self.references, strict=True)
            },
        }
        return {address: text for address, text in texts.items() if text}

    @property
    def uses_segments(self) -> bool:
        """True if a ControlNet in use takes the masks as its control image."""
        return any(
            control.scale != 0.0 and control.image_kind == MASKS_SOURCE for control in self.controls
        )

    @property
    def uses_second(self) -> bool:
        """True if a ControlNet in use, or the IP-Adapter, takes the second picture."""
        seen = [
            each.image_source
            for each in self.controls
            if each.scale != 0.0 and each.image_kind != MASKS_SOURCE
        ]
        return "second" in (self.live_reference, *seen)


def read_settings(values: Mapping[str, Any]) -> DiffusionSettings:
    """Read the settings from values by address, already accepted by `osc_schema`; missing ones have
    defaults."""
    value = value_reader(values, "/sd")
    problem = ""
    try:
        t_index = parse_t_index(value("t_index"))
    except ModelError as error:
        t_index = ()
        problem = str(error)
    return DiffusionSettings(
        prompts=build_settings(
            PromptSettings,
            value,
            mix=value("prompt_mix") if value("prompt_b") else 0.0,
            has_regions=value("regions"),
            numbered=tuple(
                (value(f"prompts/{n}/text"), value(f"prompts/{n}/weight")) for n in PROMPTS
            ),
        ),
        references=tuple(
            (value(f"ip_adapter/image{end}"), value(f"ip_adapter/weight{end}"))
            for end in REFERENCES
        ),
        live_reference=value("ip_adapter/live"),
        live_weight=value("ip_adapter/weight_live"),
        reference_scale=value("ip_adapter/scale"),
        reference_blocks=tuple(value(f"ip_adapter/{block}") for block in ("down", "mid", "up")),
        is_stream=value("mode") == "stream",
        sampling=build_settings(
            StreamSettings, value, t_index=t_index, seed=build_settings(Seeds, value)
        ),
        controls=tuple(
            ControlNetSettings(
                number=number,
                scale=value(f"controlnet/{number}/scale")
                if value(f"controlnet/{number}/enable")
                else 0.0,
                image_kind=value(f"controlnet/{number}/source"),
                image_source=value(f"controlnet/{number}/from"),
                mode=value(f"controlnet/{number}/mode"),
            )
            for number in CONTROLNETS
        ),
        lora_weights=tuple(value(f"lora/{number}/weight") for number in LORAS),
        is_feedback=value("source") == "feedback",
        zoom=value("feedback/zoom"),
        rotate_deg=value("feedback/rotate"),
        similarity=value("similarity/threshold") if value("similarity/enable") else None,
        consistency=0.0 if value("source") == "feedback" else value("consistency"),
        resets=values.get(RESETS, 0),
        is_enlarged=value("upscale") == LARGER,
        may_shrink=value("oom") == "shrink",
        problem=problem,
    )


def parse_t_index(text: str) -> tuple[int, ...]:
    """Parse `"32 45"` or `"32,45"` to (32, 45). ModelError unless they are increasing indices of
    the 50-step table."""
    try:
        indices = tuple(int(token) for token in text.replace(",", " ").split())
    except ValueError:
        indices = (-1,)
    if any(not 0 <= index < TABLE_STEPS for index in indices) or list(indices) != sorted(
        set(indices)
    ):
        rule = f"must be increasing numbers in 0..{TABLE_STEPS - 1}, such as 32 45"
        raise ModelError(f"/sd/t_index: {text!r} {rule} (not used)")
    return indices


def shrink_size(size: tuple[int, int]) -> tuple[int, int] | None:
    """A size with 64 px less on each side longer than 64 px; None if no side is."""
    shrunk = (max(SIZE_STEP_PX, size[0] - SIZE_STEP_PX), max(SIZE_STEP_PX, size[1] - SIZE_STEP_PX))
    return shrunk if shrunk != size else None
