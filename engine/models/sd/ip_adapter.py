"""IP-Adapter: a picture as a prompt in addition to the text (Ye et al. 2023). One adapter, standard or plus.

It uses diffusers' attention processors, with three differences. The image is projected to tokens once, when it changes,
instead of in each UNet call; two pictures are mixed before it. Zero tokens then have no effect, because keys and values
have no bias. And the strength is multiplied into the value weights in place, W = scale W0: attention is linear in its
values, and a captured graph sees the new weights.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.embeddings import ImageProjection
from PIL import Image

from engine.models.pretrained import one_line, pretrained
from engine.models.sd.plan.ip_adapter_file import IpAdapterFiles

Tokens = tuple[torch.Tensor, ...]
KEPT = 2  # pictures: those of a mix


class GivenTokens(torch.nn.Module):
    """Replaces the UNet's projection of image embeddings with the identity, because they are already tokens."""

    def forward(self, image_embeds: list[torch.Tensor]) -> list[torch.Tensor]:
        return image_embeds


class IpAdapter:
    """An IP-Adapter inside a UNet. Used on the model's thread only."""

    def __init__(self, unet: Any, files: IpAdapterFiles, device: torch.device, dtype: torch.dtype) -> None:
        """Put the adapter's attention processors into `unet`. ModelError if adapter and UNet do not fit each other."""
        from transformers import CLIPImageProcessor

        self._device, self._dtype = device, dtype
        encoder_folder = files.encoder
        self._encoder = pretrained("CLIPVisionModelWithProjection", encoder_folder, "", dtype, str(encoder_folder))
        self._encoder.requires_grad_(False).eval().to(device)
        side = self._encoder.config.image_size
        self._processor = CLIPImageProcessor(size=side, crop_size=side)
        with one_line(f"IP-Adapter {files.name}, perhaps made for another model"):
            self._projection = self._put_into(unet, files.file)
            self._nothing = self._tokens(self._embedded(np.zeros((8, 8, 3), np.uint8))[1]).zero_()
        processors = unet.attn_processors.values()
        values = [processor.to_v_ip[0].weight for processor in processors if hasattr(processor, "to_v_ip")]
        self._values = [(weight, weight.detach().clone()) for weight in values]
        self._known: list[tuple[np.ndarray, torch.Tensor, torch.Tensor]] = []
        """The newest pictures, at most KEPT, and what `_embedded` says of them."""
        self._second: tuple[np.ndarray | None, float] = (None, 0.0)
        self.scale = 1.0

    @torch.no_grad()
    def encode(self, picture: np.ndarray | None) -> tuple[Tokens, Tokens]:
        """Tokens (1, 1, tokens, D) of `picture` (height, width, 3) uint8 RGB, mixed with that of `mix_in`, and the
        tokens without a picture, for guidance. Without pictures both are zeros, which gives exactly the result without
        an IP-Adapter. The newest arrays are cached, so they must not be modified."""
        second, share = self._second
        given = [(each, part) for each, part in ((picture, 1.0 - share), (second, share)) if each is not None]
        shown = [(self._remembered(each), part) for each, part in given]  # both, so that a moving mix encodes nothing
        total = sum(part for _, part in shown)
        if not total:
            return (self._nothing.clone(),), (self._nothing.clone(),)
        mixed = sum((embeds * (part / total) for (embeds, _), part in shown), torch.zeros((), device=self._device))
        return (self._tokens(mixed.to(self._dtype)),), (self._tokens(shown[0][0][1]),)

    def mix_in(self, picture: np.ndarray | None, share: float) -> None:
        """Mix `picture` into that of `encode` from now on: 0 none of it, 1 only it. For None there is nothing to mix,
        and without a picture to encode `picture` counts alone."""
        self._second = (picture, 0.0 if picture is None else share)

    @torch.no_grad()
    def set_scale(self, scale: float) -> None:
        """Set the strength of the picture; 0 turns it off exactly."""
        if scale == self.scale:
            return
        for weight, original in self._values:
            weight.copy_(original * scale)
        self.scale = scale

    def modules(self) -> list[Any]:
        """Networks outside the UNet."""
        return [self._encoder, self._projection]

    def tensors(self) -> Iterator[torch.Tensor]:
        yield from (original for _, original in self._values)

    def _put_into(self, unet: Any, file: Path) -> Any:
        """Install the attention processors into the UNet with diffusers' loader. Returns the image projection."""
        import diffusers

        kind: Any = diffusers.StableDiffusionImg2ImgPipeline  # not annotated
        parts = {"unet": unet, "image_encoder": self._encoder, "feature_extractor": self._processor}
        parts |= dict.fromkeys(("vae", "text_encoder", "tokenizer", "scheduler", "safety_checker"))
        pipeline = kind(**parts, requires_safety_checker=False)
        pipeline.load_ip_adapter(
            str(file.parent), subfolder="", weight_name=file.name, image_encoder_folder=None, local_files_only=True
        )
        (projection,) = unet.encoder_hid_proj.image_projection_layers
        unet.encoder_hid_proj = GivenTokens()
        unet.requires_grad_(False)
        return projection.requires_grad_(False).eval()

    def _remembered(self, picture: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """`_embedded`, from the cache if `picture` is one of the newest."""
        for known, embeds, empty in self._known:
            if known is picture:
                return embeds, empty
        found = self._embedded(picture)
        self._known = [*self._known[1 - KEPT :], (picture, *found)]
        return found

    @torch.no_grad()
    def _embedded(self, picture: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs of the projection for the picture and for no picture: (1, E), or (1, patches, E) for plus."""
        shown = self._processor(Image.fromarray(picture), return_tensors="pt").pixel_values
        shown = shown.to(self._device, self._dtype)
        if isinstance(self._projection, ImageProjection):
            embeds = self._encoder(shown).image_embeds
            return embeds, torch.zeros_like(embeds)
        both = (shown, torch.zeros_like(shown))
        embeds, empty = (self._encoder(x, output_hidden_states=True).hidden_states[-2] for x in both)
        return embeds, empty

    @torch.no_grad()
    def _tokens(self, embeds: torch.Tensor) -> torch.Tensor:
        projected: torch.Tensor = self._projection(embeds)
        return projected[:, None]
