"""IP-Adapter: a picture as a prompt in addition to the text (Ye et al. 2023). One adapter, standard
or plus.

It uses diffusers' attention processors, but a picture is projected to tokens once, when it changes;
several are mixed before it. Zero tokens have no effect, because keys and values have no bias. The
strength is multiplied into the value weights in place, W = scale W0: attention is linear in its
values, and a captured graph sees the new weights.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from engine.models.compat.diffusers import ImageProjection
from engine.models.pretrained import load_network, one_line
from engine.models.sd.control_images import normalize
from engine.models.sd.file_weights import weights_for
from engine.models.sd.plan.ip_adapter_file import IpAdapterFiles

Tokens = tuple[Tensor, ...]
BLOCKS = ("down", "mid", "up")


class PassThrough(torch.nn.Module):
    """Replaces the UNet's projection of image embeddings with the identity, because they are
    already tokens."""

    def forward(self, image_embeds: list[Tensor]) -> list[Tensor]:
        return image_embeds


class IpAdapter:
    """An IP-Adapter inside a UNet. Used on the model's thread only."""

    def __init__(
        self, unet: Any, files: IpAdapterFiles, device: torch.device, dtype: torch.dtype
    ) -> None:
        """Put the adapter's attention processors into `unet`. ModelError if adapter and UNet do not
        fit each other."""
        from transformers import CLIPImageProcessor

        self._device = device
        self._dtype = dtype
        weights = weights_for(files.encoder, dtype)
        what = str(files.encoder)
        self._encoder = load_network(
            "CLIPVisionModelWithProjection", weights, files.encoder_config, dtype, what
        )
        self._encoder.requires_grad_(False).eval().to(device)
        side = self._encoder.config.image_size
        self._processor = CLIPImageProcessor(size=side, crop_size=side)
        with one_line(f"IP-Adapter {files.name}, perhaps made for another model"):
            self._projection = self._put_into(unet, files.file)
            self._empty = self._embed(torch.zeros((1, 3, side, side)), is_empty=True)
            self.no_picture = self._tokens(self._empty)
            """Tokens (1, 1, tokens, D) for guidance, against those of a picture."""
        self._values = [
            (name.split("_")[0], weight, weight.detach().clone())
            for name, processor in unet.attn_processors.items()
            for weight in [each.weight for each in getattr(processor, "to_v_ip", ())]
        ]
        """For each layer its block, its weight in use, and its original weight."""
        self._encoded_pictures: list[tuple[np.ndarray, Tensor]] = []
        """The pictures of the last mix, with the encoder's results."""
        self._scales = dict.fromkeys(BLOCKS, 1.0)

    @torch.no_grad()
    def encode(self, pictures: Sequence[tuple[np.ndarray, float]]) -> tuple[Tokens, Tokens]:
        """Tokens (1, 1, tokens, D) of the mix of `pictures`, each (height, width, 3) uint8 RGB with
        its weight, and the tokens without a picture, for guidance. Without pictures both are zeros,
        which gives exactly the result without an IP-Adapter. Arrays are remembered until the next
        mix, so they must not be modified."""
        mixed, total = self.mix(pictures)
        if not total:
            return (torch.zeros_like(self.no_picture),), (torch.zeros_like(self.no_picture),)
        return (self._tokens(mixed),), (self.no_picture.clone(),)

    @torch.no_grad()
    def mix(self, pictures: Sequence[tuple[np.ndarray, float]]) -> tuple[Tensor, float]:
        """Mix the encoder's results for `pictures` (see `encode`) by their weights. Also returns
        the sum of weights."""
        # also at weight 0, for a later mix
        results = [self._embed_cached(picture) for picture, _ in pictures]
        self._encoded_pictures = [
            (picture, embeds) for (picture, _), embeds in zip(pictures, results, strict=True)
        ]
        total = sum(weight for _, weight in pictures)
        mixed = torch.zeros_like(self._empty)
        for embeds, (_, weight) in zip(results, pictures, strict=True):
            mixed += embeds * (weight / total if total else 0.0)
        return mixed, total

    @torch.no_grad()
    def encode_live(self, rgb: Tensor, fraction: Tensor, static: Tensor) -> Tensor:
        """Tokens of a live picture (1, 3, H, W) float32 in 0..1 on the device, mixed with `static`,
        the result of `mix`. `fraction` (): that of the live picture. Never waits for the device, so
        that it can be captured."""
        side = self._encoder.config.image_size
        size = [length * side // min(rgb.shape[2:]) for length in rgb.shape[2:]]
        small = F.interpolate(rgb, size, mode="bicubic", antialias=True).clamp(0.0, 1.0)
        top, left = ((length - side) // 2 for length in size)
        seen = small[..., top : top + side, left : left + side]
        seen = normalize(seen, self._processor.image_mean, self._processor.image_std)
        return self._tokens(torch.lerp(static, self._embed(seen), fraction.to(static.dtype)))

    @torch.no_grad()
    def set_scale(self, scale: float, blocks: Sequence[float] = (1.0, 1.0, 1.0)) -> None:
        """Set the strength of the picture; 0 turns it off exactly. `blocks`: factors of the UNet's
        BLOCKS."""
        scales = {block: scale * factor for block, factor in zip(BLOCKS, blocks, strict=True)}
        for block, weight, original in self._values:
            if scales[block] != self._scales[block]:
                weight.copy_(original * scales[block])
        self._scales = scales

    def modules(self) -> list[Any]:
        """Networks outside the UNet."""
        return [self._encoder, self._projection]

    def tensors(self) -> Iterator[Tensor]:
        yield from (original for _, _, original in self._values)

    def _put_into(self, unet: Any, file: Path) -> Any:
        """Install the attention processors into the UNet with diffusers' loader. Returns the image
        projection."""
        import diffusers

        kind: Any = diffusers.StableDiffusionImg2ImgPipeline  # pyright: ignore[reportPrivateImportUsage]  # not annotated
        parts = {"unet": unet, "image_encoder": self._encoder, "feature_extractor": self._processor}
        parts |= dict.fromkeys(("vae", "text_encoder", "tokenizer", "scheduler", "safety_checker"))
        pipeline = kind(**parts, requires_safety_checker=False)
        pipeline.load_ip_adapter(
            str(file.parent),
            subfolder="",
            weight_name=file.name,
            image_encoder_folder=None,
            local_files_only=True,
        )
        (projection,) = unet.encoder_hid_proj.image_projection_layers
        unet.encoder_hid_proj = PassThrough()
        unet.requires_grad_(False)
        return projection.requires_grad_(False).eval()

    def _embed_cached(self, picture: np.ndarray) -> Tensor:
        """The encoder's result for `picture`, cached from the last mix."""
        for known, embeds in self._encoded_pictures:
            if known is picture:
                return embeds
        return self._embed(
            self._processor(Image.fromarray(picture), return_tensors="pt").pixel_values
        )

    @torch.no_grad()
    def _embed(self, pixels: Tensor, *, is_empty: bool = False) -> Tensor:
        """Input of the projection for a prepared picture (1, 3, side, side): (1, E), or (1,
        patches, E) for plus. `is_empty`: for no picture, as in training."""
        pixels = pixels.to(self._device, self._dtype)
        if isinstance(self._projection, ImageProjection):
            embeds: Tensor = self._encoder(pixels).image_embeds
            return torch.zeros_like(embeds) if is_empty else embeds
        embeds = self._encoder(pixels, output_hidden_states=True).hidden_states[-2]
        return embeds

    @torch.no_grad()
    def _tokens(self, embeds: Tensor) -> Tensor:
        projected: Tensor = self._projection(embeds)
        return projected[:, None]
