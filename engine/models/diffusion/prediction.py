"""Decides what the UNet predicts: the noise (epsilon), the velocity (v_prediction) or the picture (sample)."""

from engine.errors import ModelError
from engine.models.diffusion.choice import ASKED, Choice
from engine.models.diffusion.model_folder import ModelFolder
from engine.models.diffusion.single_file import SingleFile

WORDS = {"epsilon": "epsilon", "v": "v_prediction", "v_prediction": "v_prediction"}
"""What `prediction` may be beside auto."""


def choose_prediction(wanted: str, folder: ModelFolder, single: SingleFile | None) -> Choice:
    """`wanted`: auto, or one of WORDS. `single`: the model is this one file, which `folder` describes."""
    if wanted in WORDS:
        return Choice(WORDS[wanted], ASKED)
    if wanted != "auto":
        raise ModelError(f"prediction {wanted}: not one of auto, epsilon, v")
    return Choice(folder.scheduler.get("prediction_type", "epsilon"), "the scheduler's configuration")
