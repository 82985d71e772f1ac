"""The configuration of the noise schedule that a model is run with, told from its JSON. Does not load torch."""

from typing import Any

from engine.models.diffusion.choice import Choice
from engine.models.diffusion.model_folder import ModelFolder
from engine.models.diffusion.single_file import SingleFile

ZERO_SNR_SCHEDULERS = (
    "DDIMScheduler", "DDPMScheduler", "DPMSolverMultistepScheduler", "EulerAncestralDiscreteScheduler",
    "EulerDiscreteScheduler", "LCMScheduler", "TCDScheduler", "UniPCMultistepScheduler",
)  # fmt: skip
"""Those of diffusers that take `rescale_betas_zero_snr`; the others would run the plain schedule."""


def scheduler_config(folder: ModelFolder, single: SingleFile | None, prediction: Choice) -> dict[str, Any]:
    """As published, with what was decided in it. ModelError in one line for a schedule that cannot be run."""
    told = folder.scheduler | {"prediction_type": prediction.value}
    return told if single is None else _file_schedule(told, single, prediction)


def _file_schedule(told: dict[str, Any], single: SingleFile, prediction: Choice) -> dict[str, Any]:
    """`told`: the published configuration of the file's kind. Where the file was trained down to noise alone (zero
    terminal SNR, Lin et al. 2023) the schedule is rescaled and begins at the last timestep."""
    if prediction.value != "v_prediction":
        return told | {"rescale_betas_zero_snr": False} if "rescale_betas_zero_snr" in told else told
    if not single.prediction.zero_snr:
        return told
    kind = told.get("_class_name")
    return told | {
        "_class_name": kind if kind in ZERO_SNR_SCHEDULERS else "EulerDiscreteScheduler",
        "rescale_betas_zero_snr": True,
        "timestep_spacing": "trailing",
    }
