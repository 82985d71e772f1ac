"""The `/sd/*` values as typed settings of the diffusion child; see `pace` for the rest. Pure.

Cost of a change, from high to low: a new schedule (the stream refills), new conditioning (the text encoders run), none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.errors import ModelError
from engine.live.kit.pace import filled, value_reader
from engine.models.sd.painting import StreamSettings
from engine.models.sd.seeds import Blend, Seeds
from osc_schema.sd import CONTROLNETS, LARGER, LORAS, MASKS_SOURCE, PROMPTS, REFERENCES

REGIONS = 4
SIZE_STEP_PX = 64
RESETS = "resets"
"""Key of `DiffusionSettings.resets` among the child's values."""
TABLE_STEPS = 50  # length of the timestep table that a t_index refers to


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Input of the text encoders."""

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
    """The prompts 1 to 4 are those of the layers' regions, and not blended."""

    @property
    def prompts(self) -> tuple[str, ...]:
        """The two plain ones, then the prompts 1 to 8."""
        return (self.prompt, self.prompt_b, *(text for text, _ in self.numbered))

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of each of `prompts` in the picture. The plain ones have none as soon as one of the prompts 1 to 8
        has a text and a weight above 0."""
        weights = [weight if text and not self.has_regions else 0.0 for text, weight in self.numbered]
        plain = (0.0, 0.0) if any(weights) else (1.0 - self.mix, self.mix)
        together = sum(plain) + sum(weights)
        return tuple(weight / together for weight in (*plain, *weights))

    @property
    def blended(self) -> tuple[tuple[str, float], ...]:
        """The prompts in the picture, with their shares."""
        return tuple(pair for pair in zip(self.prompts, self.shares, strict=True) if pair[1] > 0.0)

    @property
    def of_regions(self) -> tuple[str, ...]:
        """The texts of the regions of layers 1 to 4."""
        return self.prompts[2 : 2 + REGIONS] if self.has_regions else ()

    @property
    def region_weights(self) -> tuple[float, ...]:
        """How much of each region its text has; the rest, and what is outside, has the plain prompts."""
        return tuple(weight if text else 0.0 for text, weight in self.numbered[:REGIONS])

    @property
    def in_wait(self) -> tuple[str, ...]:
        """The prompts 1 to 8 without a share, which are encoded in advance."""
        return tuple(text for text, share in zip(self.prompts[2:], self.shares[2:], strict=True) if text and not share)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSetting:
    """Settings of one ControlNet of the model."""

    number: int
    """From 1, as in the address."""
    scale: float
    """0..2; 0 if it is switched off."""
    sees: str
    """Its control image: `input`, the picture itself; `edges`, `soft`: outlines of it; `depth`, `pose`; or
    MASKS_SOURCE."""
    of: str
    """The picture that it is made of: `source`, `second` or `last`; not for MASKS_SOURCE."""
    mode: str = "auto"
    """How a ControlNet Union sees it (`control_nets.KINDS`), or auto."""

    @property
    def image(self) -> str:
        """Equal for equal control images."""
        return f"{self.sees} {self.of}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffusionSettings:
    words: Words
    references: tuple[tuple[str, float], ...]
    """File ("" for none) and weight of each of the IP-Adapter's REFERENCES."""
    live: str
    """A reference picture that moves: `source`, `second` or `last`; or `off`."""
    weight_live: float
    reference_scale: float
    reference_blocks: tuple[float, ...]
    """Factors of it in the UNet's BLOCKS."""
    is_stream: bool
    steps: StreamSettings
    controls: tuple[ControlSetting, ...]
    lora_weights: tuple[float, ...]
    is_feedback: bool
    zoom: float
    rotate_deg: float
    similarity: float | None
    """None: no picture is skipped."""
    consistency: float
    """0..1: how much of the last picture stays; 0: off."""
    resets: int
    """A new number: the next picture begins without the last one."""
    is_enlarged: bool
    """The upscaler doubles the painted picture."""
    may_shrink: bool
    problem: str = ""
    """One line about a value that is invalid and ignored."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, multiples of 64."""
        return self.steps.width, self.steps.height

    def in_size(self, size: tuple[int, int]) -> "DiffusionSettings":
        return replace(self, steps=replace(self.steps, width=size[0], height=size[1]))

    @property
    def texts(self) -> dict[str, str]:
        """The texts encoded for a picture, by address, without empty ones: suspects for quarantine if the process dies.
        A plain prompt with weight 0 in the mix is left out: a picture made without it would wrongly clear it. The
        negative prompt and the prompts 1 to 8 are encoded in any case, so that a higher weight needs no encoding."""
        words = self.words
        share, share_b = words.shares[:2]
        texts = {
            "/sd/prompt": words.prompt if share else "",
            "/sd/negative": words.negative,
            "/sd/prompt_b": words.prompt_b if share_b else "",
            **{f"/sd/prompts/{number}/text": text for number, (text, _) in enumerate(words.numbered, start=1)},
            **{f"/sd/ip_adapter/image{end}": file for end, (file, _) in zip(REFERENCES, self.references, strict=True)},
        }
        return {address: text for address, text in texts.items() if text}

    @property
    def sees_segments(self) -> bool:
        """True if a ControlNet in use has the masks as its control image."""
        return any(control.scale != 0.0 and control.sees == MASKS_SOURCE for control in self.controls)

    @property
    def sees_second(self) -> bool:
        """True if a ControlNet in use has a control image of the second picture, or the IP-Adapter sees it."""
        seen = [each.of for each in self.controls if each.scale != 0.0 and each.sees != MASKS_SOURCE]
        return "second" in (self.live, *seen)


