"""Attention with fewer products: queries, keys and values in one, and the keys and values of a text
once per text.

A layer of a UNet computes queries from its pixels. Its keys and values come from the same pixels or
from the text, and with an IP-Adapter also from the tokens of a picture. diffusers computes each
with its own product in every call, also for the text, which seldom changes. Here the weights that
have the same input lie one after the other in memory:

- in a layer that sees the pixels, those of queries, keys and values: one product instead of three;
- of all layers that see the text, those of keys and values: one product for the whole UNet, when
  the text changes.

Each layer's own weight is a part of that memory. So a LoRA that changes it in place changes the
large product too, and captured graphs see it; nothing is stored twice, unlike with diffusers'
`fuse_projections`, which copies. The sums are the same, but a product of another size may add in
another order: float32 results differ by rounding.

With a bank (`/sd/consistency`) pixels also see those of the frame before: the keys and values that
its row had in the last call, of the same step, are appended to those of the row (StreamV2V, Liang
et al. 2024, arXiv 2405.15757). Details then stay what they were. The bank stores one frame, only of
layers below the finest: these decide the composition, and cost little. It is an input and a result
of a UNet call like any other, so captured graphs can have it.

With regions (`/sd/regions`) the pixels of each see a text of their own: the attention to every text
is computed, and added up by masks. All the rest of the UNet runs once, so four regions cost little
more than one text. What is outside a region sees nothing of its text, but the pixels still see each
other.
"""

from typing import Any

import torch
from diffusers.models.attention_processor import AttnProcessor2_0, IPAdapterAttnProcessor2_0
from torch import Tensor, nn
from torch.nn import functional as F

from engine.models import device_work
from engine.models.compat.diffusers import Attention
from engine.models.device_work import concatenate
from engine.models.sd.unet_parts import TextKeys


