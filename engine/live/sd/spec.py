"""The SD model that a child must load, from the configuration, and a check that all its files exist."""

from engine.live.kit.refusing import absolute
from engine.live.sd.entry import SdConfig
from engine.models.libraries import require_libraries
from engine.models.sd.check import check, run_line
from engine.models.sd.spec import VAE_WORDS, ModelSpec


def spec_of(config: SdConfig, model: str) -> ModelSpec:
    """The spec of `model` with the configured VAE, LoRAs, ControlNets and so on. Reads the disk."""
    return ModelSpec(
        model=absolute(model),
        vae=config.vae if config.vae in VAE_WORDS else absolute(config.vae),
        unet=absolute(config.unet),
        sampler=config.sampler,
        prediction=config.prediction,
        loras=tuple((absolute(lora.path), lora.weight) for lora in config.loras),
        controlnets=tuple(absolute(name) for name in config.controlnets),
        ip_adapter=absolute(config.ip_adapter),
        image_encoder=absolute(config.image_encoder),
        accelerator=config.accelerator,
        embeddings=tuple(absolute(name) for name in config.embeddings),
        clip_skip=config.clip_skip,
    )


def require_complete(spec: ModelSpec) -> None:
    """Raise ModelError, in one line, for a missing or broken file, before a child spends seconds loading."""
    require_libraries()
    if not spec.random_shape:
        check(spec).require_complete()


def sd_line(config: SdConfig) -> str:
    """One line on how the configured model will be run and why; "" for random weights. ModelError if it is missing."""
    spec = spec_of(config, config.model)
    if spec.random_shape:
        return ""
    report = check(spec)
    return run_line(report.sampler, report.sampler_reason, report.prediction_type, report.prediction_reason)
