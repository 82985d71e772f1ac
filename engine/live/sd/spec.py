"""From the configuration to the model that a child is told to load, and whether all of it is on this machine."""

from pathlib import Path

from engine.config import SdConfig
from engine.models.libraries import require_libraries
from engine.models.sd.check import check, run_line
from engine.models.sd.spec import VAE_WORDS, ModelSpec


def spec_of(config: SdConfig, model: str) -> ModelSpec:
    """`model` with all that the configuration adds to it. Touches the disk."""
    return ModelSpec(
        model=_absolute(model),
        vae=config.vae if config.vae in VAE_WORDS else _absolute(config.vae),
        sampler=config.sampler,
        prediction=config.prediction,
        loras=tuple((_absolute(lora.path), lora.weight) for lora in config.loras),
        controlnets=tuple(_absolute(name) for name in config.controlnets),
        ip_adapter=_absolute(config.ip_adapter),
        image_encoder=_absolute(config.image_encoder),
        accelerator=config.accelerator,
        embeddings=tuple(_absolute(name) for name in config.embeddings),
        clip_skip=config.clip_skip,
    )


def require_complete(spec: ModelSpec) -> None:
    """ModelError, in one line, for what is missing or broken: now, not after seconds of loading in a child."""
    require_libraries()
    if not spec.random_shape:
        check(spec).require_complete()


def sd_line(config: SdConfig) -> str:
    """How the model of a configuration is run and why, in words; empty for random weights. ModelError without one."""
    spec = spec_of(config, config.model)
    if spec.random_shape:
        return ""
    report = check(spec)
    return run_line(report.sampler, report.sampler_reason, report.prediction_type, report.prediction_reason)


def _absolute(name: str) -> str:
    """A path as a child finds it, whose current folder may be another one; an id stays as it is."""
    path = Path(name).expanduser()
    return str(path.absolute()) if name and path.exists() else name
