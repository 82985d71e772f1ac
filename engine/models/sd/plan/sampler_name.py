"""Recognizes from a model's name how it was distilled. Pure.

Only whole tokens count: `LCM_Dreamshaper`, `dreamshaperXL_lightningDPMSDE` and
`realvisxlV40_v40LightningBakedvae` have one, `falcmix` and `turbolicious` do not. Tokens with
another common meaning, such as lightning or hyper, count only next to other tokens of a
distillation.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

TCD_ETA = 0.3
"""Default of TCDScheduler.step in diffusers and in the examples for TCD-LoRA
(h1t/TCD-SDXL-LoRA)."""
_UNIFIED_ETA = 1.0  # eta of Hyper-SD's one-step LoRAs (ByteDance/Hyper-SD)
_PHASED_ETA = (
    0.0  # eta of PCM's LoRAs: their authors leave the pipeline's eta at 0 (wangfuyun/PCM_Weights)
)
_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_BASES = frozenset(("sd", "sdxl", "xl", "ssd"))
_STEPS = frozenset(("step", "steps"))
_JOINED = {
    "sdturbo": ("sd", "turbo"),
    "sdxlturbo": ("sdxl", "turbo"),
    "xlturbo": ("xl", "turbo"),
    "sdxllightning": ("sdxl", "lightning"),
    "hypersd": ("hyper", "sd"),
    "hypersdxl": ("hyper", "sdxl"),
    "flashsd": ("flash", "sd"),
    "flashsdxl": ("flash", "sdxl"),
}
"""Tokens that are often written as one word."""
_AFTER_HYPER = ("baked", "bakedvae", "vae", "lora", "unet", "cfg", "dpmsde", "fp")
_HYPER_STEPS = ("1", "2", "4", "8", "12", "16")  # of ByteDance/Hyper-SD
_PURE = frozenset(
    "sd sdxl xl ssd turbo lightning hyper dmd lora unet cfg step steps fp bf x v base full pruned "
    "ema only emaonly "
    "comfyui model checkpoint diffusion stable stability ai stabilityai bytedance baked vae "
    "bakedvae weights".split()
)
"""Tokens in the names of distillations as published. Any other token means a merge with another
model."""
MERGE_GUIDANCE = 2.0
"""For merges: DreamShaper XL Turbo and Lightning 2, Juggernaut XL Lightning 1.5 to 2, RealVisXL
Lightning 1 to 2 (their authors on CivitAI)."""
# DreamShaper XL Turbo 4 to 8, Lightning 3 to 6, Juggernaut XL Lightning 5 to 7,
# RealVisXL Lightning 5
MERGE_STEPS = 6
_CFG_GUIDANCE = 6.0  # Hyper-SD's CFG files: 5 to 8 (ByteDance/Hyper-SD)
_DMD_STEPS = 4  # tianweiy/DMD2, also in the names of the files
_NOTES = (
    (r"\bvega ?rt\b",
     "VegaRT, an LCM-LoRA for Segmind-Vega: sampler lcm, 2 to 8 steps, no guidance"),
    (r"\byoso\b", "YOSO: sampler lcm, 2 steps, guidance 1.5; its one-step mode is not available"),
    (r"\b(perflow|pe r flow)\b",
     "PeRFlow, whose scheduler (piecewise rectified flow, 4 to 8 steps) is not available: "
     "pictures differ from its authors'; set the sampler euler and 8 steps"),
    (r"\btdm\b", "TDM, made for 4 steps without guidance: set the sampler dpm"),
    (r"\bnitro ?(sd|fusion)\b",
     "NitroFusion, made for 1 to 4 steps of LCM with shifted timesteps, which are not "
     "available: pictures differ from its authors'; set the sampler lcm, 4 steps, no guidance"),
)  # fmt: skip
"""Patterns of tokens, and the note: segmind/Segmind-VegaRT, Luo-Yihong/yoso_sd1.5_lora,
hansyan/perflow-*, Luo-Yihong/TDM, ChenDY/NitroFusion."""
_UNSURE = (
    ("hyper", r"\bhyper \d+\b", "Hyper-SD"),
    ("lightning", r"\blightning\b", "SDXL-Lightning"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSampler:
    """The sampler implied by a model's name."""

    sampler: str
    """lcm, turbo, lightning, hyper or tcd."""
    kind: str
    """The kind of distillation, for messages."""
    steps: int | None = None
    """Number of steps in the name, or None."""
    eta: float = TCD_ETA
    guidance: float = 1.0
    """The guidance that its authors recommend; 1: none, it was distilled without."""
    is_merge: bool = False
    """True if it is merged with another model, so that a guidance may be requested."""
    t_index: int | None = None
    """The only index of the 50-step table that it was distilled for, or None."""


def tokenize_name(name: str) -> tuple[str, ...]:
    """Split a name into tokens in lower case: at other characters, between letters and digits, and
    in camel case."""
    tokens: list[str] = []
    for token in _TOKEN.findall(name.replace("LoRA", "Lora").replace("LoRa", "Lora")):
        small = token.lower()
        tokens += _JOINED.get(small, (small,))
    return tuple(tokens)


