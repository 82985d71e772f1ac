"""Reports the kind of a model, its parts and missing files, from file headers, in milliseconds.

Does not load torch.
"""

from dataclasses import dataclass

from engine.models.part_report import Report
from engine.models.sd.plan.model_plan import ModelPlan, plan_model
from engine.models.sd.plan.prediction import Decision
from engine.models.sd.spec import ModelSpec

_UNKNOWN = Decision("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport(Report):
    family: str
    """sd15, sd21 or sdxl."""
    prediction_type: str
    prediction_reason: str
    sampler: str
    sampler_reason: str
    vae: str
    """AutoencoderTiny (TAESD) or AutoencoderKL."""


def check(spec: ModelSpec) -> ModelReport:
    """Check a model. ModelError if `spec.model` is not found or not a supported kind; other problems are in the
    report."""
    return report_on(plan_model(spec))


def report_on(plan: ModelPlan) -> ModelReport:
    prediction, sampler = plan.prediction or _UNKNOWN, plan.sampler or _UNKNOWN
    return ModelReport(
        model=plan.spec.model,
        path=str(plan.path),
        family=plan.family,
        prediction_type=prediction.value,
        prediction_reason=prediction.reason,
        sampler=sampler.value,
        sampler_reason=sampler.reason,
        vae="" if plan.vae is None else plan.vae.kind,
        parts=plan.parts,
        missing=plan.missing,
        notes=plan.notes,
    )


def run_line(sampler: str, sampler_reason: str, prediction: str, prediction_reason: str) -> str:
    """Sampler and prediction with their reasons, in one line: `turbo (the scheduler's configuration), epsilon (asked
    for)`."""
    decisions = ((sampler, sampler_reason), (prediction, prediction_reason))
    return ", ".join(f"{value} ({reason})" if reason else value for value, reason in decisions)
