"""The configuration of the noise schedule that a model is run with, told from its JSON. Does not load torch."""

from typing import Any

from engine.models.diffusion.choice import Choice
from engine.models.diffusion.model_folder import ModelFolder
from engine.models.diffusion.single_file import SingleFile


def scheduler_config(folder: ModelFolder, single: SingleFile | None, prediction: Choice) -> dict[str, Any]:
    """As published, with what was decided in it. ModelError in one line for a schedule that cannot be run."""
    return folder.scheduler | {"prediction_type": prediction.value}