def sampler_from_name(name: str, *, is_lora: bool) -> NamedSampler | None:
    """The sampler implied by a file's stem or a LoRA's name, or None. A LoRA may depict anything,
    such as a turbo sports car: its tokens count only next to `sd`, `sdxl` or a number of steps."""
    tokens = tokenize_name(name)
    steps = _steps_in(tokens)
    is_merge = not is_lora and any(not token.isdigit() and token not in _PURE for token in tokens)
    if "yoso" in tokens:  # Luo-Yihong/yoso_sd1.5_lora: LCMScheduler
        return NamedSampler(sampler="lcm", kind="YOSO", steps=steps or 2, guidance=1.5)
    if ("vega", "rt") in pairwise(tokens):  # segmind/Segmind-VegaRT: an LCM-LoRA
        return NamedSampler(sampler="lcm", kind="VegaRT", steps=steps or 4)
    if "pcm" in tokens:
        return _phased(tokens, steps)
    if "lcm" in tokens:
        return NamedSampler(sampler="lcm", kind="LCM", steps=steps)
    if "tcd" in tokens:
        return NamedSampler(sampler="tcd", kind="TCD", steps=steps)
    if (
        "dmd" in tokens
        # LCMScheduler at 999, 749, 499, 249 without guidance (tianweiy/DMD2), the same steps as
        # turbo
    ):
        return NamedSampler(
            sampler="turbo", kind="DMD2", steps=steps or _DMD_STEPS, is_merge=is_merge
        )
    if _is_hyper(tokens, is_lora=is_lora):
        return _hyper(tokens, steps, is_merge=is_merge)
    for token, kind in (("lightning", "SDXL-Lightning"), ("turbo", "turbo")):
        if token in tokens and (not is_lora or _is_near_base(tokens, token) or steps is not None):
            guidance = MERGE_GUIDANCE if is_merge else 1.0
            return NamedSampler(
                sampler=token, kind=kind, steps=steps, guidance=guidance, is_merge=is_merge
            )
    # jasperai/flash-sd, not sd-community/sdxl-flash
    if "flash" in tokens and _token_after(tokens, "flash") in _BASES:
        return NamedSampler(sampler="lcm", kind="Flash Diffusion", steps=steps)
    return None


def predicts_picture(name: str) -> bool:
    """True for the stem of the one-step SDXL-Lightning, which predicts the picture (x0), not the
    noise."""
    tokens = tokenize_name(name)
    return "lightning" in tokens and ("x", "0") in pairwise(tokens)


def _phased(tokens: tuple[str, ...], steps: int | None) -> NamedSampler:
    """Phased Consistency (wangfuyun/PCM_Weights)."""
    if "lcmlike" in tokens:
        return NamedSampler(sampler="lcm", kind="PCM, LCM-like", steps=steps)
    return NamedSampler(sampler="tcd", kind="PCM", steps=steps, eta=_PHASED_ETA)


def _hyper(tokens: tuple[str, ...], steps: int | None, *, is_merge: bool) -> NamedSampler:
    """Hyper-SD: DDIM with trailing timesteps; the one-step LoRA TCD with eta 1, the one-step UNet
    LCM at 800."""
    after = _token_after(tokens, "hyper")
    steps = steps or (int(after) if after in _HYPER_STEPS else None)
    if steps != 1:
        guidance = _CFG_GUIDANCE if "cfg" in tokens else MERGE_GUIDANCE if is_merge else 1.0
        return NamedSampler(
            sampler="hyper", kind="Hyper-SD", steps=steps, guidance=guidance, is_merge=is_merge
        )
    if "unet" in tokens:
        return NamedSampler(sampler="lcm", kind="Hyper-SD's one-step UNet", steps=1, t_index=10)
    return NamedSampler(sampler="tcd", kind="Hyper-SD's one-step LoRA", steps=1, eta=_UNIFIED_ETA)


def _is_hyper(tokens: tuple[str, ...], *, is_lora: bool) -> bool:
    if "hyper" not in tokens:
        return False
    after = _token_after(tokens, "hyper")
    if after in _BASES or (after.isdigit() and _steps_in(tokens) is not None):
        return True
    return not is_lora and (not after or after in (*_AFTER_HYPER, *_HYPER_STEPS))


def _is_near_base(tokens: tuple[str, ...], token: str) -> bool:
    index = tokens.index(token)
    return not _BASES.isdisjoint(tokens[max(0, index - 1) : index + 2])


def _token_after(tokens: tuple[str, ...], token: str) -> str:
    index = tokens.index(token) + 1
    return tokens[index] if index < len(tokens) else ""


def _steps_in(tokens: tuple[str, ...]) -> int | None:
    for number, unit in pairwise(tokens):
        if unit in _STEPS and number.isdigit():
            return int(number)
    return None


def name_notes(name: str, *, is_lora: bool) -> tuple[str, ...]:
    """Lines about how to run a model of this name that its sampler alone does not show."""
    spaced = " ".join(tokenize_name(name))
    notes = [
        f"the name {name} says {hint}" for pattern, hint in _NOTES if re.search(pattern, spaced)
    ]
    named = sampler_from_name(name, is_lora=is_lora)
    if named is None:
        for sampler, pattern, kind in _UNSURE:
            if re.search(pattern, spaced):
                notes.append(f"the name {name} may mean {kind}; if so, set the sampler {sampler}")
    elif named.sampler == "lcm" and "turbo" in spaced.split():
        notes.append(
            f"the name {name} says both LCM and turbo: run as lcm; the sampler turbo is the other"
        )
    elif named.kind == "Hyper-SD" and re.search(r"\bhyper \d+$", spaced) and named.steps:
        notes.append(f"the name {name} is read as Hyper-SD with {named.steps} steps")
    return tuple(notes)


def distillation_note(loras: Sequence[str]) -> str:
    """A note if several of these LoRAs are distillations, which do not add up; "" otherwise."""
    distilled = [name for name in loras if sampler_from_name(name, is_lora=True) is not None]
    if len(distilled) < 2:
        return ""
    return (
        f"{len(distilled)} distillation LoRAs ({', '.join(distilled)}): the sampler is that of "
        f"{distilled[0]}, and "
        "what they change does not add up; keep one"
    )
