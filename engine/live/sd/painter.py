"""Paints pictures with a model and its settings: conditioning, schedule, pixels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from engine.live.sd.control_images import ControlImages
from engine.live.sd.references import References
from engine.live.sd.settings import DiffusionSettings, Words
from engine.models.sd.edges import covering
from engine.models.sd.plan.sampler_choice import FEW_STEPS
from engine.models.sd.prompt_syntax import Note, tagged_weights

if TYPE_CHECKING:
    import torch

    from engine.models.graphs import Calls, State
    from engine.models.sd.batch_schedule import BatchSchedule
    from engine.models.sd.conditioner import Cond
    from engine.models.sd.model import DiffusionModel
    from engine.models.sd.stream_schedule import StreamSchedule

MIN_MAP_PX = 128
OF_SINGLE = ("steps", "strength", "guidance", "guidance_begin", "guidance_end", "seed")
"""The settings of a stream that a picture by itself has, too."""
_LISTED = f"{', '.join(FEW_STEPS[:-1])} and {FEW_STEPS[-1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintedPicture:
    pixels: np.ndarray
    """(height, width, 3) uint8; overwritten by the next picture."""
    is_finite: bool
    """False if the output contains NaN or infinity; then the picture must not be shown."""
    time_s: float
    """Time of its source frame."""


class Ticket(NamedTuple):
    """Goes in with a frame, and comes out with its picture."""

    time_s: float
    """The frame's time on the engine's clock."""
    seen: np.ndarray | None
    """Its `consistency.thumbnail`, if that is needed."""


class Painter:
    """Used on the model's thread only. Caches captured graphs for the most recent shapes."""

    def __init__(
        self,
        model: "DiffusionModel",
        *,
        note: Note,
        between: Callable[[], None] = lambda: None,
        before_capture: Callable[[], None] = lambda: None,
        idle_s: Callable[[], float] = lambda: 0.0,
        calls: "Callable[[torch.device, Callable[[], None], Callable[[], bool]], Calls] | None" = None,
    ) -> None:
        """`note(key, text)` receives a line for each setting that cannot be followed. `between` is called wherever the
        work can be interrupted; `idle_s()` returns the total seconds spent there. `before_capture` is called before the
        slow work done once for each shape. `calls(device, before_capture, may_capture)` runs the parts of the model;
        default: CUDA graphs (`graphs.calls_for`)."""
        from engine.models.device_work import DeviceCopies, StageClock
        from engine.models.graphs import SMALL_KEPT, always, calls_for
        from engine.models.sd.accelerators import compiling_beside, unet_calls
        from engine.models.sd.conditioner import Conditioner
        from engine.models.sd.consistency import Consistency
        from engine.models.sd.denoiser import Denoiser

        beside = compiling_beside(model, lambda line: note("accelerator", line))
        may_capture = always if beside is None else beside.may_capture
        captures = before_capture, may_capture
        for_unet = calls(model.device, *captures) if calls else unet_calls(model, *captures)
        for_vae = calls or partial(calls_for, small_kept=SMALL_KEPT)
        self.model = model
        self.clock = StageClock(model.device, idle_s)
        """Durations of the stages encode, unet, decode, upscale and copy in the newest call."""
        self._between, self._note = between, note
        self._conditioner = Conditioner(model, note=note)
        self._denoiser = Denoiser(model, calls=for_unet, is_split=True, beside=beside)
        self._lora_faders = LoraFaders(() if model.loras is None else model.loras.names, note)
        self._vae_calls = tuple(for_vae(model.device, *captures) for _ in range(3))
        self._device_copies = DeviceCopies(model.device)
        self._control_images = ControlImages(model, self._device_copies.send, note)
        self._references = References(model, note)
        self._consistency = Consistency(self._device_copies.send)
        self._settings: DiffusionSettings | None = None
        self._schedule: StreamSchedule | BatchSchedule | None = None
        self._ignores_delta = self._is_stream = False
        self.steps = self.calls = 0
        """Steps of a picture, and calls from its frame to it: in a stream each does one step of each picture."""
        self._tickets: list[Ticket] = []
        """Those of the newest `calls` frames."""
        self._told: list[tuple[str, str]] = []
        self._conditioned: tuple[object, ...] = ()
        self.last: torch.Tensor | None = None
        """The last picture; None: the feedback starts over."""
        self._region_weights: tuple[float, ...] = ()
        """How much of each layer's region its prompt has; empty without regions."""
        self._amount = 0.0
        """/sd/consistency in use."""

    def take(self, settings: DiffusionSettings) -> None:
        """Use these settings from now on. Runs the text encoders if a text has changed. Keeps the frames in flight if
        possible. May be called again after running out of memory."""
        before = self._settings
        if before is None or settings.size != before.size:
            self._resize(*settings.size)
        self._set_lora_weights(settings)
        self._references.take(settings)
        self._condition(settings)
        self._choose_schedule(settings)
        self._keep(settings)
        self._control_images.take(settings.controls, self._pixels)
        self._tell(settings)
        self._settings = settings

    def paint(
        self,
        picture: "np.ndarray | torch.Tensor",
        *,
        found: np.ndarray | None = None,
        second: np.ndarray | None = None,
        regions: np.ndarray | None = None,
        time_s: float = 0.0,
    ) -> PaintedPicture | None:
        """Repaint `picture` (H, W, 3 or 4) uint8 of any size. A stream of S steps returns None for the first S - 1
        calls. A tensor must be on the model's device. The result of a stream belongs to an earlier frame, and has that
        frame's `time_s`. `found`: the control image of the masks, (H, W, 3) uint8, or None. `second`: the second
        picture, like `picture`, or None. `regions`: (H, W) uint8, the index 0..3 of each pixel's layer, or None."""
        self.clock.begin()
        ticket = Ticket(time_s, self._seen(picture))
        sent = self._device_copies.send("source", picture) if isinstance(picture, np.ndarray) else picture[None]
        rgb = sent[..., :3]
        pictures = self._control_images.pictures(rgb, second, self.last, also=self._references.live)
        drawn = self._control_images.drawn
        key = ("encode", *((of, shown.shape) for of, shown in pictures.items()), self._size, drawn)
        encoded = self._vae_calls[0].run(key, (partial(self._encode, drawn),), pictures)
        self.clock.end("encode")
        self._between()
        controls = self._control_images.inputs(encoded | self._detected(pictures), found)
        z = self._begun(encoded["z"], ticket.seen)
        self._denoiser.masks = self._masks(regions, z)
        latents = self._advance(z, self._conditioning(pictures), controls, between=self._between)
        self._tickets = [*self._tickets, ticket][-self.calls :]
        self.clock.end("unet")
        if latents is None:
            return None
        ticket = self._tickets[0]
        if ticket.seen is not None and self._amount:
            latents = self._consistency.into_result(latents, ticket.seen, self._amount)
        self._between()
        decoded = self._vae_calls[1].run(("decode", self._size), (self._decode,), {"z": latents})
        self.clock.end("decode")
        shown = self._enlarged(decoded["rgb"])
        pixels, is_finite = self._host_copy.fetch(shown[0], decoded["is_finite"][0])
        self.clock.end("copy")
        if is_shown := bool(is_finite):
            self.last = decoded["rgb"][0].clone()  # copied, because the graph's next result overwrites this one
        else:
            self._begin_anew()  # or nothing that is not finite would ever leave what is kept
        return PaintedPicture(pixels=pixels, is_finite=is_shown, time_s=ticket.time_s)

    def feedback(self, zoom: float, rotate_deg: float) -> "torch.Tensor | None":
        """The last picture zoomed and rotated clockwise, (height, width, 3) uint8; None if there is none."""
        from engine.models.sd.pixels import moved

        return None if self.last is None else moved(self.last[None], zoom, rotate_deg)[0]

    @property
    def schedule(self) -> "StreamSchedule | BatchSchedule":
        """That of the settings in use."""
        assert self._schedule is not None
        return self._schedule

    @property
    def work(self) -> int:
        """Pixels times batch rows of a UNet call; the duration of its pieces is proportional to this."""
        return self._size[0] * self._size[1] * self.schedule.rows

    @property
    def kind(self) -> tuple[object, ...]:
        """Equal for calls that have the same pieces, which take the same times."""
        used = tuple((control.number, control.image) for control in self._control_images.used)
        kept = self._references.live, len(self._region_weights), self._amount > 0.0
        return self.work, self.steps, self._is_enlarged, used, kept

    def free_memory(self) -> None:
        """Free everything that is only cached for speed: captured graphs, then the allocator's cache."""
        from engine.models.device_work import free_memory

        self._denoiser.drop()
        for calls in self._vae_calls:
            calls.drop()
        free_memory(self.model.device)

    # -- settings

    def _resize(self, width: int, height: int) -> None:
        from engine.models.device_work import HostBuffers
        from engine.models.sd.pixels import Pixels

        self._size = width, height
        self._pixels = Pixels(self.model, width, height)
        self._host_copy = HostBuffers(self.model.device)
        if self.last is not None:
            self.last = self._pixels.resized(self.last[None])[0]

    def _set_lora_weights(self, settings: DiffusionSettings) -> None:
        """Set the weights of the LoRAs. Does nothing if no weight has changed."""
        loras = self.model.loras
        weights = self._lora_faders.weights(settings.lora_weights, settings.words)
        if loras is not None:
            loras.set_weights(dict(zip(loras.names, weights, strict=False)))

    def _condition(self, settings: DiffusionSettings) -> None:
        """Run the text and image encoders if their input has changed."""
        words, loras = settings.words, self.model.loras
        text_version = loras.text_version if loras is not None else 0
        self._region_weights = words.region_weights if words.has_regions else ()
        texts = tuple((text, 0.0) for text, _ in words.numbered) if words.has_regions else words.numbered
        shown = [(id(picture), weight) for picture, weight in self._references.still]
        needed = replace(words, numbered=texts), settings.size, text_version, shown
        if needed == self._conditioned:
            return
        more = {"regions": words.of_regions, "ip_images": self._references.still, "size": settings.size}
        how: dict[str, Any] = {"blend": words.blend, "clip_skip": words.clip_skip, **more}
        self._cond = self._conditioner.encode(words.blended, words.negative, **how)
        for text in words.in_wait:
            self._conditioner.prepare(text, words.clip_skip)
        self._conditioned = needed

    def _choose_schedule(self, settings: DiffusionSettings) -> None:
        """Choose the schedule for these settings, or update the current one."""
        from engine.models.sd.batch_schedule import BatchSchedule
        from engine.models.sd.coefficients import real_steps
        from engine.models.sd.stream_schedule import StreamSchedule

        before, asked = self._schedule, settings.steps
        self._is_stream = settings.is_stream and self.model.sampler in FEW_STEPS
        if self._is_stream:
            stream = before if isinstance(before, StreamSchedule) else StreamSchedule(self.model, self._denoiser, asked)
            stream.change(asked)
            self._schedule, self._advance = stream, stream.push
            self.steps, self.calls, self._ignores_delta = stream.steps, stream.steps, stream.ignores_delta
        else:
            own = {name: getattr(asked, name) for name in OF_SINGLE}
            single = before if isinstance(before, BatchSchedule) else BatchSchedule(self.model, self._denoiser, **own)
            single = single.changed(**own)
            self._schedule, self._advance = single, single.run
            self.steps, self.calls, self._ignores_delta = real_steps(asked.steps, asked.strength), 1, False

    def _tell(self, settings: DiffusionSettings) -> None:
        """Send a note for each setting that has begun to be without effect."""
        from engine.models.sd.model import dropped_negative, unguided
        from engine.models.sd.plan.families import clip_skip_note

        model, words, steps = self.model, settings.words, settings.steps
        notes = [
            ("guidance", "guidance", unguided(model, model.sampler, steps.guidance)),
            ("negative", "negative", dropped_negative(model, model.sampler, steps.guidance, words.negative)),
            ("clip_skip", "clip_skip", clip_skip_note(model.family, words.clip_skip)),
        ]
        if settings.is_stream and model.sampler not in FEW_STEPS:
            notes.append(("mode", "mode stream", f"works with {_LISTED} models only; using mode single"))
        if steps.guidance_begin >= steps.guidance_end:
            notes.append(("guidance", "guidance", "does not act, because guidance_begin is not before guidance_end"))
        if self._ignores_delta:
            notes.append(("delta", "delta", "has no effect in the first step, which starts from pure noise"))
        if words.has_regions and model.regions is None:
            unused = "has no effect with this model, or with an accelerator; using /sd/prompt"
            notes.append(("regions", "regions", unused))
        elif words.has_regions and not any(words.region_weights):
            notes.append(("regions", "regions", "none of the prompts 1 to 4 has a text and a weight"))
        told = [(key, f"/sd/{name}: {why}") for key, name, why in notes if why]
        for each in told:
            if each not in self._told:
                self._note(*each)
        self._told = told

    def _keep(self, settings: DiffusionSettings) -> None:
        """How much of the last picture stays. A stream sees its features, too: its rows are steps of a picture each."""
        before = self._settings
        if before is not None and (settings.resets, settings.size) != (before.resets, before.size):
            self._begin_anew()
        self._amount = settings.consistency
        if not self._amount:
            self._consistency.forget()
        self._denoiser.consistency = self._amount if self._is_stream else 0.0

    def _begin_anew(self) -> None:
        self._consistency.forget()
        self._denoiser.forget()

    @property
    def _is_enlarged(self) -> bool:
        return self._settings is not None and self._settings.is_enlarged and self.model.upscaler is not None

    def _enlarged(self, rgb: "torch.Tensor") -> "torch.Tensor":
        """The decoded pictures, (F, H, W, 3) uint8, or at twice their size if that is asked for."""
        upscaler = self.model.upscaler
        if not self._is_enlarged or upscaler is None:
            return rgb

        def enlarge(state: "State") -> "State":
            return {"rgb": upscaler.enlarged(state["rgb"])}

        self._between()
        rgb = self._vae_calls[2].run(("enlarge", self._size), (enlarge,), {"rgb": rgb})["rgb"]
        self.clock.end("upscale")
        return rgb

    def _seen(self, picture: "np.ndarray | torch.Tensor") -> np.ndarray | None:
        """The thumbnail of a source frame, if the last picture stays in the next one."""
        from engine.models.sd.consistency import thumbnail

        return thumbnail(picture, self._size) if self._amount and isinstance(picture, np.ndarray) else None

    def _masks(self, regions: np.ndarray | None, z: "torch.Tensor") -> "torch.Tensor | None":
        """The shares of the texts at each latent, (1, 1 + R, h, w); without a map all is the plain prompts'."""
        if not self._region_weights:
            return None
        shares = region_shares(regions, self._region_weights, self._size, (z.shape[3], z.shape[2]))
        return self._device_copies.send("regions", shares[None]).to(self.model.dtype)

    def _begun(self, z: "torch.Tensor", seen: np.ndarray | None) -> "torch.Tensor":
        """The latents that a frame begins with."""
        if seen is None:
            return z
        cuts = self._consistency.cuts
        z = self._consistency.into_start(z, seen, self._amount)
        if self._consistency.cuts != cuts:
            self._denoiser.forget()
        return z

    def _detected(self, pictures: "State") -> "State":
        """The control images that a network draws, each in a call and a stage of its own."""
        found = {}
        for control in self._control_images.detected:
            shown = {"rgb": pictures[control.of]}
            key = (control.sees, control.of, shown["rgb"].shape, self._size)
            part = partial(self._control_images.detect, control)
            found[control.image] = self._vae_calls[0].run(key, (part,), shown)["drawn"]
            self.clock.end(control.sees)
            self._between()
        return found

    def _conditioning(self, pictures: "State") -> "Cond":
        """The texts and reference pictures, with the one that moves, if there is one."""
        references = self._references
        if not references.live:
            return self._cond
        shown = references.inputs(pictures[references.live])
        key = ("ip_adapter", shown["rgb"].shape, self._size)
        tokens = self._vae_calls[0].run(key, (partial(references.encoded, self._pixels.fitted),), shown)["tokens"]
        self.clock.end("ip_adapter")
        self._between()
        return references.conditioned(self._cond, tokens)

    def _encode(self, drawn: Sequence[str], pictures: "State") -> "State":
        """The latents `z` of the source picture, and the control images `drawn`. Edges are some 120 kernels, so they
        are captured with the encoder."""
        return {"z": self._pixels.encode(pictures["source"])} | self._control_images.draw(drawn, pictures)

    def _decode(self, state: "State") -> "State":
        rgb, is_finite = self._pixels.decode(state["z"])
        return {"rgb": rgb, "is_finite": is_finite}


