"""Encodes texts and a picture into the UNet's conditioning. Runs when an input changes, not for every frame."""

import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from engine.models.device_work import uploaded
from engine.models.sd.blending import blended
from engine.models.sd.plan.families import layers_skipped
from engine.models.sd.prompt_syntax import ParsedPrompt, parse_prompt
from engine.models.sd.seeds import Blend
from engine.models.sd.textual_inversion import Triggers, vectors_in_place

if TYPE_CHECKING:
    from engine.models.sd.model import DiffusionModel

MAX_SHOWN = 200  # maximum length of the truncated text in a note
PLACE_OF_A_VECTOR = 0  # placeholder token whose embedding the vector replaces, as in A1111
log = logging.getLogger(__name__)
KEPT_TEXTS = 16  # eight prompts, the two plain ones, the negative prompt
Encoded = tuple[torch.Tensor, torch.Tensor | None]


@dataclass(slots=True, kw_only=True)
class Cond:
    """The conditioning of a UNet call, in the model's dtype on its device. D: 768 (SD 1.5), 1024 (2.x), 2048 (XL)."""

    text: torch.Tensor
    """(1, 77, D)."""
    negative_text: torch.Tensor | None = None
    """(1, 77, D), or None if not requested."""
    pooled: torch.Tensor | None = None
    """(1, 1280), SDXL only."""
    negative_pooled: torch.Tensor | None = None
    time_ids: torch.Tensor | None = None
    """(1, 6), SDXL only: height, width, 0, 0, height, width in pixels."""
    ip: tuple[torch.Tensor, ...] | None = None
    """(1, 1, tokens, D) for each IP-Adapter, the UNet's `image_embeds`; zeros have no effect; None without adapter."""
    negative_ip: tuple[torch.Tensor, ...] | None = None

    def into(self, buffers: "Cond") -> None:
        """Copy into the tensors of `buffers`, which keep their addresses, so that captured graphs see the new values.
        ValueError if one has a part that the other lacks; the shapes must agree."""
        for part in fields(Cond):
            ours, theirs = getattr(self, part.name), getattr(buffers, part.name)
            if (ours is None) != (theirs is None):
                raise ValueError(f"{part.name} is missing on one side")
            if isinstance(ours, tuple):
                for source, target in zip(ours, theirs, strict=True):
                    target.copy_(source)
            elif ours is not None:
                theirs.copy_(ours)


