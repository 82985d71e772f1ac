"""Texts and a picture into what the UNet is told; run when one of them changes, never for a picture of the stream."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from engine.models.diffusion.model import Model

log = logging.getLogger(__name__)

KEPT_TEXTS = 8
ALMOST_PARALLEL = 0.9995  # cosine above which sin(angle) is too small to divide by; the chord is then exact to 1e-4

Encoded = tuple[torch.Tensor, torch.Tensor | None]


@dataclass(slots=True, kw_only=True)
class Cond:
    """What the UNet is told, in the model's dtype on its device. D: 768 (SD 1.5), 1024 (2.x), 2048 (XL)."""

    text: torch.Tensor
    """(1, 77, D)."""
    negative_text: torch.Tensor | None = None
    """(1, 77, D); None: not asked for."""
    pooled: torch.Tensor | None = None
    """(1, 1280), SDXL only."""
    negative_pooled: torch.Tensor | None = None
    time_ids: torch.Tensor | None = None
    """(1, 6), SDXL only: height, width, 0, 0, height, width in pixels."""
    ip: tuple[torch.Tensor, ...] | None = None
    """(1, 1, tokens, D) an IP-Adapter, as `image_embeds` of the UNet; zeros change nothing; None without IP-Adapter."""
    negative_ip: tuple[torch.Tensor, ...] | None = None

    def into(self, buffers: "Cond") -> None:
        """Copied into the tensors of `buffers`, which keep their addresses: captured graphs see the new values.

        ValueError where one has a part that the other lacks; the shapes must agree.
        """
        for field in fields(Cond):
            ours, theirs = getattr(self, field.name), getattr(buffers, field.name)
            if (ours is None) != (theirs is None):
                raise ValueError(f"{field.name} is missing on one side")
            if isinstance(ours, tuple):
                for source, target in zip(ours, theirs, strict=True):
                    target.copy_(source)
            elif ours is not None:
                theirs.copy_(ours)