def region_shares(
    regions: np.ndarray | None, weights: Sequence[float], size: tuple[int, int], latents: tuple[int, int]
) -> np.ndarray:
    """(1 + R, h, w) float32: the share of the plain prompts at each latent, and of each region's. `regions`: (H, W)
    uint8 of any size, cropped like the source to the aspect ratio of `size`; None: no region. `latents`: (w, h)."""
    shares = np.zeros((1 + len(weights), latents[1], latents[0]), np.float32)
    if regions is not None:
        fine = -(-MIN_MAP_PX // min(regions.shape))  # of a small map, whole pixels would be too much to crop
        cut = covering(regions.repeat(fine, 0).repeat(fine, 1), size, interpolation=cv2.INTER_NEAREST_EXACT)
        for place, weight in enumerate(weights):
            inside = (cut == place).astype(np.float32)
            shares[1 + place] = weight * cv2.resize(inside, latents, interpolation=cv2.INTER_AREA)
    shares[0] = 1.0 - shares[1:].sum(axis=0)
    return shares


class LoraFaders:
    """Decides a LoRA's weight: from its fader (`/sd/lora/<n>/weight`) or from its prompt tag (`<lora:name:0.8>`).

    The one changed last applies; of both at once, as when a preset is loaded, the tag; without a tag the fader. In a
    blend of prompts the weights are mixed too, and a prompt without a tag uses the fader's weight."""

    def __init__(self, names: Sequence[str], note: Note) -> None:
        """`names`: of the model's LoRAs. `note(key, line)` receives a line for each tag that matches none of them."""
        self._names, self._note = tuple(names), note
        self._read_of: tuple[tuple[str, ...], bool] = ((), False)
        self._tags: tuple[dict[int, float], ...] = ()
        self._faders: tuple[float, ...] = ()
        self._taken_over: set[int] = set()

    def weights(self, faders: tuple[float, ...], words: Words) -> tuple[float, ...]:
        """The weight of each LoRA, in the order of `faders`."""
        before, self._tags = self._tags, self._read(words)
        for place, fader in enumerate(faders):
            if before and any(now.get(place) != old.get(place) for now, old in zip(self._tags, before, strict=False)):
                self._taken_over.discard(place)
            elif self._faders and fader != self._faders[place]:
                self._taken_over.add(place)
        self._faders = faders
        return tuple(self._weight(place, fader, words.shares) for place, fader in enumerate(faders))

    def _weight(self, place: int, fader: float, shares: Sequence[float]) -> float:
        if place in self._taken_over:
            return fader
        return fader + sum(
            share * (tags.get(place, fader) - fader) for tags, share in zip(self._tags, shares, strict=True)
        )

    def _read(self, words: Words) -> tuple[dict[int, float], ...]:
        if (read_of := (words.prompts, words.has_regions)) == self._read_of:
            return self._tags
        self._read_of = read_of
        tags = tuple(tagged_weights(prompt, self._names, self._note) for prompt in words.prompts)
        if words.has_regions and any(tags[2:]):
            whole = "a LoRA is for the whole picture, not for a region"
            self._note("lora", f"{whole}: set /sd/lora/1/weight, or name it in /sd/prompt")
        return tags