class Conditioner:
    """Encodes texts, bit-identical to diffusers' `encode_prompt`, plus A1111's brackets, embeddings and clip skip.
    Caches the last texts, so that their blend can change without running the text encoder. LoRA tags are removed
    from the texts; the caller applies them (`with_tags`). Single thread."""

    def __init__(self, model: "DiffusionModel", *, note: Callable[[str, str], None] | None = None) -> None:
        """`note(key, line)` is called if a text is too long or has unsupported syntax; by default a log warning."""
        self._model = model
        self._note = note or (lambda key, line: log.warning("%s: %s", key, line))
        self._triggers = Triggers(model.embeddings)
        self._texts: dict[Hashable, Encoded] = {}
        self._texts_of = -1

    def encode(
        self,
        prompt: str | Sequence[tuple[str, float]],
        negative: str | None,
        *,
        blend: Blend = "slerp",
        ip_image: np.ndarray | None = None,
        size: tuple[int, int] = (512, 512),
        clip_skip: int | None = None,
    ) -> Cond:
        """Encode the prompts. `prompt`: one, or several with weights above 0, which are blended token by token.

        A negative of None is omitted; an empty one is encoded as in training: zeros for SDXL, else the empty text.
        `ip_image`: (height, width, 3) uint8 RGB; with None the IP-Adapter has no effect. `size`: width and height of
        the pictures. `clip_skip`: counted as in A1111; 0: the model's default, None: the ModelSpec's.
        """
        skipped = self._skipped(clip_skip)
        text, pooled = self._blended([(prompt, 1.0)] if isinstance(prompt, str) else prompt, blend, skipped)
        negative_text, negative_pooled = None, None
        if negative is not None and self._model.zeroes_empty_negative and not parse_prompt(negative).text:
            negative_text = torch.zeros_like(text)
            negative_pooled = None if pooled is None else torch.zeros_like(pooled)
        elif negative is not None:
            negative_text, negative_pooled = self._encoded(negative, skipped, is_negative=True)
        ip, negative_ip = None, None
        if self._model.ip_adapter is not None:
            ip, negative_ip = self._model.ip_adapter.encode(ip_image)
        # Copies, because the result may become the buffers that later results are copied into.
        return Cond(
            text=text.clone(),
            negative_text=_copy(negative_text),
            pooled=_copy(pooled),
            negative_pooled=_copy(negative_pooled),
            time_ids=None if pooled is None else self._time_ids(*size),
            ip=ip,
            negative_ip=negative_ip if negative is not None else None,
        )

    def prepare(self, text: str, clip_skip: int | None = None) -> None:
        """Encode a prompt that may be blended in later, so that it then costs nothing."""
        self._encoded(text, self._skipped(clip_skip))

    def _skipped(self, clip_skip: int | None) -> int:
        model = self._model
        return layers_skipped(model.family, model.spec.clip_skip if clip_skip is None else clip_skip)

    def _blended(self, prompts: Sequence[tuple[str, float]], blend: Blend, skipped: int) -> Encoded:
        encoded, weights = [self._encoded(text, skipped) for text, _ in prompts], [weight for _, weight in prompts]
        texts, pooled = [text for text, _ in encoded], [each for _, each in encoded if each is not None]
        return blended(texts, weights, blend), blended(pooled, weights, blend) if pooled else None

    def _encoded(self, text: str, skipped: int, *, is_negative: bool = False) -> Encoded:
        loras = self._model.loras
        if loras is not None and loras.text_version != self._texts_of:
            self._texts.clear()
            self._texts_of = loras.text_version
        key = text, skipped
        encoded = self._texts.pop(key, None) or self._parsed_and_encoded(text, skipped, is_negative)
        self._texts[key] = encoded  # newest last
        if len(self._texts) > KEPT_TEXTS:
            del self._texts[next(iter(self._texts))]
        return encoded

    @torch.no_grad()
    def _parsed_and_encoded(self, text: str, skipped: int, is_negative: bool) -> Encoded:
        """((1, 77, D), pooled (1, P) or None), with notes on unsupported syntax and on what does not fit."""
        model, prompt = self._model, parse_prompt(text)
        for line in prompt.notes:
            self._note("prompt", line)
        if is_negative and prompt.loras:
            self._note("prompt", f"<lora:{prompt.loras[0].name[:80]}> has no effect in the negative prompt")
        rows = [
            token_row(tokenizer, number, prompt, self._triggers, model.device)
            for number, tokenizer in enumerate(model.tokenizers)
        ]
        if left_out := rows[0].left_out:
            used = rows[0].ids.shape[1] - 2
            self._note("prompt", f"{used} tokens of the prompt are used; ignored: {left_out[:MAX_SHOWN]}")
        if model.family != "sdxl":
            hidden = _hidden(model.text_encoders[0], rows[0], skipped)
            return emphasised(hidden, rows[0].weights).to(model.dtype), None
        outputs = []
        for encoder, row in zip(model.text_encoders, rows, strict=True):
            with vectors_in_place(encoder, row.vectors):
                outputs.append(encoder(row.ids, output_hidden_states=True))
        # The second to last state, as in training.
        states = [output.hidden_states[-2 - _held(skipped, output, 2)] for output in outputs]
        hidden = torch.cat([emphasised(state, row.weights) for state, row in zip(states, rows, strict=True)], dim=-1)
        return hidden.to(model.dtype), outputs[-1].text_embeds

    def _time_ids(self, width: int, height: int) -> torch.Tensor:
        # Full size, uncropped, for a picture of this size (SDXL, Podell et al. 2023, section 2.2).
        return uploaded(
            torch.tensor([[height, width, 0, 0, height, width]], dtype=self._model.dtype), self._model.device
        )


