"""A loaded Stable Diffusion model: its networks and how they are run."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import Tensor

from engine.models.device_work import weights_of
from engine.models.model_on_device import ModelOnDevice
from engine.models.sd.plan.model_plan import EMBEDDED_GUIDANCE
from engine.models.sd.plan.sampler_name import TCD_ETA
from engine.models.sd.spec import ModelSpec
from engine.models.sd.unet_parts import PLAIN, DeepCache, UnetParts

if TYPE_CHECKING:
    from engine.models.sd.attention import FrameBank, RegionMasks
    from engine.models.sd.control_images import DepthMaps, Skeletons
    from engine.models.sd.ip_adapter import IpAdapter
    from engine.models.sd.lora import LoraSet
    from engine.models.sd.textual_inversion import Embedding


UNGUIDED = ("turbo", "lightning", "hyper")


@dataclass(slots=True, kw_only=True)
class DiffusionModel(ModelOnDevice):
    """A Stable Diffusion model on its device. `dtype`: of all networks; if float16, SDXL's full VAE
    is float32."""

    spec: ModelSpec
    family: str
    """sd15, sd21 or sdxl."""
    unet: Any
    vae: Any
    is_tiny_vae: bool
    text_encoders: tuple[Any, ...]
    """One, or two for SDXL."""
    tokenizers: tuple[Any, ...]
    scheduler_config: dict[str, Any]
    """The scheduler's complete configuration, including defaults and `_class_name`."""
    prediction_type: str
    """epsilon, v_prediction, flow_prediction or sample."""
    scaling_factor: float | Tensor
    """The UNet's latents are (VAE's latents - shift_factor) * scaling_factor; (1, 4, 1, 1) if it
    differs by channel."""
    shift_factor: float | Tensor
    alphas_cumprod: Tensor
    """(1000,) float64 on the CPU."""
    sampler: str
    """lcm, turbo, lightning, hyper, tcd or scheduler."""
    time_cond_proj_dim: int | None
    """Size of the guidance embedding in fully distilled LCMs, or None."""
    zeroes_empty_negative: bool
    """True for SDXL: an empty negative text is encoded as zeros."""
    controlnets: tuple[Any, ...] = ()
    """Those of the spec, then further views of the unions among them."""
    union_views: dict[tuple[int, str], int] = field(default_factory=dict)
    """The index in `controlnets` of each view, by the index of its union and its kind
    (`control_nets.KINDS`)."""
    detectors: "dict[str, DepthMaps | Skeletons]" = field(default_factory=dict)
    """Networks that compute control images, by `ControlNetSettings.image_kind`: `depth`, `pose`."""
    upscaler: Any = None
    """An `upscaler.Upscaler`, or None."""
    ip_adapter: "IpAdapter | None" = None
    loras: "LoraSet | None" = None
    embeddings: "tuple[Embedding, ...]" = ()
    """Textual inversion embeddings; none without a UNet."""
    parts: UnetParts = PLAIN
    """The parts of a UNet call; compiled if the spec names an accelerator."""
    text_weight: Tensor | None = None
    """Result of `attention.install_attention` for the UNet; its layers' weights are views of it.
    None: takes text."""
    bank: "FrameBank | None" = None
    """The bank of the UNet; None where it cannot have one."""
    regions: "RegionMasks | None" = None
    """The masks of the UNet, likewise."""
    deep_cache: DeepCache | None = None
    """Its `begin` must be called when a batch begins."""
    prediction_reason: str = ""
    """Why this prediction type was chosen, in a few words."""
    sampler_reason: str = ""
    """Why this sampler was chosen, in a few words."""
    eta: float = TCD_ETA
    """Fraction of the noise that tcd redraws after each step."""
    takes_guidance: bool = False
    """True if a requested guidance is used with its sampler although that is one of UNGUIDED."""

    @property
    def latent_scale(self) -> int:
        """Pixels per latent: 8."""
        return 1 << (len(vae_channels(self.vae)) - 1)

    @property
    def controlnet_count(self) -> int:
        return len(self.controlnets) - sum(
            index != union for (union, _), index in self.union_views.items()
        )

    def guidance_for(self, sampler: str, requested: float) -> float:
        """The effective guidance scale for a requested one; 1: off. Off for turbo, lightning and
        hyper models as published, which were distilled with their guidance, but not for merges with
        them. A model with a guidance embedding cannot turn it off: 1 and below give its authors'
        default."""
        if self.time_cond_proj_dim is not None:
            return requested if requested > 1.0 else EMBEDDED_GUIDANCE
        if sampler in UNGUIDED and not (sampler == self.sampler and self.takes_guidance):
            return 1.0
        return requested

    def tensors(self) -> Iterator[Tensor]:
        """All weights on the device, including LoRA factors and the original weights stored for
        them."""
        modules = [self.unet, self.vae, *self.text_encoders, *self.controlnets, self.upscaler]
        modules += [detector.network for detector in self.detectors.values()]
        if self.ip_adapter is not None:
            modules += self.ip_adapter.modules()
            yield from self.ip_adapter.tensors()
        yield from weights_of(filter(None, modules))
        if self.loras is not None:
            yield from self.loras.tensors()
        for embedding in self.embeddings:
            yield from embedding.vectors


def unused_guidance_note(model: DiffusionModel, sampler: str, requested: float) -> str:
    """A note if the requested guidance has no effect, else ""."""
    if requested <= 1.0 or model.guidance_for(sampler, requested) == requested:
        return ""
    return (
        f"{requested:g} has no effect: {sampler} models were distilled with guidance; see --sampler"
    )


def unused_negative_note(
    model: DiffusionModel, sampler: str, requested: float, negative: str
) -> str:
    """A note if the negative prompt has no effect with the requested guidance, else ""."""
    if not negative.strip() or (
        model.guidance_for(sampler, requested) > 1.0 and model.time_cond_proj_dim is None
    ):
        return ""
    if requested <= 1.0 and model.time_cond_proj_dim is None:
        return "has no effect: it needs a guidance above 1"
    return (
        f"has no effect: {sampler} models like this one were distilled with guidance, and see "
        "no negative prompt"
    )


def vae_channels(vae: Any) -> tuple[int, ...]:
    """Channels of each level of an AutoencoderKL or AutoencoderTiny."""
    config = vae.config
    key = "block_out_channels" if "block_out_channels" in config else "encoder_block_out_channels"
    return tuple(config[key])
