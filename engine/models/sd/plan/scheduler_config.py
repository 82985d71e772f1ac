"""Decides what the UNet predicts (noise, velocity or picture) and the noise schedule to run it
with, from its JSON.

Does not load torch.
"""

import importlib.util
from typing import Any, Final

from engine.errors import ModelError
from engine.models import locate
from engine.models.sd.plan.model_folder import DiffusersFolder
from engine.models.sd.plan.other_models import SCHEDULERS
from engine.models.sd.plan.prediction import FLOW, PREDICTION_NAMES, REQUESTED, Decision
from engine.models.sd.plan.sampler_choice import FEW_STEPS
from engine.models.sd.plan.sampler_name import predicts_picture
from engine.models.sd.plan.single_file import SingleFile
from engine.system.installing import install_line

RUNNABLE: Final = frozenset(
    "DDIMScheduler DDIMParallelScheduler DDPMScheduler DDPMParallelScheduler "
    "DEISMultistepScheduler "
    "DPMSolverMultistepScheduler DPMSolverSinglestepScheduler EulerDiscreteScheduler "
    "EulerAncestralDiscreteScheduler HeunDiscreteScheduler KDPM2DiscreteScheduler "
    "KDPM2AncestralDiscreteScheduler "
    "LCMScheduler LMSDiscreteScheduler PNDMScheduler SASolverScheduler TCDScheduler "
    "UniPCMultistepScheduler".split()
)
"""diffusers' schedulers that start from a noisy picture and a table of betas."""
SCHEDULES: Final = ("linear", "scaled_linear", "squaredcos_cap_v2")
PREDICTIONS: Final = ("epsilon", "v_prediction", FLOW, "sample")
FLOW_EULER: Final = "FlowMatchEulerDiscreteScheduler"
FLOW_SCHEDULERS: Final = (
    FLOW_EULER, "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler",
    "UniPCMultistepScheduler"
)  # fmt: skip
"""diffusers' schedulers for a rectified flow; its others (DEIS, SASolver) leave the noise of the
last step."""
FLOW_SHIFT: Final = 3.0  # default of ComfyUI's ModelSamplingSD3; the authors of NoobAI-RF: 3 to 8
CARRIER: Final = "EulerDiscreteScheduler"
"""Replaces an unsupported class if the requested sampler needs only the noise table."""
OWN_CHOICE: Final = ("auto", "scheduler")
"""Samplers for which diffusers' scheduler class computes, or may compute, the steps."""
PACKAGES: Final = {"LMSDiscreteScheduler": "scipy"}
PLAYGROUND: Final = "playgroundai/playground-v2-1024px-aesthetic"
NO_FLOW: Final = "predicts a rectified flow, which deis cannot run; set the sampler euler or dpm"
ANOTHER: Final = "set the sampler euler, deis or dpm (lcm or turbo if the model was made for it)"
NO_ZERO_SNR: Final = (
    "was trained with zero terminal SNR, with which deis cannot start; set euler or dpm"
)
ZERO_SNR_SCHEDULERS = (
    "DDIMScheduler", "DDPMScheduler", "DPMSolverMultistepScheduler",
    "EulerAncestralDiscreteScheduler",
    "EulerDiscreteScheduler", "LCMScheduler", "TCDScheduler", "UniPCMultistepScheduler",
)  # fmt: skip
"""diffusers' schedulers that support `rescale_betas_zero_snr`; the others would ignore it."""


