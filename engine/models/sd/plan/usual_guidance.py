"""The default guidance of a job, as published by the model's authors. Does not load torch."""

from engine.models.sd.plan.model_plan import ModelPlan
from engine.models.sd.plan.sampler_choice import FEW_STEPS

EMBEDDED_GUIDANCE = 8.0  # from the example of SimianLuo/LCM_Dreamshaper_v7, in diffusers' scale, where 7 is embedded
USUAL_GUIDANCE = 6.0


def usual_guidance(plan: ModelPlan) -> float:
    """The default guidance: 1 (off) for models distilled to few steps, except Hyper-SD's CFG files."""
    if plan.folder is not None and plan.folder.unet.get("time_cond_proj_dim") is not None:
        return EMBEDDED_GUIDANCE
    sampler = plan.sampler
    if sampler is not None and sampler.value in FEW_STEPS and not sampler.is_hyper_guided:
        return 1.0
    return USUAL_GUIDANCE