def read_settings(values: Mapping[str, Any]) -> DiffusionSettings:
    """From values by address, as `osc_schema` accepted them; a missing one has its default."""
    value = value_reader(values, "/sd")
    problem = ""
    try:
        t_index = parse_t_index(value("t_index"))
    except ModelError as error:
        t_index, problem = (), str(error)
    return DiffusionSettings(
        words=filled(
            Words,
            value,
            mix=value("prompt_mix") if value("prompt_b") else 0.0,
            has_regions=value("regions"),
            numbered=tuple((value(f"prompts/{n}/text"), value(f"prompts/{n}/weight")) for n in PROMPTS),
        ),
        references=tuple((value(f"ip_adapter/image{end}"), value(f"ip_adapter/weight{end}")) for end in REFERENCES),
        live=value("ip_adapter/live"),
        weight_live=value("ip_adapter/weight_live"),
        reference_scale=value("ip_adapter/scale"),
        reference_blocks=tuple(value(f"ip_adapter/{block}") for block in ("down", "mid", "up")),
        is_stream=value("mode") == "stream",
        steps=filled(StreamSettings, value, t_index=t_index, seed=filled(Seeds, value)),
        controls=tuple(
            ControlSetting(
                number=number,
                scale=value(f"controlnet/{number}/scale") if value(f"controlnet/{number}/enable") else 0.0,
                sees=value(f"controlnet/{number}/source"),
                of=value(f"controlnet/{number}/from"),
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
    """Parse `"32 45"` (or with commas) to (32, 45). ModelError unless they are increasing indices of the 50-step
    table."""
    try:
        places = tuple(int(word) for word in text.replace(",", " ").split())
    except ValueError:
        places = (-1,)
    if any(not 0 <= place < TABLE_STEPS for place in places) or list(places) != sorted(set(places)):
        rule = f"must be increasing numbers in 0..{TABLE_STEPS - 1}, such as 32 45"
        raise ModelError(f"/sd/t_index: {text!r} {rule} (not used)")
    return places


def smaller(size: tuple[int, int]) -> tuple[int, int] | None:
    """A size with 64 px less on each side longer than 64 px; None if no side is."""
    shrunk = (max(SIZE_STEP_PX, size[0] - SIZE_STEP_PX), max(SIZE_STEP_PX, size[1] - SIZE_STEP_PX))
    return shrunk if shrunk != size else None