def choose_prediction(
    requested: str, folder: DiffusersFolder, single: SingleFile | None
) -> Decision:
    """Choose the prediction type. `requested`: auto, or one of PREDICTION_NAMES. `single`: the
    model's file, configured by `folder`, or None. A file is judged by markers in it, the
    configuration next to it, its weights, its name."""
    if requested != "auto" and requested not in PREDICTION_NAMES:
        raise ModelError(f"prediction {requested}: not one of auto, epsilon, v, flow")
    if requested in PREDICTION_NAMES:
        choice = Decision(PREDICTION_NAMES[requested], REQUESTED)
    elif single is None:
        choice = Decision(_configured(folder), "the scheduler's configuration")
    elif single.prediction.marked:
        choice = single.prediction.marked
    elif predicts_picture(single.public_name):
        choice = Decision("sample", f"the name {single.public_name}: the one-step SDXL-Lightning")
    elif folder.path == single.folder_beside:
        choice = Decision(
            _configured(folder),
            f"the scheduler's configuration in {folder.path.name}/ next to the file",
        )
    else:
        choice = single.prediction.likely or Decision(
            _configured(folder), "nothing in the file; the published default"
        )
    return choice if single is None else _with_zero_snr(choice, single)


def _configured(folder: DiffusersFolder) -> str:
    return (
        FLOW
        if _is_flow(folder.scheduler)
        else str(folder.scheduler.get("prediction_type", "epsilon"))
    )


def _with_zero_snr(choice: Decision, single: SingleFile) -> Decision:
    where = single.prediction.zero_snr
    if not where or choice.value == FLOW:
        return choice
    if choice.value == "v_prediction":
        return Decision(choice.value, f"{choice.reason}; zero terminal SNR: {where}")
    return Decision(
        choice.value,
        f"{choice.reason}; {where} is ignored: only v-prediction can start from pure noise",
    )


def scheduler_config(
    folder: DiffusersFolder,
    single: SingleFile | None,
    prediction: Decision,
    requested: str = "auto",
) -> dict[str, Any]:
    """The published configuration, changed by the decisions made here. ModelError in one line if it
    is unsupported. `requested`: the requested sampler. A sampler implemented here needs only the
    scheduler's noise table."""
    if prediction.value == FLOW:
        if requested == "deis":
            raise ModelError(f"{folder.name}: {NO_FLOW}")
        return flow_schedule(folder.scheduler)
    # first: its errors hold for any prediction
    config = folder_schedule(folder.name, folder.scheduler, requested)
    if prediction.value not in PREDICTIONS:
        raise ModelError(
            f"{folder.name}: predicts {prediction.value} ({prediction.reason}); supported: "
            f"{', '.join(PREDICTIONS)}; "
            "where that is wrong, set prediction to epsilon, v or flow"
        )
    config |= {"prediction_type": prediction.value}
    if single is not None:
        config = _file_schedule(config, single, prediction)
    elif (
        prediction.value != "v_prediction"
        and prediction.reason == REQUESTED
        and "rescale_betas_zero_snr" in config
    ):
        config |= {"rescale_betas_zero_snr": False}  # a schedule for v-prediction only
    if requested == "deis" and config.get("rescale_betas_zero_snr"):
        raise ModelError(f"{folder.name}: {NO_ZERO_SNR}")
    return config


def require_signal(name: str, config: dict[str, Any], prediction: Decision, sampler: str) -> None:
    """Raise ModelError if our samplers would divide by the picture's weight where it is 0."""
    if (
        config.get("rescale_betas_zero_snr")
        and prediction.value == "epsilon"
        and sampler in FEW_STEPS
    ):
        raise ModelError(
            f"{name}: its scheduler begins with noise alone (rescale_betas_zero_snr), where "
            f"{sampler} cannot tell a "
            "picture from epsilon; where it predicts v, set prediction to v, else "
            "rescale_betas_zero_snr to false"
        )


# -- of a rectified flow


def _is_flow(config: dict[str, Any]) -> bool:
    return config.get("_class_name") == FLOW_EULER or bool(config.get("use_flow_sigmas"))


def flow_schedule(config: dict[str, Any]) -> dict[str, Any]:
    """The schedule of a flow, with the keys of FLOW_SCHEDULERS: from `config`, or Euler's with
    FLOW_SHIFT."""
    if not _is_flow(config):
        config = {"num_train_timesteps": 1000, "flow_shift": FLOW_SHIFT}
    kind = config.get("_class_name")
    shift = config.get("shift" if kind == FLOW_EULER else "flow_shift", 1.0)
    own = {
        "_class_name": kind if kind in FLOW_SCHEDULERS else FLOW_EULER,
        "shift": shift,
        "flow_shift": shift,
    }
    return (
        config
        | own
        | {"use_flow_sigmas": True, "use_dynamic_shifting": False, "prediction_type": FLOW}
    )


