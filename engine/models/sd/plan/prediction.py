"""Decides what the UNet predicts: the noise (epsilon), the velocity (v_prediction) or the picture (sample)."""

from engine.errors import ModelError
from engine.models.sd.plan.choice import ASKED, Decision
from engine.models.sd.plan.model_folder import DiffusersFolder
from engine.models.sd.plan.sampler_name import predicts_picture
from engine.models.sd.plan.single_file import SingleFile

WORDS = {"epsilon": "epsilon", "v": "v_prediction", "v_prediction": "v_prediction"}
"""Values of the option `prediction` other than auto."""


def choose_prediction(wanted: str, folder: DiffusersFolder, single: SingleFile | None) -> Decision:
    """`wanted`: auto, or one of WORDS. `single`: the model's file, described by `folder`; None for a folder.

    For a single file, in this order: markers inside it, the configuration next to it, its weights, its name.
    """
    if wanted != "auto" and wanted not in WORDS:
        raise ModelError(f"prediction {wanted}: not one of auto, epsilon, v")
    if wanted in WORDS:
        choice = Decision(WORDS[wanted], ASKED)
    elif single is None:
        choice = Decision(_configured(folder), "the scheduler's configuration")
    elif single.prediction.marked:
        choice = single.prediction.marked
    elif predicts_picture(single.public_name):
        choice = Decision("sample", f"the name {single.public_name}: the one-step SDXL-Lightning")
    elif folder.path == single.folder_beside:
        choice = Decision(_configured(folder), f"the scheduler's configuration in {folder.path.name}/ next to the file")
    else:
        choice = single.prediction.likely or Decision(_configured(folder), "nothing in the file; the published default")
    return choice if single is None else _with_zero_snr(choice, single)


def _configured(folder: DiffusersFolder) -> str:
    return str(folder.scheduler.get("prediction_type", "epsilon"))


def _with_zero_snr(choice: Decision, single: SingleFile) -> Decision:
    where = single.prediction.zero_snr
    if not where:
        return choice
    if choice.value == "v_prediction":
        return Decision(choice.value, f"{choice.reason}; zero terminal SNR: {where}")
    reason = f"{choice.reason}; {where} is ignored: only v-prediction can start from pure noise"
    return Decision(choice.value, reason)
