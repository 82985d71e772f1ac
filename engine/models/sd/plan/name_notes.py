"""Notes about distillations that only a name tells, and that are not, or not exactly, run as their authors do. Pure."""

import re
from collections.abc import Sequence

from engine.models.sd.plan.sampler_name import sampler_named, words_in

_NOTES = (
    (r"\bvega ?rt\b", "VegaRT, an LCM-LoRA for Segmind-Vega: sampler lcm, 2 to 8 steps, no guidance"),
    (r"\byoso\b", "YOSO: sampler lcm, 2 steps, guidance 1.5; its one-step mode is not available"),
    (r"\b(perflow|pe r flow)\b", "PeRFlow, whose scheduler (piecewise rectified flow, 4 to 8 steps) is not available: "
     "pictures differ from its authors'; set the sampler euler and 8 steps"),
    (r"\btdm\b", "TDM, made for 4 steps without guidance: set the sampler dpm"),
    (r"\bnitro ?(sd|fusion)\b", "NitroFusion, made for 1 to 4 steps of LCM with shifted timesteps, which are not "
     "available: pictures differ from its authors'; set the sampler lcm, 4 steps, no guidance"),
)  # fmt: skip
"""Patterns of words, and what to say: segmind/Segmind-VegaRT, Luo-Yihong/yoso_sd1.5_lora, hansyan/perflow-*,
Luo-Yihong/TDM, ChenDY/NitroFusion."""
_UNSURE = (("hyper", r"\bhyper \d+\b", "Hyper-SD"), ("lightning", r"\blightning\b", "SDXL-Lightning"))


def name_notes(name: str, *, is_lora: bool) -> tuple[str, ...]:
    """Lines about how to run a model of this name that its sampler alone does not show."""
    words = " ".join(words_in(name))
    notes = [f"the name {name} says {told}" for pattern, told in _NOTES if re.search(pattern, words)]
    named = sampler_named(name, is_lora=is_lora)
    if named is None:
        for sampler, pattern, kind in _UNSURE:
            if re.search(pattern, words):
                notes.append(f"the name {name} may mean {kind}; if so, set the sampler {sampler}")
    elif named.sampler == "lcm" and "turbo" in words.split():
        notes.append(f"the name {name} says both LCM and turbo: run as lcm; the sampler turbo is the other")
    elif named.kind == "Hyper-SD" and re.search(r"\bhyper \d+$", words) and named.steps:
        notes.append(f"the name {name} is read as Hyper-SD with {named.steps} steps")
    return tuple(notes)


def rival_note(loras: Sequence[str]) -> str:
    """A note if several of these LoRAs are distillations, which do not add up; "" otherwise."""
    rivals = [name for name in loras if sampler_named(name, is_lora=True) is not None]
    if len(rivals) < 2:
        return ""
    return (
        f"{len(rivals)} distillation LoRAs ({', '.join(rivals)}): the sampler is that of {rivals[0]}, and what they "
        "change does not add up; keep one"
    )