def flow_note(prediction: Decision, config: dict[str, Any], single: SingleFile | None) -> str:
    """A note if a model is run as a flow, or if a file's name says that it is one and its header
    another thing."""
    if prediction.value == FLOW:
        how = (
            f"rectified flow, {config['_class_name']} with shift {config['shift']:g} "
            f"({prediction.reason})"
        )
        return f"{how}; if pictures are noise, set prediction to epsilon or v"
    named = None if single is None or prediction.reason == REQUESTED else single.prediction.likely
    if named is None or named.value != FLOW:
        return ""
    return (
        f"a rectified flow by its name ({named.reason}), not by {prediction.reason}; for one, "
        "set prediction to flow"
    )


# -- of a single file


def _file_schedule(
    config: dict[str, Any], single: SingleFile, prediction: Decision
) -> dict[str, Any]:
    """`config`: the published configuration for this kind of file. If the file was trained with
    zero terminal SNR (Lin et al. 2023), the schedule is rescaled and starts at the last
    timestep."""
    if prediction.value != "v_prediction":
        return (
            config | {"rescale_betas_zero_snr": False}
            if "rescale_betas_zero_snr" in config
            else config
        )
    if not single.prediction.zero_snr:
        return config
    kind = config.get("_class_name")
    return config | {
        "_class_name": kind if kind in ZERO_SNR_SCHEDULERS else "EulerDiscreteScheduler",
        "rescale_betas_zero_snr": True,
        "timestep_spacing": "trailing",
    }


# -- of a folder


def folder_schedule(name: str, config: dict[str, Any], requested: str) -> dict[str, Any]:
    """Change `config` so that it can be run. ModelError in one line if that is impossible."""
    kind = config.get("_class_name")
    what = (
        f"{name}: its scheduler {kind}" if kind else f"{name}: its scheduler (without a class name)"
    )
    schedule = config.get("beta_schedule", "linear" if kind in RUNNABLE else None)
    if config.get("use_flow_sigmas"):
        raise ModelError(
            f"{what} is that of a rectified flow (use_flow_sigmas); set prediction to flow or auto"
        )
    if config.get("timestep_type") == "continuous" or (
        isinstance(kind, str) and kind.startswith("EDM")
    ):
        instead = (
            "instead of Playground 2.5 and CosXL, use Playground 2: "
            f"{locate.fetch_command(PLAYGROUND)}"
        )
        raise ModelError(f"{what} parametrizes noise as EDM does, not by timesteps; {instead}")
    if config.get("trained_betas") is None and schedule not in SCHEDULES:
        if schedule is None:
            raise ModelError(f"{what} {_of_kind(kind)} and has no noise table (no beta_schedule)")
        raise ModelError(
            f"{what} has the beta_schedule {schedule}; supported: {', '.join(SCHEDULES)}"
        )
    if requested not in OWN_CHOICE:
        return (
            config
            if kind in RUNNABLE and not _absent(config)
            else config | {"_class_name": CARRIER}
        )
    if kind not in RUNNABLE:
        raise ModelError(f"{what} {_of_kind(kind)}; {ANOTHER}")
    if package := _absent(config):
        raise ModelError(
            f"{what} needs {package}, which is not installed: {install_line(package)}; or {ANOTHER}"
        )
    return config


def _of_kind(kind: Any) -> str:
    found = (what for start, what in SCHEDULERS.items() if isinstance(kind, str) and start in kind)
    return next(found, "is unknown")


def _absent(config: dict[str, Any]) -> str:
    """A package that the scheduler needs but is not installed, or ""."""
    needed = PACKAGES.get(
        config.get("_class_name", ""), "scipy" if config.get("use_beta_sigmas") else ""
    )
    return needed if needed and importlib.util.find_spec(needed) is None else ""
