"""What the parts of a loaded model share."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from engine.models.sd.plan.sampler_name import TCD_ETA
from engine.models.sd.plan.usual_guidance import EMBEDDED_GUIDANCE
from engine.models.sd.spec import ModelSpec
from engine.models.sd.unet_parts import PLAIN, UnetParts

if TYPE_CHECKING:
    from engine.models.sd.deep_cache import DeepCache
    from engine.models.sd.ip_adapter import IpAdapter
    from engine.models.sd.lora import LoraSet
    from engine.models.sd.textual_inversion import Embedding


UNGUIDED = ("turbo", "lightning", "hyper")
SPAN_PX = 8  # of a latent, by every VAE of Stable Diffusion


@dataclass(slots=True, kw_only=True)
class DiffusionModel:
    """One Stable Diffusion model on its device. No parameter wants a gradient; all are in evaluation mode.

    Used by one thread at a time. Loaded for one stage of a job it lacks what that stage does without.
    """

    spec: ModelSpec
    device: torch.device
    dtype: torch.dtype
    """Of UNet, text encoders and ControlNets; the full VAE of SDXL stays float32 where this is float16."""
    family: str
    """sd15, sd21 or sdxl."""
    unet: Any
    """None for stages that encode or decode."""
    vae: Any
    """None for the stage between them."""
    is_tiny_vae: bool
    text_encoders: tuple[Any, ...]
    """One, or two for SDXL; none without a UNet."""
    tokenizers: tuple[Any, ...]
    scheduler_config: dict[str, Any]
    """The scheduler's whole configuration, defaults filled in, with `_class_name`."""
    prediction_type: str
    """epsilon, v_prediction or sample."""
    scaling_factor: float | torch.Tensor
    """Latents that the UNet sees are (VAE's latents - shift_factor) * scaling_factor; (1, 4, 1, 1) where each channel
    has its own."""
    shift_factor: float | torch.Tensor
    alphas_cumprod: torch.Tensor
    """(1000,) float64 on the CPU."""
    sampler: str
    """lcm, turbo, lightning, hyper, tcd or scheduler."""
    time_cond_proj_dim: int | None
    """Size of the guidance embedding of fully distilled LCMs; None for all others."""
    zeroes_empty_negative: bool
    """SDXL: no negative text means zeros instead of the embedding of an empty text."""
    controlnets: tuple[Any, ...] = ()
    ip_adapter: "IpAdapter | None" = None
    loras: "LoraSet | None" = None
    embeddings: "tuple[Embedding, ...]" = ()
    """Of textual inversion, none without a UNet."""
    parts: UnetParts = PLAIN
    """What a UNet call is made of; compiled where the spec names an accelerator."""
    deep_cache: "DeepCache | None" = None
    """To be told when a batch begins."""
    prediction_reason: str = ""
    """Why this prediction type was taken, in a few words."""
    sampler_reason: str = ""
    """Why this sampler was taken, in a few words."""
    eta: float = TCD_ETA
    """How much of the noise tcd draws anew after each step."""
    is_hyper_guided: bool = False
    """hyper takes guidance."""
    notes: tuple[str, ...] = ()
    """What the user should know about how it was loaded, a line each."""

    @property
    def latent_scale(self) -> int:
        """Pixels a latent spans: 8."""
        if self.vae is None:
            return SPAN_PX
        return 2 ** (len(vae_channels(self.vae)) - 1)

    def guidance_for(self, sampler: str, asked: float) -> float:
        """The guidance that is in force where `asked` is; 1 is off. Off with turbo, lightning and most of hyper, which
        were distilled with it. A model with a guidance embedding knows no off: 1 and below is what its authors take."""
        if self.time_cond_proj_dim is not None:
            return asked if asked > 1.0 else EMBEDDED_GUIDANCE
        if sampler in UNGUIDED and not (sampler == "hyper" and self.is_hyper_guided):
            return 1.0
        return asked

    def memory_bytes(self) -> int:
        """Bytes of all weights on the device, with LoRA factors and the copies kept for them."""
        return sum({tensor.data_ptr(): tensor.nbytes for tensor in self._tensors()}.values())

    def _tensors(self) -> Iterator[torch.Tensor]:
        modules = [self.unet, self.vae, *self.text_encoders, *self.controlnets]
        if self.ip_adapter is not None:
            modules += self.ip_adapter.modules()
            yield from self.ip_adapter.tensors()
        for module in filter(None, modules):
            yield from module.parameters()
            yield from module.buffers()
        if self.loras is not None:
            yield from self.loras.tensors()
        for embedding in self.embeddings:
            yield from embedding.vectors


def unguided(model: DiffusionModel, sampler: str, asked: float) -> str:
    """One line where the guidance that was asked for has no effect; else empty."""
    if asked <= 1.0 or model.guidance_for(sampler, asked) == asked:
        return ""
    return f"{asked:g} has no effect: {sampler} models were distilled with their guidance; --sampler asks for another"


def vae_channels(vae: Any) -> tuple[int, ...]:
    """Channels of each level of an AutoencoderKL or AutoencoderTiny."""
    config = vae.config
    return config["block_out_channels"] if "block_out_channels" in config else config["encoder_block_out_channels"]