@dataclass(slots=True, kw_only=True)
class TokenRow:
    """T: 77."""

    ids: torch.Tensor
    """(1, T) int64."""
    mask: torch.Tensor
    """(1, T) int64: 0 for padding."""
    weights: torch.Tensor | None = None
    """(T,) float32, or None if all are 1."""
    vectors: dict[int, torch.Tensor] = field(default_factory=dict)
    """Embedding vectors (vectors, width) by the index of their first token."""
    left_out: str = ""
    """The end of the prompt, which did not fit."""


def token_row(tokenizer: Any, encoder: int, prompt: ParsedPrompt, triggers: Triggers, device: torch.device) -> TokenRow:
    """Tokenize a prompt. `encoder`: index of the text encoder, which selects the embedding vectors. Text without
    weights and triggers is tokenized as a whole, otherwise each fragment separately, as in A1111."""
    parts = [(part, fragment.weight) for fragment in prompt.fragments for part in triggers.split(fragment.text)]
    if not prompt.is_weighted and all(isinstance(part, str) for part, _ in parts):
        return _plain(tokenizer, prompt.text, device)
    length = tokenizer.model_max_length
    ids: list[int] = []
    weights: list[float] = []
    vectors: dict[int, torch.Tensor] = {}
    left_out: list[str] = []
    for part, weight in parts:
        if isinstance(part, str):
            found = tokenizer(part, add_special_tokens=False).input_ids if part.strip() else []
            room = 0 if left_out else length - 2 - len(ids)
            ids += found[:room]
            weights += [weight] * len(found[:room])
            if found[room:]:
                left_out.append(tokenizer.decode(found[room:]).strip())
            continue
        word, embedding = part
        rows = embedding.vectors[encoder]
        if left_out or len(ids) + len(rows) > length - 2:
            left_out.append(word)
            continue
        vectors[len(ids) + 1] = rows  # after the start token
        ids += [PLACE_OF_A_VECTOR] * len(rows)
        weights += [weight] * len(rows)
    filled = length - 2 - len(ids)
    row = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id, *[tokenizer.pad_token_id] * filled]
    return TokenRow(
        ids=torch.tensor([row], device=device),
        mask=torch.tensor([[1] * (length - filled) + [0] * filled], device=device),
        weights=torch.tensor([1.0, *weights, *[1.0] * (filled + 1)], device=device) if prompt.is_weighted else None,
        vectors=vectors,
        left_out=" ".join(left_out),
    )


def _plain(tokenizer: Any, text: str, device: torch.device) -> TokenRow:
    length = tokenizer.model_max_length
    tokens = tokenizer(text, padding="max_length", max_length=length, truncation=True, return_tensors="pt").to(device)
    everything = tokenizer(text).input_ids
    left_out = tokenizer.decode(everything[length - 1 : -1]).strip() if len(everything) > length else ""
    return TokenRow(ids=tokens.input_ids, mask=tokens.attention_mask, left_out=left_out)


def emphasised(hidden: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """Multiply each token of (1, T, D) by its weight (T,), and restore the overall mean. A1111's "Original"
    (modules/sd_emphasis.py, EmphasisOriginal; formerly in sd_hijack_clip.py). For SDXL applied to each encoder
    separately."""
    if weights is None:
        return hidden
    plain = hidden.float()
    weighted = plain * weights[None, :, None]
    ratio = plain.mean() / weighted.mean()
    return (weighted * torch.where(ratio.isfinite(), ratio, torch.ones_like(ratio))).to(hidden.dtype)


def _hidden(encoder: Any, row: TokenRow, skipped: int) -> torch.Tensor:
    """(1, 77, D): the hidden state `skipped` layers before the last, after the final layer norm."""
    mask = row.mask if getattr(encoder.config, "use_attention_mask", False) else None
    with vectors_in_place(encoder, row.vectors):
        if not skipped:
            last: torch.Tensor = encoder(row.ids, attention_mask=mask)[0]
            return last
        output = encoder(row.ids, attention_mask=mask, output_hidden_states=True)
    hidden: torch.Tensor = encoder.final_layer_norm(output.hidden_states[-1 - _held(skipped, output, 1)])
    return hidden


def _held(skipped: int, output: Any, own: int) -> int:
    """`skipped`, limited so that the first layer remains. `own`: number of layers that the model itself skips."""
    return min(skipped, len(output.hidden_states) - 1 - own)


def _copy(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return None if tensor is None else tensor.clone()
