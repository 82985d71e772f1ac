"""Calls the UNet once, and computes the denoised latents x0 from its prediction."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.models.compat.torch import version_of
from engine.models.compiling import CompilingThread
from engine.models.device_work import upload
from engine.models.graphs import Between, ChainRunner, DirectRunner, Part, State, noop
from engine.models.sd.accelerators import unet_calls
from engine.models.sd.coefficients import x0_weights
from engine.models.sd.unet_parts import chain, with_bank, with_regions

if TYPE_CHECKING:
    from engine.models.sd.conditioner import Conditioning
    from engine.models.sd.model import DiffusionModel


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlInput:
    index: int
    """Its index in `DiffusionModel.controlnets`."""
    picture: Tensor
    """(rows, 3, height, width) in 0..1, one for each row of the latents."""
    scale: float


class Denoiser:
    """Runs one model's UNet. Single thread, single device; never waits for the device."""

    def __init__(
        self,
        model: "DiffusionModel",
        *,
        calls: ChainRunner | None = None,
        is_split: bool = False,
        compiler: CompilingThread | None = None,
    ) -> None:
        """`calls`: by default `accelerators.unet_calls`. `is_split`: calls can be interrupted
        inside the UNet: after the ControlNets and each of its pieces (`unet_parts`). `compiler`:
        compiles the parts while the plain ones run; without it the first call with a shape
        compiles."""
        self.model = model
        self.device = torch.device(model.device)
        self.calls = calls or unet_calls(model)
        self._is_split = is_split
        self._compiler = compiler
        self._dtype: torch.dtype = model.unet.dtype
        sample_weight, output_weight = x0_weights(model.alphas_cumprod, model.prediction_type)
        weights = upload(torch.stack((sample_weight, output_weight)).float(), self.device)  # (2, T)
        self._sample_weight = weights[0]
        self._output_weight = weights[1]
        self._guidance: tuple[float, Tensor] | None = None
        self.consistency = 0.0
        """0..1: weight of the frame before, that is, of the same rows in the last call. No effect
        without a bank."""
        self.masks: Tensor | None = None
        """(1, 1 + R, h, w): weight of the prompt and of each region's text at each latent; None:
        regions are off."""
        self._banked_frame: tuple[tuple[int, ...], tuple[Tensor, ...]] | None = None
        """Shape of the last call, and the bank's keys and values."""
        self._forgets = False
        self._keys: tuple[Hashable, list[Tensor], State] | None = None
        """Version of the inputs; the texts, retained so that no other tensor gets their id; result
        of `_text_keys`."""

    def drop(self) -> None:
        """Free captured graphs, and the frame before, which lies in their memory."""
        self.calls.drop()
        self._banked_frame = None

    def forget(self) -> None:
        """Ignore the previous frame in the next call."""
        self._forgets = True

    def guided_output(
        self,
        z: Tensor,
        t: Tensor,
        cond: "Conditioning",
        control: Sequence[ControlInput] = (),
        *,
        guidance: float = 1.0,
        between: Between = noop,
    ) -> Tensor:
        """The model's own prediction (noise, v or clean), which `x0` converts: (B, 4, h, w)
        float32, of noisy latents `z` (B, 4, h, w) at timesteps `t` (B,) int64 or float, on the
        device. Above 1, `guidance` is classifier-free guidance against `cond.negative_embeds`, with
        twice the rows; for a model with a guidance embedding it is an input. `between` is called
        between two parts. ModelError if the negative prompt is missing."""
        negatives = len(z) if self.uses_negative(guidance) else 0
        against, output = self.outputs(
            z, t, cond, control, negatives=negatives, guidance=guidance, between=between
        )
        return output if against is None else against + guidance * (output - against)

    def uses_negative(self, guidance: float) -> bool:
        """True if this guidance needs a second, negative prediction. 1 and below is off."""
        return guidance > 1.0 and self.model.time_cond_proj_dim is None

    def outputs(
        self,
        z: Tensor,
        t: Tensor,
        cond: "Conditioning",
        control: Sequence[ControlInput] = (),
        *,
        negatives: int = 0,
        guidance: float = 1.0,
        between: Between = noop,
    ) -> tuple[Tensor | None, Tensor]:
        """Two predictions float32: with the negative prompt for the first `negatives` rows, with
        the prompt for all."""
        if negatives and cond.negative_embeds is None:
            raise ModelError("guidance above 1 needs a negative prompt; it may be empty")
        keys = self._text_keys(cond)
        has_regions = self._has_regions(cond)
        sees_text = keys["keys"] is None or bool(control)  # a ControlNet has keys of its own
        inputs: State = {
            "sample": z.to(self._dtype),
            "timesteps": t,
            "text": cond.prompt_embeds if sees_text else None,
            "negative_text": cond.negative_embeds if sees_text else None,
            **keys,
            "pooled": cond.pooled_embeds,
            "negative_pooled": cond.negative_pooled,
            "time_ids": cond.time_ids,
            "masks": self.masks if has_regions else None,
            "ip": cond.image_embeds,
            "negative_ip": cond.negative_image_embeds,
            "guidance": self._guidance_embedding(guidance),
            # A tensor, filled on the device: a float would become a constant of the graph, and a
            # copy would wait.
            "controls": tuple(
                (each.picture.to(self._dtype), torch.full((), each.scale, device=self.device))
                for each in control
            ),
        }
        used = tuple(each.index for each in control)
        # The strengths of LoRAs and IP-Adapter are not part of the key, because they change the
        # weights in place.
        shapes = (
            tuple(z.shape),
            cond.prompt_embeds.shape[1],
            t.dtype,
            cond.region_embeds is not None and has_regions,
        )
        key: Hashable = (
            "unet",
            *shapes,
            negatives,
            used,
            cond.negative_embeds is None,
            cond.image_embeds is None,
        )
        controlnets = [self.model.controlnets[index] for index in used]
        has_bank = self.model.bank is not None and bool(self.consistency)
        plain = chain(self.model.unet, controlnets, negatives, is_split=self._is_split)
        parts = plain  # compiled ones have neither regions nor bank
        if has_regions:
            parts = with_regions(plain, self.model.regions)
        elif not has_bank:
            parts = chain(
                self.model.unet,
                controlnets,
                negatives,
                is_split=self._is_split,
                parts=self.model.parts,
            )
        if has_bank:
            return self._outputs_with_bank(key, parts, inputs, negatives, between)
        self._banked_frame = None
        beside = None if has_regions else self._compiler
        call = key, parts
        if beside is not None and not beside.is_ready(key):
            call = ("plain", key), plain
        with torch.no_grad():
            result = self.calls.run(*call, inputs, between)["output"]
            # a copy, because a graph overwrites its result
            output = result.to(torch.float32, copy=True)
        if beside is not None:
            # after the capture of the plain parts, which then are a graph meanwhile
            beside.begin(key, parts, inputs)
        return (output[:negatives], output[negatives:]) if negatives else (None, output)

    def _has_regions(self, cond: "Conditioning") -> bool:
        return (
            cond.region_embeds is not None
            and self.masks is not None
            and self.model.regions is not None
        )

    def _outputs_with_bank(
        self,
        key: Hashable,
        parts: Sequence[Part],
        inputs: State,
        negatives: int,
        between: Between,
    ) -> tuple[Tensor | None, Tensor]:
        """`outputs`, with the frame before. The first call of a shape only fills the bank."""
        shape = (negatives, *inputs["sample"].shape)
        before = (
            self._banked_frame[1]
            if self._banked_frame is not None and self._banked_frame[0] == shape
            else None
        )
        strength = 0.0 if before is None or self._forgets else self.consistency
        self._forgets = False
        state = inputs | {
            "before": before,
            "strength": torch.full((), strength, device=self.device),
        }
        calls = DirectRunner() if before is None else self.calls
        with torch.no_grad():
            result = calls.run(
                (key, "banked"), with_bank(tuple(parts), self.model.bank), state, between
            )
            output = result["output"].to(torch.float32, copy=True)
        self._banked_frame = shape, result["bank"]
        return (output[:negatives], output[negatives:]) if negatives else (None, output)

    def x0(self, z: Tensor, t: Tensor, output: Tensor) -> Tensor:
        """x0 (B, 4, h, w) float32 of a prediction `output` (B, 4, h, w) float32 at `t` (B,)
        int64."""
        a = self._sample_weight[t].view(-1, 1, 1, 1)
        b = self._output_weight[t].view(-1, 1, 1, 1)
        return a * z.float() + b * output

    @torch.no_grad()
    def _text_keys(self, cond: "Conditioning") -> State:
        """`keys` and `negative_keys` of the texts, cached until a text or a LoRA of the UNet
        changes."""
        weight = self.model.text_weight
        loras = self.model.loras
        if weight is None:
            return {"keys": None, "negative_keys": None}
        sources = (
            cond.prompt_embeds,
            cond.region_embeds if self._has_regions(cond) else None,
            cond.negative_embeds,
        )
        texts = [text for text in sources if text is not None]
        version = (
            *((id(text), version_of(text)) for text in texts),
            0 if loras is None else loras.unet_version,
        )
        if self._keys is None or self._keys[0] != version:
            keys = torch.nn.functional.linear(torch.cat(texts), weight)
            count = len(keys) if cond.negative_embeds is None else len(keys) - 1
            against = None if cond.negative_embeds is None else keys[-1:].repeat(1, count, 1)
            state: State = {"keys": keys[:count].flatten(0, 1)[None], "negative_keys": against}
            self._keys = (version, texts, state)
        return self._keys[2]

    def _guidance_embedding(self, guidance: float) -> Tensor | None:
        size = self.model.time_cond_proj_dim
        if size is None:
            return None
        if self._guidance is None or self._guidance[0] != guidance:
            self._guidance = (
                guidance,
                upload(guidance_embedding(guidance, size).to(self._dtype), self.device),
            )
        return self._guidance[1]


def guidance_embedding(guidance: float, size: int) -> Tensor:
    """Sinusoidal embedding of 1000 (guidance - 1), (1, size) float32, as in the distillation of
    these models."""
    half = size // 2
    angles = (
        (guidance - 1.0)
        * 1000.0
        * torch.exp(torch.arange(half) * -(math.log(10000.0) / (half - 1)))
    )
    return torch.nn.functional.pad(torch.cat((angles.sin(), angles.cos())), (0, size % 2))[None]
