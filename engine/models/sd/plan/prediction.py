"""Determines the prediction type of a single file from its header: format markers first, then
heuristics.

Sources: A1111's pull requests 16567 and 16569 and ComfyUI's supported_models.py (the empty tensors
`v_pred` and `ztsnr`, the norm of SD 2.x); Stability's ModelSpec 1.0 (`modelspec.prediction_type`),
as sd-scripts writes it, and `modelspec.predict_key` of ComfyUI's own checkpoints; the original
configuration next to the file (`x.yaml` for `x.safetensors`, A1111's sd_models_config.py), with
which v-prediction models of SD 1.5 were published.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from engine.models.sd.plan.original_names import UNET
from engine.models.tensor_file import TensorFile
from engine.system.small_file import read_small

REQUESTED = "asked for"
V_PRED = "v_pred"
ZERO_SNR = "ztsnr"
FLOW = "flow_prediction"
"""noise - x0, of a rectified flow (Liu et al. 2022): x = (1 - sigma) x0 + sigma noise at timestep
1000 sigma."""
PREDICTION_NAMES = {
    "epsilon": "epsilon",
    "eps": "epsilon",
    "v": "v_prediction",
    "v_prediction": "v_prediction",
}
PREDICTION_NAMES |= dict.fromkeys(("flow", "rf", "flow_matching", "rectified_flow", FLOW), FLOW)
ARCHITECTURES = {"stable-diffusion-v2-512": "epsilon", "stable-diffusion-v2-768-v": "v_prediction"}
"""Values of `modelspec.architecture` that imply the prediction (sd-scripts,
library/sai_model_spec.py)."""
V_NORM_STD = 0.09
"""Standard deviation of the last attention's norm1.bias above which an SD 2.x model predicts v
(ComfyUI)."""
_YAML = re.compile(r"^[ \t]*parameterization:[ \t]*[\"']?(v|eps)\b", re.MULTILINE)
_NORM = re.compile(re.escape(UNET) + r"output_blocks\.(\d+)\.1\.transformer_blocks\.0\.norm1\.bias")
_FLOW_STEM = re.compile(
    r"(?i:rectified.?flow|flow.?match|nya.?flow|big.?asp.{0,2}2.?5)|(?i:(?<![a-z])flow(?![a-z]))|(?<![A-Z])RF(?![A-Za-z])|(?<![A-Za-z])rf(?![A-Za-z])"
)
_V_STEM = re.compile(r"v[-_ ]?pred", re.IGNORECASE)
_ZERO_SNR_STEM = re.compile(r"zt?snr", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Decision:
    """A value that was chosen for a model, with the reason."""

    value: str
    reason: str
    """Where the value comes from, in a few words: `asked for`, `the empty tensor v_pred in the
    file`."""

    def __str__(self) -> str:
        return f"{self.value} ({self.reason})" if self.reason else self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePrediction:
    """Prediction type of a single file, by its header and name."""

    marked: Decision | None
    """From markers in the file, or None."""
    likely: Decision | None
    """From heuristics, or None: a rectified flow's name, the weights of an SD 2.x model, else the
    file's name."""
    zero_snr: str
    """The marker by which the last timestep is pure noise (zero terminal SNR), or ""."""


def file_prediction(file: TensorFile, family: str) -> FilePrediction:
    """Determine the prediction of a file. `family`: sd15, sd21 or sdxl."""
    stem = file.path.stem
    zero_snr = f"the tensor {ZERO_SNR}" if ZERO_SNR in file.tensors else ""
    if not zero_snr and (named := _ZERO_SNR_STEM.search(stem)):
        zero_snr = f"{named[0]} in the file's name"
    likely = _by_stem(stem, _FLOW_STEM, FLOW) or _by_norm(file, family)
    likely = likely or _by_stem(stem, _V_STEM, "v_prediction")
    return FilePrediction(marked=_marked(file), likely=likely, zero_snr=zero_snr)


def _marked(file: TensorFile) -> Decision | None:
    if V_PRED in file.tensors:
        return Decision("v_prediction", f"the tensor {V_PRED} in the file")
    yaml = file.path.with_suffix(".yaml")
    if found := _YAML.search(_text(yaml)):
        return Decision(
            PREDICTION_NAMES[found[1]],
            f"parameterization {found[1]} in {yaml.name} beside the file",
        )
    for key in ("modelspec.prediction_type", "modelspec.predict_key"):
        if value := re.sub(r"[^a-z0-9]+", "_", file.metadata.get(key, "").lower())[:40]:
            kind = PREDICTION_NAMES.get(value, value)  # an unknown value is refused later
            return Decision(kind, f"{key} in the file: {value}")
    architecture = file.metadata.get("modelspec.architecture", "").lower()
    if architecture in ARCHITECTURES:
        return Decision(
            ARCHITECTURES[architecture], f"modelspec.architecture in the file: {architecture}"
        )
    return None


def _text(file: Path) -> str:
    """The text of a file, or "" if it cannot be read."""
    try:
        return read_small(file).decode("utf-8", errors="replace")
    except OSError:
        return ""


def _by_norm(file: TensorFile, family: str) -> Decision | None:
    norms = {int(found[1]): name for name in file.tensors if (found := _NORM.fullmatch(name))}
    if family != "sd21" or not norms:
        return None
    numbers = file.numbers(norms[max(norms)])
    if numbers is None or not numbers.size:
        return None
    spread = float(numbers.std())
    kind = "v_prediction" if spread > V_NORM_STD else "epsilon"
    side = "above" if kind == "v_prediction" else "below"
    return Decision(kind, f"the weights: a norm's bias varies by {spread:.2g}, {side} {V_NORM_STD}")


def _by_stem(stem: str, pattern: re.Pattern[str], value: str) -> Decision | None:
    found = pattern.search(stem)
    return Decision(value, f"{found[0]} in the file's name") if found else None
