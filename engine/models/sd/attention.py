"""Attention with fewer products: queries, keys and values at once, and the keys and values of a text once a text.

A layer of a UNet computes queries from its pixels, keys and values from the same pixels or from the text (and, with an
IP-Adapter, from the tokens of a picture). diffusers does each with a product of its own, in every call, also for the
text, which seldom changes. Here the weights that have the same input lie one after the other in memory:

- in a layer that sees the pixels, those of queries, keys and values: one product instead of three;
- of all layers that see the text, those of keys and values: one product for the whole UNet, when the text changes.

Each layer's own weight is a part of that memory. So a LoRA that changes it in place changes the large product too, and
captured graphs see it; nothing is stored twice, unlike with diffusers' `fuse_projections`, which copies. The sums are
the same, but a product of another size may add in another order: float32 results differ by rounding.

With a bank (`/sd/consistency`) pixels also see those of the frame before: the keys and values that its row had in the
last call, of the same step, are appended to those of the row (StreamV2V, Liang et al. 2024, arXiv 2405.15757). Details
then stay what they were. The bank holds one frame, and only of layers below the finest: these decide what is where, and
cost little. It is an input and a result of a UNet call like any other, so captured graphs can have it.
"""

from typing import Any

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0, IPAdapterAttnProcessor2_0
from torch import Tensor, nn
from torch.nn import functional as F

from engine.models.device_work import joined
from engine.models.sd.unet_parts import TextKeys


class FrameBank:
    """The keys and values of one UNet's layers, from frame to frame."""

    def __init__(self) -> None:
        self.layers: list[PixelAttention] = []
        self._strength: Tensor | None = None
        """() 0..1, or None while nothing is kept."""

    def begin(self, before: tuple[Tensor, ...] | None, strength: Tensor | None) -> None:
        """Before a call. `before`: the result of `end` after the last one, if it had as many rows. `strength`: how much
        of it is seen; None: nothing is kept."""
        self._strength = strength
        for place, layer in enumerate(self.layers):
            layer.before = None if before is None else before[place]

    def end(self) -> tuple[Tensor, ...]:
        """The keys and values (B, pixels, 2 C) of each layer in this call."""
        kept = tuple(layer.kept for layer in self.layers if layer.kept is not None)
        for layer in self.layers:
            layer.before = layer.kept = None
        return kept

    def attended(self, layer: "PixelAttention", attn: Any, query: Tensor, both: Tensor) -> Tensor:
        """The attention of a layer. `both` (B, pixels, 2 C): its keys and values."""
        plain = _attended(attn, query, *both.chunk(2, -1))
        if self._strength is None:
            return plain
        layer.kept = both
        if layer.before is None:
            return plain
        longer = _attended(attn, query, *torch.cat((both, layer.before), dim=1).chunk(2, -1))
        return torch.lerp(plain, longer, self._strength.to(plain.dtype))


class PixelAttention(nn.Module):
    """Attention of the pixels to each other. Replaces AttnProcessor2_0."""

    def __init__(self, weight: Tensor) -> None:
        """`weight` (3 C, C): that of queries, keys and values."""
        super().__init__()
        self._weight = weight
        self.bank: FrameBank | None = None
        self.before: Tensor | None = None
        self.kept: Tensor | None = None

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
            return _projected(attn, _attended(attn, query, key, value))
        return _projected(attn, self.bank.attended(self, attn, query, torch.cat((key, value), dim=-1)))


class TextAttention(nn.Module):
    """Attention of the pixels to a text and to the tokens of a picture prompt. Replaces both of diffusers'
    processors."""

    def __init__(self, weight: Tensor, first: int, adapter: Any) -> None:
        """`weight` (2 C, D): that of keys and values; `first`: its first row among those of all layers. `adapter`:
        diffusers' processor with the IP-Adapter's weights, or None."""
        super().__init__()
        self._weight, self._rows = weight, slice(first, first + len(weight))
        self._adapter = adapter

    def forward(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Any,
        attention_mask: None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """`encoder_hidden_states`: the text, or its TextKeys; with an IP-Adapter paired with the tokens of its
        pictures."""
        adapter, query = self._adapter, attn.to_q(hidden_states)
        text, pictures = (encoder_hidden_states, ()) if adapter is None else encoder_hidden_states
        both = text.values[..., self._rows] if isinstance(text, TextKeys) else F.linear(text, self._weight)
        result = _attended(attn, query, *both.chunk(2, -1))
        if adapter is not None:
            for tokens, to_key, to_value in zip(pictures, adapter.to_k_ip, adapter.to_v_ip, strict=True):
                seen = tokens.flatten(1, 2)  # (B, pictures * tokens, D)
                result = result + _attended(attn, query, to_key(seen), to_value(seen))
        return _projected(attn, result)


def _attended(attn: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    query, key, value = (torch.unflatten(each, -1, (attn.heads, -1)).transpose(1, 2) for each in (query, key, value))
    return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)  # (B, pixels, C)


def _projected(attn: Any, result: Tensor) -> Tensor:
    projected: Tensor = attn.to_out[0](result)
    return projected


@torch.no_grad()
def share_weights(network: Any) -> Tensor | None:
    """Replace the attention of a UNet or ControlNet that is on its device. Returns the weight (K, D) that gives the
    TextKeys of a text; None if the network has other attention to texts, which needs the text itself. Parameters stay
    the same objects, so a LoRA may hold them. Adapters must be installed before."""
    found: list[Any] = [layer for layer in network.modules() if isinstance(layer, Attention)]
    layers = [layer for layer in found if _is_usual(layer)]
    for layer in layers:
        if not layer.is_cross_attention:
            layer.set_processor(PixelAttention(joined([layer.to_q.weight, layer.to_k.weight, layer.to_v.weight])))
    texts = [layer for layer in layers if layer.is_cross_attention]
    if len({layer.to_k.in_features for layer in texts}) != 1:
        return None
    weights = joined([part.weight for layer in texts for part in (layer.to_k, layer.to_v)])
    first = 0
    for layer in texts:
        weight = weights[first : first + layer.to_k.out_features + layer.to_v.out_features]
        adapter = layer.processor if isinstance(layer.processor, IPAdapterAttnProcessor2_0) else None
        layer.set_processor(TextAttention(weight, first, adapter))
        first += len(weight)
    sees_text = network.config.addition_embed_type not in (None, "text_time")  # outside the layers
    return weights if len(layers) == len(found) and not sees_text else None


def bank_of(unet: Any) -> FrameBank | None:
    """The bank of a UNet whose weights are shared; None if no layer can have one. Its finest level with attention, and
    what is above, has none."""
    levels: list[tuple[int, list[PixelAttention]]] = []
    blocks = [*enumerate(unet.down_blocks), (len(unet.down_blocks), unet.mid_block)]
    blocks += [(len(unet.up_blocks) - 1 - place, block) for place, block in enumerate(unet.up_blocks)]
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


def _is_usual(layer: Any) -> bool:
    """True if these two classes compute what the layer's own processor does."""
    parts = (layer.to_q, layer.to_k, layer.to_v)
    return (
        type(layer.processor) in (AttnProcessor2_0, IPAdapterAttnProcessor2_0)
        and all(type(part) is nn.Linear and part.bias is None for part in parts)
        and (layer.group_norm, layer.spatial_norm, layer.norm_q, layer.norm_k, layer.norm_cross) == (None,) * 5
        and (layer.residual_connection, layer.rescale_output_factor) == (False, 1.0)
        and layer.inner_kv_dim == layer.inner_dim
    )
