"""Encodes texts and a picture into the UNet's conditioning. Runs when an input changes, not for
every frame."""

import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from engine.models.device_work import upload
from engine.models.sd.blending import interpolate
from engine.models.sd.plan.families import layers_skipped
from engine.models.sd.prompt_syntax import CHUNK_END, ParsedPrompt, parse_prompt
from engine.models.sd.seeds import Blend
from engine.models.sd.textual_inversion import Triggers, inject_vectors

if TYPE_CHECKING:
    from engine.models.sd.model import DiffusionModel

MAX_NOTE_CHARS = 200  # maximum length of the truncated text in a note
PLACEHOLDER_TOKEN = 0  # placeholder token whose embedding the vector replaces, as in A1111
log = logging.getLogger(__name__)
MAX_CHUNKS = 4  # 300 tokens
MAX_CACHED_TEXTS = 16  # eight prompts, the two plain ones, the negative prompt
TextEmbeds = tuple[Tensor, Tensor | None]


@dataclass(slots=True, kw_only=True)
class Conditioning:
    """The conditioning of a UNet call, in the model's dtype on its device. D: 768 (SD 1.5), 1024
    (2.x), 2048 (XL)."""

    prompt_embeds: Tensor
    """(1, 77 n, D): n chunks of 75 tokens."""
    negative_embeds: Tensor | None = None
    """Shaped like `prompt_embeds`, or None if not requested."""
    region_embeds: Tensor | None = None
    """(R, 77 n, D): the texts of R regions; `prompt_embeds` is the text of the rest; None without
    regions."""
    pooled_embeds: Tensor | None = None
    """(1, 1280), SDXL only."""
    negative_pooled: Tensor | None = None
    time_ids: Tensor | None = None
    """(1, 6), SDXL only: height, width, 0, 0, height, width in pixels."""
    image_embeds: tuple[Tensor, ...] | None = None
    """(1, 1, tokens, D) for each IP-Adapter, the UNet's `image_embeds`; zeros have no effect; None
    without adapter."""
    negative_image_embeds: tuple[Tensor, ...] | None = None