class Conditioner:
    """Encodes as diffusers' `encode_prompt` does, bit for bit. Remembers the last texts, so that a mix of two can slide
    without the text encoder. One thread."""

    def __init__(self, model: "Model", *, note: Callable[[str, str], None] | None = None) -> None:
        """`note(key, line)` is told when a text is too long; logged as a warning by default."""
        self._model = model
        self._note = note or (lambda key, line: log.warning("%s: %s", key, line))
        self._texts: dict[str, Encoded] = {}
        self._texts_of = -1

    def encode(
        self,
        prompt: str,
        negative: str | None,
        *,
        prompt_b: str = "",
        mix: float = 0.0,
        ip_image: np.ndarray | None = None,
        size: tuple[int, int] = (512, 512),
    ) -> Cond:
        """`mix` 0..1 goes from `prompt` to `prompt_b` over the sphere, token by token; without `prompt_b` nowhere.

        A negative of None leaves it out; an empty one is what the model was trained with: for SDXL zeros, else the
        empty text. `ip_image` is (height, width, 3) uint8 RGB; None: the IP-Adapter changes nothing. `size`: width and
        height of the pictures.
        """
        text, pooled = self._mixed(prompt, prompt_b, mix)
        negative_text, negative_pooled = None, None
        if negative == "" and self._model.zeroes_empty_negative:
            negative_text, negative_pooled = torch.zeros_like(text), torch.zeros_like(pooled)
        elif negative is not None:
            negative_text, negative_pooled = self._encoded(negative)
        ip, negative_ip = None, None
        if self._model.ip_adapter is not None:
            ip, negative_ip = self._model.ip_adapter.encode(ip_image)
        # Copies: the result may become the buffers that later ones are copied into.
        return Cond(
            text=text.clone(),
            negative_text=_copy(negative_text),
            pooled=_copy(pooled),
            negative_pooled=_copy(negative_pooled),
            time_ids=None if pooled is None else self._time_ids(*size),
            ip=ip,
            negative_ip=negative_ip if negative is not None else None,
        )

    def _mixed(self, prompt: str, prompt_b: str, mix: float) -> Encoded:
        if mix <= 0.0 or not prompt_b:
            return self._encoded(prompt)
        if mix >= 1.0:
            return self._encoded(prompt_b)
        (text, pooled), (text_b, pooled_b) = self._encoded(prompt), self._encoded(prompt_b)
        return slerp(text, text_b, mix), None if pooled is None else slerp(pooled, pooled_b, mix)

    def _encoded(self, text: str) -> Encoded:
        loras = self._model.loras
        if loras is not None and loras.text_version != self._texts_of:
            self._texts.clear()
            self._texts_of = loras.text_version
        encoded = self._texts.pop(text, None) or self._encode(text)
        self._texts[text] = encoded  # newest last
        if len(self._texts) > KEPT_TEXTS:
            del self._texts[next(iter(self._texts))]
        return encoded

    @torch.no_grad()
    def _encode(self, text: str) -> Encoded:
        """((1, 77, D), pooled (1, P) or None)."""
        model = self._model
        ids = [self._ids(tokenizer, text) for tokenizer in model.tokenizers]
        if model.family != "sdxl":
            (encoder,) = model.text_encoders
            return encoder(ids[0].input_ids, attention_mask=self._mask(encoder, ids[0]))[0].to(model.dtype), None
        outputs = [
            encoder(tokens.input_ids, output_hidden_states=True)
            for encoder, tokens in zip(model.text_encoders, ids, strict=True)
        ]
        hidden = torch.cat([output.hidden_states[-2] for output in outputs], dim=-1)
        return hidden.to(model.dtype), outputs[-1].text_embeds

    def _ids(self, tokenizer: Any, text: str) -> Any:
        length = tokenizer.model_max_length
        tokens = tokenizer(text, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
        everything = tokenizer(text).input_ids
        if len(everything) > length and tokenizer is self._model.tokenizers[0]:
            left_out = tokenizer.decode(everything[length - 1 : -1])
            self._note("prompt", f"{length - 2} tokens of the prompt are used; left out: {left_out.strip()[:200]}")
        return tokens.to(self._model.device)

    def _mask(self, encoder: Any, tokens: Any) -> torch.Tensor | None:
        return tokens.attention_mask if getattr(encoder.config, "use_attention_mask", False) else None

    def _time_ids(self, width: int, height: int) -> torch.Tensor:
        # Full size, uncropped, for a picture of this size (SDXL, Podell et al. 2023, section 2.2).
        return torch.tensor([[height, width, 0, 0, height, width]], dtype=self._model.dtype, device=self._model.device)


def _copy(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return None if tensor is None else tensor.clone()


def slerp(start: torch.Tensor, end: torch.Tensor, mix: float) -> torch.Tensor:
    """(..., D) between `start` and `end` along the great circle, each last axis by itself (Shoemake 1985).

    At an even angular speed and with lengths kept in between; where two vectors point the same or opposite ways, or one
    is zero, along the straight line. Equal vectors stay what they are.
    """
    a, b = start.float(), end.float()
    lengths = a.norm(dim=-1, keepdim=True) * b.norm(dim=-1, keepdim=True)
    cosine = (a * b).sum(dim=-1, keepdim=True) / lengths.clamp(min=torch.finfo(torch.float32).tiny)
    angle = cosine.clamp(-1.0, 1.0).acos()
    sine = angle.sin()
    is_straight = cosine.abs() > ALMOST_PARALLEL
    sine = torch.where(is_straight, torch.ones_like(sine), sine)
    curved = ((1.0 - mix) * angle).sin() / sine * a + (mix * angle).sin() / sine * b
    return torch.where(is_straight | (lengths == 0.0), torch.lerp(a, b, mix), curved).to(start.dtype)
