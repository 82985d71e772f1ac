"""Decides which sampler to use for a model with its LoRAs, with the reason.

Checked in order: the names of the LoRAs, because they override the model; the UNet (SDXS has a
scheduler for many steps but a network for one); the model's scheduler; the stem of a single file.
Folder names are ignored, except that sd-turbo and sdxl-turbo, whose Euler scheduler any model may
have, count as turbo by name or size: running an ordinary model as turbo would blur its pictures;
running a turbo model as an ordinary one still follows its published steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import ModelError
from engine.models.sd.plan.lora_file import LoraFile
from engine.models.sd.plan.model_folder import DiffusersFolder
from engine.models.sd.plan.prediction import REQUESTED, Decision
from engine.models.sd.plan.sampler_name import TCD_ETA, NamedSampler, sampler_from_name
from engine.models.sd.plan.single_file import SingleFile

SAMPLERS = (
    "auto",
    "lcm",
    "turbo",
    "lightning",
    "hyper",
    "tcd",
    "scheduler",
    "deis",
    "euler",
    "dpm",
)
"""The last three use diffusers' schedulers, which work with any model."""
FEW_STEPS = ("lcm", "turbo", "lightning", "hyper", "tcd")
"""Samplers implemented here, live and in jobs. A stream cannot use `scheduler`, the model's own in
diffusers."""
_CLASSES = {"LCMScheduler": "lcm", "TCDScheduler": "tcd"}
_EULERS = ("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler")
_TURBO_SIDE = 64  # latents, 512 px: the size of sdxl-turbo; SDXL and SDXL-Lightning have 1024 px


@dataclass(frozen=True, slots=True)
class SamplerChoice(Decision):
    eta: float = TCD_ETA
    """Fraction of the noise that tcd redraws after each step, 0 to 1."""
    takes_guidance: bool = False
    """True if a requested guidance is used although the sampler's models were distilled without:
    merges, Hyper-SD's CFG files, and models of unknown kind for which the user requested the
    sampler."""
    guidance: float = 1.0
    """The guidance that the authors recommend; 1: none."""
    steps: int | None = None
    """The number of steps that it was made for, or None."""


def choose_sampler(
    requested: str,
    folder: DiffusersFolder,
    single: SingleFile | None,
    prediction: Decision,
    loras: Sequence[LoraFile],
) -> SamplerChoice:
    """Choose the sampler. `requested`: one of SAMPLERS. `single`: the model's file, configured by
    `folder`, or None."""
    if requested not in SAMPLERS:
        raise ModelError(f"sampler {requested}: not one of {', '.join(SAMPLERS)}")
    by_loras = _samplers_in_names(
        [(f"the name of the LoRA {lora.name}", lora.name) for lora in loras], is_lora=True
    )
    by_file = _samplers_in_names(
        [] if single is None else [(f"the name {single.public_name}", single.public_name)],
        is_lora=False,
    )
    if requested != "auto":
        return _choose_requested(requested, [named for _, named in (*by_loras, *by_file)])
    is_velocity = prediction.value == "v_prediction"
    is_own = single is None or folder.path == single.path.with_suffix("")
    scheduler = folder.scheduler if is_own else {}
    kind = scheduler.get("_class_name", "")
    for reason, named in by_loras:
        if not (is_velocity and named.sampler == "turbo"):
            return _choice_with_reason(reason, named)
    if _is_sdxs(folder) and not is_velocity:
        reason = "a UNet without a middle block, as in SDXS: made for 1 step without guidance"
        return SamplerChoice("turbo", f"unet/config.json: {reason}, at /sd/t_index 0", steps=1)
    if kind in _CLASSES:
        return SamplerChoice(_CLASSES[kind], f"the scheduler's configuration: {kind}")
    for reason, named in by_file:
        if not (is_velocity and named.sampler == "turbo"):
            return _choice_with_reason(reason, named)
    if by_loras or by_file:
        reason = (by_loras or by_file)[0][0]
        return SamplerChoice(
            "scheduler", f"the scheduler's configuration; {reason} says turbo, but it predicts v"
        )
    is_euler = kind in _EULERS and scheduler.get("timestep_spacing") == "trailing"
    if is_euler and prediction.value == "epsilon" and not scheduler.get("rescale_betas_zero_snr"):
        return _of_trailing_euler(folder, kind)
    return SamplerChoice("scheduler", "the scheduler's configuration")


def _samplers_in_names(
    names: Sequence[tuple[str, str]], *, is_lora: bool
) -> list[tuple[str, NamedSampler]]:
    """The (reason, sampler) pairs for names that imply a sampler."""
    found = [(reason, sampler_from_name(name, is_lora=is_lora)) for reason, name in names]
    return [(reason, named) for reason, named in found if named is not None]


def _choose_requested(requested: str, names: Sequence[NamedSampler]) -> SamplerChoice:
    for named in names:
        if named.sampler == requested:
            return _choice_for(named, REQUESTED)
    return SamplerChoice(requested, REQUESTED, takes_guidance=True)


def _choice_with_reason(reason: str, named: NamedSampler) -> SamplerChoice:
    steps_note = (
        f", made for {named.steps} step{'' if named.steps == 1 else 's'}" if named.steps else ""
    )
    at = f", to be run at /sd/t_index {named.t_index}" if named.t_index is not None else ""
    return _choice_for(named, f"{reason}: {named.kind}{steps_note}{at}")


def _choice_for(named: NamedSampler, reason: str) -> SamplerChoice:
    takes_guidance = named.is_merge or named.guidance > 1.0
    return SamplerChoice(
        named.sampler, reason, named.eta, takes_guidance, named.guidance, named.steps
    )


def _is_sdxs(folder: DiffusersFolder) -> bool:
    """True for three levels and no middle block, as in BK-SDM tiny, but without self-attention at
    the first level. There IDKiro/sdxs-512-0.9 has only cross-attention, sdxs-512-dreamshaper none
    at all (arXiv 2403.16627)."""
    unet = folder.unet
    widths = unet.get("block_out_channels", ())
    kinds = unet.get("down_block_types", ())
    if (
        folder.family == "sdxl"
        or unet.get("mid_block_type", "") is not None
        or not len(widths) == len(kinds) == 3
    ):
        return False
    only_cross = unet.get("only_cross_attention", False)
    is_only_cross = (
        bool(only_cross[0]) if isinstance(only_cross, list) and only_cross else only_cross is True
    )
    return kinds[0] == "DownBlock2D" or is_only_cross


def _of_trailing_euler(folder: DiffusersFolder, kind: str) -> SamplerChoice:
    reason = f"the scheduler's configuration: {kind} with trailing timesteps"
    name = Path(folder.name).name
    named = sampler_from_name(name, is_lora=False)
    if named is not None:
        is_as_published = folder.family == "sd21" or folder.unet.get("sample_size") == _TURBO_SIDE
        # sd-turbo or sdxl-turbo in a folder of another name
        if named.sampler == "turbo" and is_as_published:
            named = replace(named, guidance=1.0, is_merge=False)
        return _choice_for(named, f"{reason} and the name {name}")
    if folder.family == "sd21":
        return SamplerChoice("turbo", f"{reason}, as sd-turbo's")
    if folder.family == "sdxl" and folder.unet.get("sample_size") == _TURBO_SIDE:
        return SamplerChoice("turbo", f"{reason}, made for 512 px as sdxl-turbo")
    return SamplerChoice(
        "scheduler", f"{reason}; if it is a turbo or lightning model, set that sampler"
    )
