"""The model options of the commands that paint: from the command line, and from [sd] of a configuration file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.config import SdConfig
    from engine.models.sd import ModelSpec


def configured_sd(path: Path | None) -> "SdConfig":
    """[sd] of a configuration file, or the defaults without a file."""
    from engine.config import build_config, read_config_file

    return build_config(read_config_file(path) if path else {}).sd


def model_spec(
    model: str | None,
    configured: "SdConfig",
    *,
    loras: Sequence[tuple[str, float]],
    controlnets: Sequence[tuple[str, float]],
    ip_adapter: str | None,
    ip_image: Path | None,
    needs_ip_image: bool = True,
    embeddings: Sequence[str] | None = None,
    clip_skip: int | None = None,
    **others: Any,
) -> "ModelSpec":
    """The model to load: options override the configuration. `others`: fields of ModelSpec; None: as configured."""
    from engine.models.sd import ModelSpec

    spec = ModelSpec(
        model=model or configured.model,
        loras=tuple(loras) or tuple((lora.path, lora.weight) for lora in configured.loras),
        controlnets=tuple(path for path, _ in controlnets) or configured.controlnets,
        ip_adapter=configured.ip_adapter if ip_adapter is None else ip_adapter,
        image_encoder=configured.image_encoder if ip_adapter is None else "",
        embeddings=tuple(embeddings or configured.embeddings),
        clip_skip=configured.clip_skip if clip_skip is None else clip_skip,
        **{"vae": configured.vae, "sampler": configured.sampler, "prediction": configured.prediction}
        | {name: value for name, value in others.items() if value is not None},
    )
    require_known(spec.sampler, spec.prediction)
    if spec.model and (ip_image is None) == bool(spec.ip_adapter) and (needs_ip_image or ip_image is not None):
        raise UsageError("--ip-adapter PATH and --ip-image FILE belong together")
    return spec


def require_known(sampler: str, prediction: str) -> None:
    """Raise UsageError for an unknown value of `--sampler` or `--prediction`."""
    from engine.models.sd.plan.prediction import WORDS
    from engine.models.sd.plan.sampler_choice import SAMPLERS

    if sampler not in SAMPLERS:
        raise UsageError(f"--sampler {sampler}: not one of {', '.join(SAMPLERS)}")
    if prediction not in ("auto", *WORDS):
        raise UsageError(f"--prediction {prediction}: not one of auto, epsilon, v")


def with_numbers(texts: Sequence[str] | None, option: str) -> list[tuple[str, float]]:
    """Each `PATH=0.5` as (PATH, 0.5); without a number, 1. The path itself may contain =."""
    return [_split_number(text, option) for text in texts or ()]


def _split_number(text: str, option: str) -> tuple[str, float]:
    path, is_given, number = text.rpartition("=")
    if not is_given:
        return text, 1.0
    try:
        return path, float(number)
    except ValueError:
        if Path(text).exists():
            return text, 1.0
        raise UsageError(f"{option}: {number!r} in {text!r} is not a number (PATH=0.8)") from None
