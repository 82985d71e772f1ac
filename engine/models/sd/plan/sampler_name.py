"""Recognizes from a model's name how it was distilled. Pure.

Only whole words count: `LCM_Dreamshaper`, `dreamshaperXL_lightningDPMSDE` and `realvisxlV40_v40LightningBakedvae` have
one, `falcmix` and `turbolicious` do not. Words with another common meaning, such as lightning or hyper, count only next
to other words of a distillation.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

TCD_ETA = 0.3
"""Default of TCDScheduler.step in diffusers and in the examples for TCD-LoRA (h1t/TCD-SDXL-LoRA)."""
_UNIFIED_ETA = 1.0  # eta of Hyper-SD's one-step LoRAs (ByteDance/Hyper-SD)
_PHASED_ETA = 0.0  # eta of PCM's LoRAs: their authors leave the pipeline's eta at 0 (wangfuyun/PCM_Weights)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
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
"""Several words that are often written as one."""
_AFTER_HYPER = ("baked", "bakedvae", "vae", "lora", "unet", "cfg", "dpmsde", "fp")
_HYPER_STEPS = ("1", "2", "4", "8", "12", "16")  # of ByteDance/Hyper-SD
_PURE = frozenset(
    "sd sdxl xl ssd turbo lightning hyper dmd lora unet cfg step steps fp bf x v base full pruned ema only emaonly "
    "comfyui model checkpoint diffusion stable stability ai stabilityai bytedance baked vae bakedvae weights".split()
)
"""Words in the names of distillations as they were published. Any other word is that of a merge with another model."""
MERGE_GUIDANCE = 2.0
"""For merges: DreamShaper XL Turbo and Lightning 2, Juggernaut XL Lightning 1.5 to 2, RealVisXL Lightning 1 to 2 (their
authors on CivitAI)."""
MERGE_STEPS = 6  # DreamShaper XL Turbo 4 to 8, Lightning 3 to 6, Juggernaut XL Lightning 5 to 7, RealVisXL Lightning 5
_CFG_GUIDANCE = 6.0  # Hyper-SD's CFG files: 5 to 8 (ByteDance/Hyper-SD)
_DMD_STEPS = 4  # tianweiy/DMD2, also in the names of the files
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
    """The eta for sampler tcd."""
    guidance: float = 1.0
    """The guidance that its authors recommend; 1: none, it was distilled without."""
    is_merge: bool = False
    """True if it is mixed with another model, so that a guidance may be asked of it."""
    place: int | None = None
    """The only index of the 50-step table that it was made for, or None."""


def words_in(name: str) -> tuple[str, ...]:
    """The words of a name in lower case, split at other characters, between letters and digits, and in camel case."""
    words: list[str] = []
    for word in _WORD.findall(name.replace("LoRA", "Lora").replace("LoRa", "Lora")):
        small = word.lower()
        words += _JOINED.get(small, (small,))
    return tuple(words)


def sampler_named(name: str, *, is_lora: bool) -> NamedSampler | None:
    """The sampler implied by a file's stem or a LoRA's name, or None. A LoRA may depict anything, such as a turbo
    sports car: its words count only next to `sd`, `sdxl` or a number of steps."""
    words = words_in(name)
    steps = _steps_in(words)
    is_merge = not is_lora and any(not word.isdigit() and word not in _PURE for word in words)
    if "yoso" in words:  # Luo-Yihong/yoso_sd1.5_lora: LCMScheduler
        return NamedSampler(sampler="lcm", kind="YOSO", steps=steps or 2, guidance=1.5)
    if ("vega", "rt") in pairwise(words):  # segmind/Segmind-VegaRT: an LCM-LoRA
        return NamedSampler(sampler="lcm", kind="VegaRT", steps=steps or 4)
    if "pcm" in words:
        return _phased(words, steps)
    if "lcm" in words:
        return NamedSampler(sampler="lcm", kind="LCM", steps=steps)
    if "tcd" in words:
        return NamedSampler(sampler="tcd", kind="TCD", steps=steps)
    if "dmd" in words:  # LCMScheduler at 999, 749, 499, 249 without guidance (tianweiy/DMD2), the same steps as turbo
        return NamedSampler(sampler="turbo", kind="DMD2", steps=steps or _DMD_STEPS, is_merge=is_merge)
    if _is_hyper(words, is_lora=is_lora):
        return _hyper(words, steps, is_merge=is_merge)
    for word, kind in (("lightning", "SDXL-Lightning"), ("turbo", "turbo")):
        if word in words and (not is_lora or _is_of_a_base(words, word) or steps is not None):
            guidance = MERGE_GUIDANCE if is_merge else 1.0
            return NamedSampler(sampler=word, kind=kind, steps=steps, guidance=guidance, is_merge=is_merge)
    if "flash" in words and _after(words, "flash") in _BASES:  # jasperai/flash-sd, not sd-community/sdxl-flash
        return NamedSampler(sampler="lcm", kind="Flash Diffusion", steps=steps)
    return None


def predicts_picture(name: str) -> bool:
    """True for the stem of the one-step SDXL-Lightning, which predicts the picture (x0), not the noise."""
    words = words_in(name)
    return "lightning" in words and ("x", "0") in pairwise(words)


def _phased(words: tuple[str, ...], steps: int | None) -> NamedSampler:
    """Phased Consistency (wangfuyun/PCM_Weights)."""
    if "lcmlike" in words:
        return NamedSampler(sampler="lcm", kind="PCM, LCM-like", steps=steps)
    return NamedSampler(sampler="tcd", kind="PCM", steps=steps, eta=_PHASED_ETA)


def _hyper(words: tuple[str, ...], steps: int | None, *, is_merge: bool) -> NamedSampler:
    """Hyper-SD: DDIM with trailing timesteps; the one-step LoRA TCD with eta 1, the one-step UNet LCM at 800."""
    after = _after(words, "hyper")
    steps = steps or (int(after) if after in _HYPER_STEPS else None)
    if steps != 1:
        guidance = _CFG_GUIDANCE if "cfg" in words else MERGE_GUIDANCE if is_merge else 1.0
        return NamedSampler(sampler="hyper", kind="Hyper-SD", steps=steps, guidance=guidance, is_merge=is_merge)
    if "unet" in words:
        return NamedSampler(sampler="lcm", kind="Hyper-SD's one-step UNet", steps=1, place=10)
    return NamedSampler(sampler="tcd", kind="Hyper-SD's one-step LoRA", steps=1, eta=_UNIFIED_ETA)


def _is_hyper(words: tuple[str, ...], *, is_lora: bool) -> bool:
    if "hyper" not in words:
        return False
    after = _after(words, "hyper")
    if after in _BASES or (after.isdigit() and _steps_in(words) is not None):
        return True
    return not is_lora and (not after or after in (*_AFTER_HYPER, *_HYPER_STEPS))


def _is_of_a_base(words: tuple[str, ...], word: str) -> bool:
    place = words.index(word)
    return not _BASES.isdisjoint(words[max(0, place - 1) : place + 2])


def _after(words: tuple[str, ...], word: str) -> str:
    place = words.index(word) + 1
    return words[place] if place < len(words) else ""


def _steps_in(words: tuple[str, ...]) -> int | None:
    for number, unit in pairwise(words):
        if unit in _STEPS and number.isdigit():
            return int(number)
    return None


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
