"""Decides how many-step noise is taken away: which sampler a model with these LoRAs was made for, and why."""

from collections.abc import Sequence

from engine.errors import ModelError
from engine.models.diffusion.choice import ASKED, Choice
from engine.models.diffusion.lora_file import LoraFile
from engine.models.diffusion.model_folder import ModelFolder
from engine.models.diffusion.single_file import SingleFile

SAMPLERS = ("auto", "lcm", "turbo", "scheduler")


def choose_sampler(
    wanted: str, folder: ModelFolder, single: SingleFile | None, prediction: Choice, loras: Sequence[LoraFile]
) -> Choice:
    """`wanted`: one of SAMPLERS. `single`: the model is this one file, which `folder` describes."""
    if wanted not in SAMPLERS:
        raise ModelError(f"sampler {wanted}: not one of {', '.join(SAMPLERS)}")
    if wanted != "auto":
        return Choice(wanted, ASKED)
    kind = folder.scheduler.get("_class_name", "")
    if kind == "LCMScheduler":
        return Choice("lcm", f"the scheduler's configuration ({kind})")
    for lora in loras:
        if "lcm" in lora.name.lower():
            return Choice("lcm", f"the name of the LoRA {lora.name}")
    is_euler = kind in ("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler")
    if is_euler and folder.scheduler.get("timestep_spacing") == "trailing":
        return Choice("turbo", f"the scheduler's configuration ({kind}, trailing timesteps)")
    return Choice("scheduler", "the scheduler's configuration")
