"""The steps and the guidance of a job where the user names none: those of the model's authors. Does not load torch."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelError
from engine.models.sd.plan.model_plan import ModelPlan, plan_model
from engine.models.sd.plan.sampler_choice import FEW_STEPS
from engine.models.sd.plan.sampler_name import MERGE_STEPS, sampler_named
from engine.models.sd.spec import ModelSpec

EMBEDDED_GUIDANCE = 8.0  # from the example of SimianLuo/LCM_Dreamshaper_v7, in diffusers' scale, where 7 is embedded
USUAL_GUIDANCE = 6.0
USUAL_STEPS = 20
_STEPS = {"lcm": 4, "turbo": 2, "lightning": 4, "hyper": 8, "tcd": 4}
"""For distillations whose name has no number; turbo: stabilityai's example for pictures, of which half is run."""


@dataclass(frozen=True, slots=True)
class UsualSettings:
    steps: int
    """Total steps, of which the last `strength` share is run."""
    guidance: float
    """1: off."""


def usual_settings(plan: ModelPlan) -> UsualSettings:
    sampler = plan.sampler
    if plan.folder is not None and plan.folder.unet.get("time_cond_proj_dim") is not None:
        return UsualSettings(_STEPS["lcm"], EMBEDDED_GUIDANCE)
    if sampler is None:
        return UsualSettings(USUAL_STEPS, USUAL_GUIDANCE)
    return _of(sampler.value, sampler.steps, sampler.guidance)


def usual_settings_of(spec: ModelSpec) -> UsualSettings:
    """The same for a model that may be on other machines (a cluster's): then by the names alone."""
    try:
        if spec.model and not spec.random_shape:
            return usual_settings(plan_model(spec))
    except ModelError:  # told in full on loading
        names: Iterable[tuple[str, bool]] = [(name, True) for name, _ in spec.loras]
        for name, is_lora in (*names, (spec.unet, False), (spec.model, False)):
            if named := sampler_named(Path(name).stem, is_lora=is_lora):
                return _of(named.sampler, named.steps, named.guidance)
    return UsualSettings(USUAL_STEPS, USUAL_GUIDANCE)


def _of(sampler: str, steps: int | None, guidance: float) -> UsualSettings:
    if sampler not in FEW_STEPS:
        return UsualSettings(USUAL_STEPS, USUAL_GUIDANCE)
    return UsualSettings(steps or (_STEPS[sampler] if guidance <= 1.0 else MERGE_STEPS), guidance)