class RegionMasks:
    """The region masks of one UNet's cross-attention layers."""

    def __init__(self) -> None:
        self._levels: dict[int, Tensor] = {}

    def begin(self, masks: Tensor | None) -> None:
        """Set the masks before a call: (1, texts, h, w) in latent size, adding up to 1 per pixel;
        None: one text."""
        self._levels = {}
        while masks is not None:
            height, width = masks.shape[2:]
            self._levels[height * width] = masks.flatten(2)[..., None]  # (1, texts, pixels, 1)
            if height == width == 1:
                return
            # As the UNet halves its pictures: by convolutions of stride 2, which round up.
            masks = F.adaptive_avg_pool2d(masks, ((height + 1) // 2, (width + 1) // 2))

    def end(self) -> None:
        self._levels = {}

    def attend(self, attn: Any, query: Tensor, both: Tensor) -> Tensor:
        """Attention of a layer, (B, pixels, C). `both` (B, texts * tokens, 2 C): keys and values of
        all texts."""
        masks = self._levels.get(query.shape[1])
        if masks is None:
            return _attention(attn, query, *both.chunk(2, -1))
        texts = masks.shape[1]
        rows = len(query)
        # (B * texts, tokens, C)
        key, value = torch.unflatten(both, 1, (texts, -1)).flatten(0, 1).chunk(2, -1)
        seen = _attention(attn, query.repeat_interleave(texts, dim=0), key, value)
        return (torch.unflatten(seen, 0, (rows, texts)) * masks.to(seen.dtype)).sum(dim=1)


class FrameBank:
    """Keeps the keys and values of one UNet's layers from frame to frame."""

    def __init__(self) -> None:
        self.layers: list[PixelAttention] = []
        self._strength: Tensor | None = None
        """() 0..1, or None while nothing is recorded."""

    def begin(self, before: tuple[Tensor, ...] | None, strength: Tensor | None) -> None:
        """Prepare the bank before a UNet call. `before`: the result of `end` after the last call,
        if that had as many rows. `strength`: how much of it is used; None: nothing is recorded."""
        self._strength = strength
        for index, layer in enumerate(self.layers):
            layer.previous = None if before is None else before[index]

    def end(self) -> tuple[Tensor, ...]:
        """End a UNet call. Returns the keys and values (B, pixels, 2 C) of each layer."""
        results = tuple(layer.recorded for layer in self.layers if layer.recorded is not None)
        for layer in self.layers:
            layer.previous = None
            layer.recorded = None
        return results

    def attend(self, layer: "PixelAttention", attn: Any, query: Tensor, both: Tensor) -> Tensor:
        """Attention of a layer, mixed with that to the frame before. `both` (B, pixels, 2 C): its
        keys and values."""
        plain = _attention(attn, query, *both.chunk(2, -1))
        if self._strength is None:
            return plain
        layer.recorded = both
        if layer.previous is None:
            return plain
        longer = _attention(attn, query, *torch.cat((both, layer.previous), dim=1).chunk(2, -1))
        mixed = torch.lerp(plain, longer, self._strength.to(plain.dtype))
        # also where the frame before was not finite
        return torch.where(self._strength > 0.0, mixed, plain)


class PixelAttention(nn.Module):
    """Attention of the pixels to each other. Replaces AttnProcessor2_0."""

    def __init__(self, weight: Tensor) -> None:
        """`weight` (3 C, C): the weights of queries, keys and values."""
        super().__init__()
        self._weight = weight
        self.bank: FrameBank | None = None
        self.previous: Tensor | None = None
        self.recorded: Tensor | None = None

    def forward(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: None = None,
        attention_mask: None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        query, key, value = F.linear(hidden_states, self._weight).chunk(3, -1)
        if self.bank is None:
            return _project_output(attn, _attention(attn, query, key, value))
        return _project_output(
            attn, self.bank.attend(self, attn, query, torch.cat((key, value), dim=-1))
        )


class TextAttention(nn.Module):
    """Attention of the pixels to a text and to the tokens of a picture prompt. Replaces diffusers'
    processors."""

    def __init__(self, weight: Tensor, first: int, adapter: Any) -> None:
        """`weight` (2 C, D): the weights of keys and values; `first`: its first row in those of all
        layers. `adapter`: diffusers' processor with the IP-Adapter's weights, or None."""
        super().__init__()
        self._weight = weight
        self._rows = slice(first, first + len(weight))
        self._adapter = adapter
        self.regions: RegionMasks | None = None

    def forward(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Any,
        attention_mask: None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """`encoder_hidden_states`: the text or its TextKeys; with an IP-Adapter, a pair with its
        pictures' tokens."""
        adapter = self._adapter
        query = attn.to_q(hidden_states)
        text, pictures = (encoder_hidden_states, ()) if adapter is None else encoder_hidden_states
        both = (
            text.values[..., self._rows]
            if isinstance(text, TextKeys)
            else F.linear(text, self._weight)
        )
        if self.regions is None:
            result = _attention(attn, query, *both.chunk(2, -1))
        else:
            result = self.regions.attend(attn, query, both)
        if adapter is not None:
            for tokens, to_key, to_value in zip(
                pictures, adapter.to_k_ip, adapter.to_v_ip, strict=True
            ):
                seen = tokens.flatten(1, 2)  # (B, pictures * tokens, D)
                result = result + _attention(attn, query, to_key(seen), to_value(seen))
        return _project_output(attn, result)


def _attention(attn: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    dtype = query.dtype
    # diffusers' processor for this function ignores the option
    if (
        attn.upcast_attention
        and dtype == torch.float16
        and query.device.type in device_work.HALF_PRODUCTS
    ):
        query = query.float()
        key = key.float()
        value = value.float()
    query, key, value = (
        torch.unflatten(each, -1, (attn.heads, -1)).transpose(1, 2) for each in (query, key, value)
    )
    result = F.scaled_dot_product_attention(query, key, value)
    return result.to(dtype).transpose(1, 2).flatten(2)  # (B, pixels, C)


def _project_output(attn: Any, result: Tensor) -> Tensor:
    projected: Tensor = attn.to_out[0](result)
    return projected


@torch.no_grad()
def install_attention(network: Any) -> Tensor | None:
    """Replace the attention of a UNet or ControlNet that is on its device. Returns the weight (K,
    D) that gives the TextKeys of a text; None if the network has other attention to texts, which
    needs the text itself. Parameters stay the same objects, so a LoRA may refer to them. Adapters
    must be installed before."""
    found: list[Any] = [layer for layer in network.modules() if isinstance(layer, Attention)]
    layers = [layer for layer in found if _is_standard(layer)]
    is_sd2 = network.config.use_linear_projection and network.config.addition_embed_type is None
    for layer in layers:
        layer.upcast_attention = bool(layer.upcast_attention) or is_sd2
        if not layer.is_cross_attention:
            layer.set_processor(
                PixelAttention(
                    concatenate([layer.to_q.weight, layer.to_k.weight, layer.to_v.weight])
                )
            )
    texts = [layer for layer in layers if layer.is_cross_attention]
    if len({layer.to_k.in_features for layer in texts}) != 1:
        return None
    weights = concatenate([part.weight for layer in texts for part in (layer.to_k, layer.to_v)])
    first = 0
    for layer in texts:
        weight = weights[first : first + layer.to_k.out_features + layer.to_v.out_features]
        adapter = (
            layer.processor if isinstance(layer.processor, IPAdapterAttnProcessor2_0) else None
        )
        layer.set_processor(TextAttention(weight, first, adapter))
        first += len(weight)
    sees_text = network.config.addition_embed_type not in (None, "text_time")  # outside the layers
    return weights if len(layers) == len(found) and not sees_text else None


def install_bank(unet: Any) -> FrameBank | None:
    """Install a FrameBank into a UNet that has our attention; None if no layer can have one. Layers
    at its finest level with attention have none."""
    levels: list[tuple[int, list[PixelAttention]]] = []
    blocks = [*enumerate(unet.down_blocks), (len(unet.down_blocks), unet.mid_block)]
    blocks += [
        (len(unet.up_blocks) - 1 - index, block) for index, block in enumerate(unet.up_blocks)
    ]
    for level, block in blocks:
        if block is not None:
            found = [each.processor for each in block.modules() if isinstance(each, Attention)]
            levels.append((level, [each for each in found if isinstance(each, PixelAttention)]))
    finest = min((level for level, layers in levels if layers), default=0)
    bank = FrameBank()
    bank.layers = [layer for level, layers in levels if level > finest for layer in layers]
    for layer in bank.layers:
        layer.bank = bank
    return bank if bank.layers else None


def install_regions(unet: Any) -> RegionMasks:
    """Install RegionMasks into a UNet that has our attention and takes TextKeys."""
    regions = RegionMasks()
    for layer in unet.modules():
        if isinstance(layer, Attention) and isinstance(layer.processor, TextAttention):
            layer.processor.regions = regions
    return regions


def _is_standard(layer: Any) -> bool:
    """True if these two classes compute what the layer's own processor does."""
    parts = (layer.to_q, layer.to_k, layer.to_v)
    return (
        type(layer.processor) in (AttnProcessor2_0, IPAdapterAttnProcessor2_0)
        and all(type(part) is nn.Linear and part.bias is None for part in parts)
        and (layer.group_norm, layer.spatial_norm, layer.norm_q, layer.norm_k, layer.norm_cross)
        == (None,) * 5
        and (layer.residual_connection, layer.rescale_output_factor) == (False, 1.0)
        and layer.inner_kv_dim == layer.inner_dim
    )