class Conditioner:
    """Encodes texts, bit-identical to diffusers' `encode_prompt`, plus A1111's brackets, chunks,
    embeddings and clip skip. Caches the last texts, so that their blend can change without running
    the text encoder. LoRA tags are removed from the texts; the caller applies them (`with_tags`).
    Single thread."""

    def __init__(
        self, model: "DiffusionModel", *, note: Callable[[str, str], None] | None = None
    ) -> None:
        """`note(key, line)` is called if a text is too long or has unsupported syntax; by default a
        log warning."""
        self._model = model
        self._note = note or (lambda key, line: log.warning("%s: %s", key, line))
        self._triggers = Triggers(model.embeddings)
        self._texts: dict[Hashable, TextEmbeds] = {}
        self._texts_of = -1

    def encode(
        self,
        prompt: str | Sequence[tuple[str, float]],
        negative: str | None,
        *,
        blend: Blend = "slerp",
        regions: Sequence[str] = (),
        ip_images: Sequence[tuple[np.ndarray, float]] = (),
        size: tuple[int, int] = (512, 512),
        clip_skip: int | None = None,
    ) -> Conditioning:
        """Encode the prompts to a Conditioning. `prompt`: one, or several with weights above 0,
        which are blended token by token. A negative of None is omitted; an empty one is encoded as
        in training: zeros for SDXL, else the empty text. `regions`: the texts of regions.
        `ip_images`: each (height, width, 3) uint8 RGB with its weight; without any the IP-Adapter
        has no effect. `size`: width and height of the pictures. `clip_skip`: counted as in A1111;
        0: the model's default, None: the ModelSpec's."""
        skipped = self._skipped(clip_skip)
        text, pooled = self._encode_mix(
            [(prompt, 1.0)] if isinstance(prompt, str) else prompt, blend, skipped
        )
        negative_embeds = None
        negative_pooled = None
        if (
            negative is not None
            and self._model.zeroes_empty_negative
            and not parse_prompt(negative).text
        ):
            negative_embeds = torch.zeros_like(text)
            negative_pooled = None if pooled is None else torch.zeros_like(pooled)
        elif negative is not None:
            negative_embeds, negative_pooled = self._encode_cached(
                negative, skipped, is_negative=True
            )
            text, negative_embeds = self._pad_chunks((text, negative_embeds), skipped)
        if parts := [self._encode_cached(each, skipped)[0] for each in regions]:
            main = (text,) if negative_embeds is None else (text, negative_embeds)
            text, *others = self._pad_chunks((*main, *parts), skipped)
            negative_embeds = others.pop(0) if negative_embeds is not None else None
            parts = others
        image_embeds = None
        negative_image = None
        if self._model.ip_adapter is not None:
            image_embeds, negative_image = self._model.ip_adapter.encode(ip_images)
        # Copies, because the result may become the buffers that later results are copied into.
        return Conditioning(
            prompt_embeds=text.clone(),
            negative_embeds=_copy(negative_embeds),
            region_embeds=torch.cat(parts) if parts else None,
            pooled_embeds=_copy(pooled),
            negative_pooled=_copy(negative_pooled),
            time_ids=None if pooled is None else self._time_ids(*size),
            image_embeds=image_embeds,
            negative_image_embeds=negative_image if negative is not None else None,
        )

    def prepare(self, text: str, clip_skip: int | None = None) -> None:
        """Encode a prompt into the cache, so that blending it in later costs nothing."""
        self._encode_cached(text, self._skipped(clip_skip))

    def _skipped(self, clip_skip: int | None) -> int:
        model = self._model
        return layers_skipped(
            model.family, model.spec.clip_skip if clip_skip is None else clip_skip
        )

    def _encode_mix(
        self, prompts: Sequence[tuple[str, float]], blend: Blend, skipped: int
    ) -> TextEmbeds:
        encoded = [self._encode_cached(text, skipped) for text, _ in prompts]
        weights = [weight for _, weight in prompts]
        texts = [text for text, _ in encoded]
        pooled = [each for _, each in encoded if each is not None]
        text = interpolate(self._pad_chunks(texts, skipped), weights, blend)
        return text, interpolate(pooled, weights, blend) if pooled else None

    def _encode_cached(self, text: str, skipped: int, *, is_negative: bool = False) -> TextEmbeds:
        loras = self._model.loras
        if loras is not None and loras.text_version != self._texts_of:
            self._texts.clear()
            self._texts_of = loras.text_version
        key = text, skipped
        encoded = self._texts.pop(key, None) or self._encode_text(text, skipped, is_negative)
        self._texts[key] = encoded  # newest last
        if len(self._texts) > MAX_CACHED_TEXTS:
            del self._texts[next(iter(self._texts))]
        return encoded

    @torch.no_grad()
    def _encode_text(self, text: str, skipped: int, is_negative: bool) -> TextEmbeds:
        """Embeds (1, 77 n, D) and pooled (1, P) or None, with notes on unsupported syntax and on
        truncation."""
        model = self._model
        prompt = parse_prompt(text)
        for line in prompt.notes:
            self._note("prompt", line)
        if is_negative and prompt.loras:
            self._note(
                "prompt", f"<lora:{prompt.loras[0].name[:80]}> has no effect in the negative prompt"
            )
        rows_of = [
            token_rows(tokenizer, number, prompt, self._triggers, model.device)
            for number, tokenizer in enumerate(model.tokenizers)
        ]
        if left_out := rows_of[0][0].left_out:
            used = sum(int(row.mask.sum()) - 2 for row in rows_of[0])
            self._note(
                "prompt",
                f"{used} tokens of the prompt are used; ignored: {left_out[:MAX_NOTE_CHARS]}",
            )
        chunks = [self._chunk(rows, skipped) for rows in zip(*rows_of, strict=False)]
        return torch.cat([hidden for hidden, _ in chunks], dim=1).to(model.dtype), chunks[0][1]

    def _chunk(self, rows: Sequence["TokenRow"], skipped: int) -> TextEmbeds:
        """Embeds (1, 77, D) and pooled (1, P) or None of one chunk; `rows`: one for each text
        encoder."""
        model = self._model
        if model.family != "sdxl":
            return apply_emphasis(
                _hidden(model.text_encoders[0], rows[0], skipped), rows[0].weights
            ), None
        outputs = []
        for encoder, row in zip(model.text_encoders, rows, strict=True):
            with inject_vectors(encoder, row.vectors):
                outputs.append(encoder(row.ids, output_hidden_states=True))
        # The second to last state, as in training.
        states = [output.hidden_states[-2 - _limit_skip(skipped, output, 2)] for output in outputs]
        parts = [
            apply_emphasis(state, row.weights) for state, row in zip(states, rows, strict=True)
        ]
        return torch.cat(parts, dim=-1), outputs[-1].text_embeds

    def _pad_chunks(self, texts: Sequence[Tensor], skipped: int) -> list[Tensor]:
        """Pad texts (1, 77 n, D) to the longest with empty chunks at their end, as A1111 does."""
        longest = max(text.shape[1] for text in texts)
        if all(text.shape[1] == longest for text in texts):
            return list(texts)
        empty, _ = self._encode_cached("", skipped)
        return [
            torch.cat((text, *[empty] * ((longest - text.shape[1]) // empty.shape[1])), dim=1)
            for text in texts
        ]

    def _time_ids(self, width: int, height: int) -> Tensor:
        # Full size, uncropped, for a picture of this size (SDXL, Podell et al. 2023, section 2.2).
        return upload(
            torch.tensor([[height, width, 0, 0, height, width]], dtype=self._model.dtype),
            self._model.device,
        )


@dataclass(slots=True, kw_only=True)
class TokenRow:
    """The tokens of one chunk of a prompt. T: 77."""

    ids: Tensor
    """(1, T) int64."""
    mask: Tensor
    """(1, T) int64: 0 for padding."""
    weights: Tensor | None = None
    """(T,) float32, or None if all are 1."""
    vectors: dict[int, Tensor] = field(default_factory=dict)
    """Embedding vectors (vectors, width) by the index of their first token."""
    left_out: str = ""
    """The end of the prompt, which did not fit."""


def token_rows(
    tokenizer: Any, encoder: int, prompt: ParsedPrompt, triggers: Triggers, device: torch.device
) -> list[TokenRow]:
    """Tokenize a prompt, in chunks of 75 tokens, as A1111 does. `encoder`: index of the text
    encoder, which selects the embedding vectors. Plain text that fits into one chunk is tokenized
    as a whole, else each fragment separately."""
    parts = [
        (part, fragment.weight)
        for fragment in prompt.fragments
        for part in triggers.split(fragment.text)
    ]
    if not (prompt.is_weighted or prompt.is_broken) and all(
        isinstance(part, str) for part, _ in parts
    ):
        whole = _plain(tokenizer, prompt.text, device)
        if not whole.left_out:
            return [whole]
    chunks = _Chunks(tokenizer.model_max_length - 2)
    left_out: list[str] = []
    for part, weight in parts:
        if not isinstance(part, str):
            trigger, embedding = part
            if not chunks.add_vectors(embedding.vectors[encoder], weight):
                left_out.append(trigger)
            continue
        for number, text in enumerate(part.split(CHUNK_END)):
            if number:
                chunks.end()
            ids = tokenizer(text, add_special_tokens=False).input_ids if text.strip() else []
            if rest := chunks.add(ids, weight):
                left_out.append(tokenizer.decode(rest).strip())
    rows = [_row(tokenizer, chunk, device, is_weighted=prompt.is_weighted) for chunk in chunks.all]
    rows[0].left_out = " ".join(left_out)
    return rows


@dataclass(slots=True)
class _Chunk:
    ids: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    vectors: dict[int, Tensor] = field(default_factory=dict)


class _Chunks:
    """The tokens of a prompt, at most MAX_CHUNKS chunks of `room` tokens."""

    def __init__(self, room: int) -> None:
        self._room = room
        self.all = [_Chunk()]

    def end(self) -> bool:
        """Begin another chunk unless this one is empty. False if there are no more."""
        if self.all[-1].ids and len(self.all) < MAX_CHUNKS:
            self.all.append(_Chunk())
        return not self.all[-1].ids

    def add(self, ids: list[int], weight: float) -> list[int]:
        """Add tokens. Returns those that do not fit."""
        while ids:
            chunk = self.all[-1]
            head = ids[: self._room - len(chunk.ids)]
            chunk.ids += head
            chunk.weights += [weight] * len(head)
            ids = ids[len(head) :]
            if ids and not self.end():
                return ids
        return []

    def add_vectors(self, rows: Tensor, weight: float) -> bool:
        """Add the vectors of an embedding, which stay in one chunk. False if they do not fit."""
        if len(self.all[-1].ids) + len(rows) > self._room and not (
            len(rows) <= self._room and self.end()
        ):
            return False
        chunk = self.all[-1]
        chunk.vectors[len(chunk.ids) + 1] = rows  # after the start token
        chunk.ids += [PLACEHOLDER_TOKEN] * len(rows)
        chunk.weights += [weight] * len(rows)
        return True


def _row(tokenizer: Any, chunk: _Chunk, device: torch.device, *, is_weighted: bool) -> TokenRow:
    length = tokenizer.model_max_length
    filled = length - 2 - len(chunk.ids)
    row = [
        tokenizer.bos_token_id,
        *chunk.ids,
        tokenizer.eos_token_id,
        *[tokenizer.pad_token_id] * filled,
    ]
    return TokenRow(
        ids=torch.tensor([row], device=device),
        mask=torch.tensor([[1] * (length - filled) + [0] * filled], device=device),
        weights=torch.tensor([1.0, *chunk.weights, *[1.0] * (filled + 1)], device=device)
        if is_weighted
        else None,
        vectors=chunk.vectors,
    )


def _plain(tokenizer: Any, text: str, device: torch.device) -> TokenRow:
    length = tokenizer.model_max_length
    tokens = tokenizer(
        text, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    ).to(device)
    everything = tokenizer(text).input_ids
    left_out = (
        tokenizer.decode(everything[length - 1 : -1]).strip() if len(everything) > length else ""
    )
    return TokenRow(ids=tokens.input_ids, mask=tokens.attention_mask, left_out=left_out)


def apply_emphasis(hidden: Tensor, weights: Tensor | None) -> Tensor:
    """Multiply each token of (1, T, D) by its weight (T,), and restore the overall mean. A1111's
    "Original" (modules/sd_emphasis.py, EmphasisOriginal), applied to each of SDXL's encoders
    separately."""
    if weights is None:
        return hidden
    plain = hidden.float()
    weighted = plain * weights[None, :, None]
    ratio = plain.mean() / weighted.mean()
    return (weighted * torch.where(ratio.isfinite(), ratio, torch.ones_like(ratio))).to(
        hidden.dtype
    )


def _hidden(encoder: Any, row: TokenRow, skipped: int) -> Tensor:
    """(1, 77, D): the hidden state `skipped` layers before the last, after the final layer norm."""
    mask = row.mask if getattr(encoder.config, "use_attention_mask", False) else None
    with inject_vectors(encoder, row.vectors):
        if not skipped:
            last: Tensor = encoder(row.ids, attention_mask=mask)[0]
            return last
        output = encoder(row.ids, attention_mask=mask, output_hidden_states=True)
    hidden: Tensor = encoder.final_layer_norm(
        output.hidden_states[-1 - _limit_skip(skipped, output, 1)]
    )
    return hidden


def _limit_skip(skipped: int, output: Any, own: int) -> int:
    """`skipped`, limited so that the first layer remains. `own`: number of layers that the model
    itself skips."""
    return min(skipped, len(output.hidden_states) - 1 - own)


def _copy(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.clone()
