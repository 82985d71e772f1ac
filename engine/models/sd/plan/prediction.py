"""Decides what the UNet predicts: the noise (epsilon), the velocity (v_prediction) or the picture (sample)."""

from engine.errors import ModelError
from engine.models.sd.plan.choice import ASKED, Choice
from engine.models.sd.plan.model_folder import ModelFolder
from engine.models.sd.plan.sampler_name import predicts_picture
from engine.models.sd.plan.single_file import SingleFile

WORDS = {"epsilon": "epsilon", "v": "v_prediction", "v_prediction": "v_prediction"}
"""Values of `prediction` beside auto."""


def choose_prediction(wanted: str, folder: ModelFolder, single: SingleFile | None) -> Choice:
    """`wanted`: auto, or one of WORDS. `single`: the model is this one file, which `folder` describes.

    Of a single file marks inside it count first, then the configuration beside it, then its weights and its name.
    """
    if wanted != "auto" and wanted not in WORDS:
        raise ModelError(f"prediction {wanted}: not one of auto, epsilon, v")
    if wanted in WORDS:
        choice = Choice(WORDS[wanted], ASKED)
    elif single is None:
        choice = Choice(_configured(folder), "the scheduler's configuration")
    elif single.prediction.told:
        choice = single.prediction.told
    elif predicts_picture(single.path.stem):
        choice = Choice("sample", f"the name {single.path.stem}: the one-step SDXL-Lightning")
    elif folder.path == single.folder_beside:
        choice = Choice(_configured(folder), f"the scheduler's configuration in {folder.path.name}/ beside the file")
    else:
        choice = single.prediction.likely or Choice(_configured(folder), "nothing in the file; the published default")
    return choice if single is None else _with_zero_snr(choice, single)


def _configured(folder: ModelFolder) -> str:
    return str(folder.scheduler.get("prediction_type", "epsilon"))


def _with_zero_snr(choice: Choice, single: SingleFile) -> Choice:
    where = single.prediction.zero_snr
    if not where:
        return choice
    if choice.value == "v_prediction":
        return Choice(choice.value, f"{choice.reason}; zero terminal SNR: {where}")
    reason = f"{choice.reason}; {where} is not used: only v-prediction can begin with noise alone"
    return Choice(choice.value, reason)
