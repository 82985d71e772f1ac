"""One UNet call: predicts the denoised picture x0."""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from engine.errors import ModelError
from engine.models.compiling import CompilingThread
from engine.models.device_work import uploaded
from engine.models.graphs import Calls, DirectCalls, Part, State, nothing
from engine.models.sd.accelerators import unet_calls
from engine.models.sd.coefficients import x0_weights
from engine.models.sd.unet_parts import chain, with_bank, with_regions

if TYPE_CHECKING:
    from engine.models.sd.conditioner import Cond
    from engine.models.sd.model import DiffusionModel


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlInput:
    """The input of one ControlNet."""

    index: int
    """Its index in `DiffusionModel.controlnets`."""
    picture: torch.Tensor
    """(rows, 3, height, width) in 0..1, one for each row of the latents."""
    scale: float


class Denoiser:
    """Stateless except for what `drop` frees. Single thread, single device; never waits for the device."""

    def __init__(
        self,
        model: "DiffusionModel",
        *,
        calls: Calls | None = None,
        is_split: bool = False,
        beside: CompilingThread | None = None,
    ) -> None:
        """`calls`: by default `accelerators.unet_calls`. `is_split`: calls can be interrupted inside the UNet: after
        the ControlNets and each of its pieces (`unet_parts`). `beside`: compiles the parts while the plain ones run;
        without it the first call with a shape compiles."""
        self.model = model
        self.device = torch.device(model.device)
        self.calls = calls or unet_calls(model)
        self._is_split, self._beside = is_split, beside
        self._dtype: torch.dtype = model.unet.dtype
        sample_weight, output_weight = x0_weights(model.alphas_cumprod, model.prediction_type)
        weights = uploaded(torch.stack((sample_weight, output_weight)).float(), self.device)  # (2, T)
        self._sample_weight, self._output_weight = weights[0], weights[1]
        self._guidance: tuple[float, torch.Tensor] | None = None
        self.consistency = 0.0
        """0..1: how much is seen of the frame before: of the same rows in the last call. No effect without a bank."""
        self.masks: torch.Tensor | None = None
        """(1, 1 + R, h, w): the share of the text and of each of the R texts of `Cond.regions` at each latent; None:
        they are not used."""
        self._before: tuple[tuple[int, ...], tuple[torch.Tensor, ...]] | None = None  # shape, and what the bank kept
        self._forgets = False
        self._keys: tuple[Hashable, list[torch.Tensor], State] | None = None
        """Key of the inputs; the texts, held so that no other tensor gets their id; the result of `_text_keys`."""

    def drop(self) -> None:
        """Free captured graphs, and the frame before, which lies in their memory."""
        self.calls.drop()
        self._before = None

    def forget(self) -> None:
        """Begin anew, without the frames before."""
        self._forgets = True

    def predict(
        self,
        z: torch.Tensor,
        t: torch.Tensor,
        cond: "Cond",
        control: Sequence[ControlInput] = (),
        *,
        guidance: float = 1.0,
        between: Callable[[], None] = nothing,
    ) -> torch.Tensor:
        """x0 (B, 4, h, w) float32 of the noisy latents `z` (B, 4, h, w) at timesteps `t` (B,) int64, on the device.
        Above 1, `guidance` is classifier-free guidance against `cond.negative_text`, with twice the rows; for a model
        with a guidance embedding it is an input. `between` is called between two parts. ModelError if the negative
        prompt is missing."""
        return self.x0(z, t, self.guided_output(z, t, cond, control, guidance=guidance, between=between))

    def guided_output(
        self,
        z: torch.Tensor,
        t: torch.Tensor,
        cond: "Cond",
        control: Sequence[ControlInput] = (),
        *,
        guidance: float = 1.0,
        between: Callable[[], None] = nothing,
    ) -> torch.Tensor:
        """The model's own prediction (noise, v or x0) float32; arguments as in `predict`, but `t` may be float too."""
        negatives = len(z) if self.uses_negative(guidance) else 0
        against, output = self.outputs(z, t, cond, control, negatives=negatives, guidance=guidance, between=between)
        return output if against is None else against + guidance * (output - against)

    def uses_negative(self, guidance: float) -> bool:
        """True if this guidance needs a second, negative prediction. 1 and below is off."""
        return guidance > 1.0 and self.model.time_cond_proj_dim is None

    def outputs(
        self,
        z: torch.Tensor,
        t: torch.Tensor,
        cond: "Cond",
        control: Sequence[ControlInput] = (),
        *,
        negatives: int = 0,
        guidance: float = 1.0,
        between: Callable[[], None] = nothing,
    ) -> tuple[torch.Tensor | None, torch.Tensor]:
        """Predictions float32: with the negative prompt for the first `negatives` rows, and with the prompt for all."""
        if negatives and cond.negative_text is None:
            raise ModelError("guidance above 1 needs a negative prompt; it may be empty")
        keys = self._text_keys(cond)
        has_regions = self._has_regions(cond)
        sees_text = keys["keys"] is None or bool(control)  # a ControlNet has keys of its own
        inputs: State = {
            "sample": z.to(self._dtype),
            "timesteps": t,
            "text": cond.text if sees_text else None,
            "negative_text": cond.negative_text if sees_text else None,
            **keys,
            "pooled": cond.pooled,
            "negative_pooled": cond.negative_pooled,
            "time_ids": cond.time_ids,
            "masks": self.masks if has_regions else None,
            "ip": cond.ip,
            "negative_ip": cond.negative_ip,
            "guidance": self._guidance_embedding(guidance),
            # A tensor, filled on the device: a float would become a constant of the graph, and a copy would wait.
            "controls": tuple(
                (shown.picture.to(self._dtype), torch.full((), shown.scale, device=self.device)) for shown in control
            ),
        }
        used = tuple(shown.index for shown in control)
        # The strengths of LoRAs and IP-Adapter are not part of the key, because they change the weights in place.
        shapes = tuple(z.shape), cond.text.shape[1], t.dtype, cond.regions is not None and has_regions
        key: Hashable = ("unet", *shapes, negatives, used, cond.negative_text is None, cond.ip is None)
        controlnets = [self.model.controlnets[index] for index in used]
        parts = chain(self.model.unet, controlnets, negatives, is_split=self._is_split, parts=self.model.parts)
        if has_regions:
            parts = with_regions(parts, self.model.regions)
        if self.model.bank is not None and self.consistency:
            return self._banked(key, parts, inputs, negatives, between)
        self._before = None
        beside = self._beside
        call = key, parts
        if beside is not None and not beside.is_ready(key):
            call = ("plain", key), chain(self.model.unet, controlnets, negatives, is_split=self._is_split)
        with torch.no_grad():
            result = self.calls.run(*call, inputs, between)["output"]
            output = result.to(torch.float32, copy=True)  # a copy, because a graph overwrites its result
        if beside is not None:
            beside.begin(key, parts, inputs)  # after the capture of the plain parts, which then are a graph meanwhile
        return (output[:negatives], output[negatives:]) if negatives else (None, output)

    def _has_regions(self, cond: "Cond") -> bool:
        return cond.regions is not None and self.masks is not None and self.model.regions is not None

    def _banked(
        self, key: Hashable, parts: Sequence[Part], inputs: State, negatives: int, between: Callable[[], None]
    ) -> tuple[torch.Tensor | None, torch.Tensor]:
        """`outputs`, with the frame before. The first call of a shape only fills the bank."""
        shape = (negatives, *inputs["sample"].shape)
        before = self._before[1] if self._before is not None and self._before[0] == shape else None
        strength = 0.0 if before is None or self._forgets else self.consistency
        self._forgets = False
        state = inputs | {"before": before, "strength": torch.full((), strength, device=self.device)}
        calls = DirectCalls() if before is None else self.calls
        with torch.no_grad():
            result = calls.run((key, "banked"), with_bank(tuple(parts), self.model.bank), state, between)
            output = result["output"].to(torch.float32, copy=True)
        self._before = shape, result["kept"]
        return (output[:negatives], output[negatives:]) if negatives else (None, output)

    def x0(self, z: torch.Tensor, t: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        """x0 (B, 4, h, w) float32 of a prediction `output` (B, 4, h, w) float32 at `t` (B,) int64."""
        a, b = self._sample_weight[t].view(-1, 1, 1, 1), self._output_weight[t].view(-1, 1, 1, 1)
        return a * z.float() + b * output

    @torch.no_grad()
    def _text_keys(self, cond: "Cond") -> State:
        """`keys` and `negative_keys` of the texts, kept until a text or a LoRA of the UNet changes."""
        weight, loras = self.model.text_weight, self.model.loras
        if weight is None:
            return {"keys": None, "negative_keys": None}
        given = (cond.text, cond.regions if self._has_regions(cond) else None, cond.negative_text)
        texts = [text for text in given if text is not None]
        made_of = (*((id(text), text._version) for text in texts), 0 if loras is None else loras.unet_version)
        if self._keys is None or self._keys[0] != made_of:
            keys = torch.nn.functional.linear(torch.cat(texts), weight)
            count = len(keys) if cond.negative_text is None else len(keys) - 1
            against = None if cond.negative_text is None else keys[-1:].repeat(1, count, 1)
            state: State = {"keys": keys[:count].flatten(0, 1)[None], "negative_keys": against}
            self._keys = (made_of, texts, state)
        return self._keys[2]

    def _guidance_embedding(self, guidance: float) -> torch.Tensor | None:
        size = self.model.time_cond_proj_dim
        if size is None:
            return None
        if self._guidance is None or self._guidance[0] != guidance:
            self._guidance = (guidance, uploaded(guidance_embedding(guidance, size).to(self._dtype), self.device))
        return self._guidance[1]


def guidance_embedding(guidance: float, size: int) -> torch.Tensor:
    """Sinusoidal embedding of 1000 (guidance - 1), (1, size) float32, as in the distillation of these models."""
    half = size // 2
    rates = torch.exp(torch.arange(half) * -(math.log(10000.0) / (half - 1)))
    angles = (guidance - 1.0) * 1000.0 * rates
    return torch.nn.functional.pad(torch.cat((angles.sin(), angles.cos())), (0, size % 2))[None]
