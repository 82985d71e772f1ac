"""Paints pictures with a model and its settings: conditioning, schedule, pixels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from engine.live.sd.control_images import ControlImages
from engine.live.sd.references import ReferencePictures
from engine.live.sd.settings import DiffusionSettings, PromptSettings
from engine.models.sd.edges import resize_to_cover
from engine.models.sd.plan.sampler_choice import FEW_STEPS
from engine.models.sd.prompt_syntax import Note, tag_weights

if TYPE_CHECKING:
    import torch

    from engine.models.graphs import ChainRunner, State
    from engine.models.sd.batch_schedule import BatchSchedule
    from engine.models.sd.conditioner import Conditioning
    from engine.models.sd.model import DiffusionModel
    from engine.models.sd.stream_schedule import StreamSchedule

    MakeCalls = Callable[[torch.device, Callable[[], None], Callable[[], bool]], ChainRunner]

MIN_MAP_PX = 128
SINGLE_FIELDS = ("steps", "strength", "guidance", "guidance_begin", "guidance_end", "seed")
"""The stream settings that a single picture has, too."""
_LISTED = f"{', '.join(FEW_STEPS[:-1])} and {FEW_STEPS[-1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintedPicture:
    pixels: np.ndarray
    """(height, width, 3) uint8; overwritten by the next picture."""
    is_finite: bool
    """False if the output contains NaN or infinity; then the picture must not be shown."""
    time_s: float
    """Time of its source frame."""


class PendingFrame(NamedTuple):
    """A frame whose picture is not finished yet."""

    time_s: float
    """The frame's time on the engine's clock."""
    thumbnail: np.ndarray | None
    """Its `consistency.thumbnail`; None if consistency is off."""


class Painter:
    """Paints pictures with one model. Used on the model's thread only. Caches the graphs of the
    most recent shapes."""

    def __init__(
        self,
        model: "DiffusionModel",
        *,
        note: Note,
        between: Callable[[], None] = lambda: None,
        before_capture: Callable[[], None] = lambda: None,
        idle_s: Callable[[], float] = lambda: 0.0,
        calls: "MakeCalls | None" = None,
    ) -> None:
        """`note(key, text)` receives a line for each setting without effect. `between` is called
        wherever the work can be interrupted; `idle_s()` returns the total seconds spent there.
        `before_capture` is called before the slow work done once for each shape. `calls(device,
        before_capture, may_capture)` runs the parts of the model; default: CUDA graphs
        (`graphs.runner_for`)."""
        from engine.models.device_work import DeviceCopies, StageClock
        from engine.models.graphs import MAX_SMALL_GRAPHS, always_true, runner_for
        from engine.models.sd.accelerators import background_compiler, unet_calls
        from engine.models.sd.conditioner import Conditioner
        from engine.models.sd.consistency import Consistency
        from engine.models.sd.denoiser import Denoiser

        beside = background_compiler(model, lambda line: note("accelerator", line))
        may_capture = always_true if beside is None else beside.may_capture
        captures = before_capture, may_capture
        for_unet = calls(model.device, *captures) if calls else unet_calls(model, *captures)
        for_vae = calls or partial(runner_for, max_small_graphs=MAX_SMALL_GRAPHS)
        self.model = model
        self.clock = StageClock(model.device, idle_s)
        """Durations of the stages encode, unet, decode, upscale and copy in the newest call."""
        self._between = between
        self._note = note
        self._conditioner = Conditioner(model, note=note)
        self._denoiser = Denoiser(model, calls=for_unet, is_split=True, compiler=beside)
        self._lora_faders = LoraFaders(() if model.loras is None else model.loras.names, note)
        self._vae_calls = tuple(for_vae(model.device, *captures) for _ in range(3))
        self._device_copies = DeviceCopies(model.device)
        self._control_images = ControlImages(model, self._device_copies.send, note)
        self._references = ReferencePictures(model, note)
        self._consistency = Consistency(self._device_copies.send)
        self._settings: DiffusionSettings | None = None
        self._schedule: StreamSchedule | BatchSchedule | None = None
        self._ignores_delta = False
        self._is_stream = False
        self.steps = 0
        self.calls = 0
        """Steps of a picture, and calls until it is finished: in a stream each call does one step
        of each picture."""
        self._pending: list[PendingFrame] = []
        """The newest `calls` frames."""
        self._active_notes: list[tuple[str, str]] = []
        self._conditioned: tuple[object, ...] = ()
        self.last: torch.Tensor | None = None
        """The last picture; None: the feedback starts over."""
        self._region_weights: tuple[float, ...] = ()
        """Weight of the prompt in each layer's region; empty without regions."""
        self._consistency_amount = 0.0
        """The value of /sd/consistency in use."""

    def apply(self, settings: DiffusionSettings) -> None:
        """Use these settings from now on. Runs the text encoders if a text has changed. Keeps the
        frames in flight if possible. May be called again after running out of memory."""
        before = self._settings
        if before is None or settings.size != before.size:
            self._resize(*settings.size)
        self._set_lora_weights(settings)
        self._references.apply(settings)
        self._condition(settings)
        self._choose_schedule(settings)
        self._apply_consistency(settings)
        self._control_images.apply(settings.controls, self._pixels)
        self._note_ignored(settings)
        self._settings = settings

    def paint(
        self,
        picture: "np.ndarray | torch.Tensor",
        *,
        segmentation: np.ndarray | None = None,
        second: np.ndarray | None = None,
        regions: np.ndarray | None = None,
        time_s: float = 0.0,
    ) -> PaintedPicture | None:
        """Repaint `picture` (H, W, 3 or 4) uint8 of any size. A stream of S steps returns None for
        the first S - 1 calls. A tensor must be on the model's device. The result of a stream
        belongs to an earlier frame, and has that frame's `time_s`. `segmentation`: picture of the
        masks, (H, W, 3) uint8, or None. `second`: the second picture, like `picture`, or None.
        `regions`: (H, W) uint8, the index 0..3 of each pixel's layer, or None."""
        self.clock.begin()
        ticket = PendingFrame(time_s, self._thumbnail(picture))
        sent = (
            self._device_copies.send("source", picture)
            if isinstance(picture, np.ndarray)
            else picture[None]
        )
        pictures = self._control_images.pictures(
            sent[..., :3], second, self.last, also=self._references.live
        )
        image_names = self._control_images.image_names
        key = (
            "encode",
            *((of, output.shape) for of, output in pictures.items()),
            self._size,
            image_names,
        )
        encoded = self._vae_calls[0].run(key, (partial(self._encode, image_names),), pictures)
        self.clock.end("encode")
        self._between()
        controls = self._control_images.inputs(encoded | self._detect(pictures), segmentation)
        z = self._start_latents(encoded["z"], ticket.thumbnail)
        self._denoiser.masks = self._masks(regions, z)
        latents = self._advance(z, self._conditioning(pictures), controls, between=self._between)
        self._pending = [*self._pending, ticket][-self.calls :]
        self.clock.end("unet")
        if latents is None:
            return None
        ticket = self._pending[0]
        if ticket.thumbnail is not None and self._consistency_amount:
            latents = self._consistency.mix_into_result(
                latents, ticket.thumbnail, self._consistency_amount
            )
        self._between()
        decoded = self._vae_calls[1].run(("decode", self._size), (self._decode,), {"z": latents})
        self.clock.end("decode")
        output = self._upscale(decoded["rgb"])
        pixels, is_finite = self._host_copy.fetch(output[0], decoded["is_finite"][0])
        self.clock.end("copy")
        if can_show := bool(is_finite):
            self.last = decoded["rgb"][
                0
            ].clone()  # copied, because the graph's next result overwrites this one
        else:
            self._forget_last()  # otherwise NaN would stay in the latents from picture to picture
        return PaintedPicture(pixels=pixels, is_finite=can_show, time_s=ticket.time_s)

    def feedback(self, zoom: float, rotate_deg: float) -> "torch.Tensor | None":
        """The last picture zoomed and rotated clockwise, (height, width, 3) uint8; None if there is
        none."""
        from engine.models.sd.pixels import zoom_and_rotate

        return None if self.last is None else zoom_and_rotate(self.last[None], zoom, rotate_deg)[0]

    @property
    def schedule(self) -> "StreamSchedule | BatchSchedule":
        """The schedule for the settings in use."""
        assert self._schedule is not None
        return self._schedule

    @property
    def work(self) -> int:
        """Amount of work in a UNet call: pixels times batch rows; the time of its pieces is
        proportional to it."""
        return self._size[0] * self._size[1] * self.schedule.rows

    @property
    def kind(self) -> tuple[object, ...]:
        """A key that is equal for calls with the same pieces, which take the same times."""
        used = tuple((control.number, control.image_key) for control in self._control_images.used)
        features = self._references.live, len(self._region_weights), self._consistency_amount > 0.0
        return self.work, self.steps, self._is_upscaled, used, features

    def free_memory(self) -> None:
        """Free everything that is only cached for speed: captured graphs, then the allocator's
        cache."""
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
            self.last = self._pixels.resize(self.last[None])[0]

    def _set_lora_weights(self, settings: DiffusionSettings) -> None:
        """Set the weights of the LoRAs. Does nothing if no weight has changed."""
        loras = self.model.loras
        weights = self._lora_faders.weights(settings.lora_weights, settings.prompts)
        if loras is not None:
            loras.set_weights(dict(zip(loras.names, weights, strict=False)))

    def _condition(self, settings: DiffusionSettings) -> None:
        """Run the text and image encoders if their input has changed."""
        prompts = settings.prompts
        loras = self.model.loras
        text_version = loras.text_version if loras is not None else 0
        self._region_weights = prompts.region_weights if prompts.has_regions else ()
        texts = (
            tuple((text, 0.0) for text, _ in prompts.numbered)
            if prompts.has_regions
            else prompts.numbered
        )
        references = [(id(picture), weight) for picture, weight in self._references.still]
        needed = replace(prompts, numbered=texts), settings.size, text_version, references
        if needed == self._conditioned:
            return
        more = {
            "regions": prompts.region_prompts,
            "ip_images": self._references.still,
            "size": settings.size,
        }
        how: dict[str, Any] = {"blend": prompts.blend, "clip_skip": prompts.clip_skip, **more}
        self._cond = self._conditioner.encode(prompts.mixed_prompts, prompts.negative, **how)
        for text in prompts.standby_prompts:
            self._conditioner.prepare(text, prompts.clip_skip)
        self._conditioned = needed

    def _choose_schedule(self, settings: DiffusionSettings) -> None:
        """Choose the schedule for these settings, or update the current one."""
        from engine.models.sd.batch_schedule import BatchSchedule
        from engine.models.sd.coefficients import real_steps
        from engine.models.sd.stream_schedule import StreamSchedule

        old = self._schedule
        sampling = settings.sampling
        self._is_stream = settings.is_stream and self.model.sampler in FEW_STEPS
        if self._is_stream:
            stream = (
                old
                if isinstance(old, StreamSchedule)
                else StreamSchedule(self.model, self._denoiser, sampling)
            )
            stream.change(sampling)
            self._schedule = stream
            self._advance = stream.push
            if old is stream:  # which then has its newest frame several times
                self._pending += self._pending[-1:] * (stream.steps - self.calls)
            self.steps = stream.steps
            self.calls = stream.steps
            self._ignores_delta = stream.ignores_delta
        else:
            own = {name: getattr(sampling, name) for name in SINGLE_FIELDS}
            single = (
                old
                if isinstance(old, BatchSchedule)
                else BatchSchedule(self.model, self._denoiser, **own)
            )
            single = single.with_settings(**own)
            self._schedule = single
            self._advance = single.run
            self.steps = real_steps(sampling.steps, sampling.strength)
            self.calls = 1
            self._ignores_delta = False

    def _note_ignored(self, settings: DiffusionSettings) -> None:
        """Send a note for each setting that no longer has an effect."""
        from engine.models.sd.model import unused_guidance_note, unused_negative_note
        from engine.models.sd.plan.families import clip_skip_note

        model = self.model
        prompts = settings.prompts
        steps = settings.sampling
        notes = [
            ("guidance", "guidance", unused_guidance_note(model, model.sampler, steps.guidance)),
            (
                "negative",
                "negative",
                unused_negative_note(model, model.sampler, steps.guidance, prompts.negative),
            ),
            ("clip_skip", "clip_skip", clip_skip_note(model.family, prompts.clip_skip)),
        ]
        if settings.is_stream and model.sampler not in FEW_STEPS:
            notes.append(
                ("mode", "mode stream", f"works with {_LISTED} models only; using mode single")
            )
        if steps.guidance_begin >= steps.guidance_end:
            notes.append(
                (
                    "guidance",
                    "guidance",
                    "does not act, because guidance_begin is not before guidance_end",
                )
            )
        if self._ignores_delta:
            notes.append(
                ("delta", "delta", "has no effect in the first step, which starts from pure noise")
            )
        if prompts.has_regions and model.regions is None:
            notes.append(("regions", "regions", "has no effect with this model; using /sd/prompt"))
        elif prompts.has_regions and not any(prompts.region_weights):
            notes.append(
                ("regions", "regions", "none of the prompts 1 to 4 has a text and a weight")
            )
        active = [(key, f"/sd/{name}: {why}") for key, name, why in notes if why]
        for each in active:
            if each not in self._active_notes:
                self._note(*each)
        self._active_notes = active

    def _apply_consistency(self, settings: DiffusionSettings) -> None:
        """Set how much of the last picture stays. A stream also uses its features
        (`attention.FrameBank`)."""
        before = self._settings
        if before is not None and (settings.resets, settings.size) != (before.resets, before.size):
            self._forget_last()
        self._consistency_amount = settings.consistency
        if not self._consistency_amount:
            self._consistency.forget()
        self._denoiser.consistency = self._consistency_amount if self._is_stream else 0.0

    def _forget_last(self) -> None:
        self._consistency.forget()
        self._denoiser.forget()

    @property
    def _is_upscaled(self) -> bool:
        return (
            self._settings is not None
            and self._settings.is_enlarged
            and self.model.upscaler is not None
        )

    def _upscale(self, rgb: "torch.Tensor") -> "torch.Tensor":
        """Double the size of the decoded pictures, (F, H, W, 3) uint8, if that is requested."""
        upscaler = self.model.upscaler
        if not self._is_upscaled or upscaler is None:
            return rgb

        def enlarge(state: "State") -> "State":
            return {"rgb": upscaler.enlarge(state["rgb"])}

        self._between()
        rgb = self._vae_calls[2].run(("enlarge", self._size), (enlarge,), {"rgb": rgb})["rgb"]
        self.clock.end("upscale")
        return rgb

    def _thumbnail(self, picture: "np.ndarray | torch.Tensor") -> np.ndarray | None:
        """Thumbnail of a source frame; None if consistency is off."""
        from engine.models.sd.consistency import thumbnail

        return (
            thumbnail(picture, self._size)
            if self._consistency_amount and isinstance(picture, np.ndarray)
            else None
        )

    def _masks(self, regions: np.ndarray | None, z: "torch.Tensor") -> "torch.Tensor | None":
        """Weight of each text at each latent, (1, 1 + R, h, w); None without regions."""
        if not self._region_weights:
            return None
        masks = region_masks(regions, self._region_weights, self._size, (z.shape[3], z.shape[2]))
        return self._device_copies.send("regions", masks[None]).to(self.model.dtype)

    def _start_latents(self, z: "torch.Tensor", thumbnail: np.ndarray | None) -> "torch.Tensor":
        """The start latents of a frame, with the last result mixed in."""
        if thumbnail is None:
            return z
        cuts = self._consistency.cuts
        z = self._consistency.mix_into_start(z, thumbnail, self._consistency_amount)
        if self._consistency.cuts != cuts:
            self._denoiser.forget()
        return z

    def _detect(self, pictures: "State") -> "State":
        """Compute the control images that need a network, each in its own call and stage."""
        found = {}
        for control in self._control_images.detected:
            state = {"rgb": pictures[control.image_source]}
            key = (control.image_kind, control.image_source, state["rgb"].shape, self._size)
            part = partial(self._control_images.detect, control)
            found[control.image_key] = self._vae_calls[0].run(key, (part,), state)["drawn"]
            self.clock.end(control.image_kind)
            self._between()
        return found

    def _conditioning(self, pictures: "State") -> "Conditioning":
        """The conditioning of this call: texts, reference pictures, and the live reference if there
        is one."""
        references = self._references
        if not references.live:
            return self._cond
        state = references.inputs(pictures[references.live])
        key = ("ip_adapter", state["rgb"].shape, self._size)
        part = partial(references.encode_tokens, self._pixels.crop_and_resize)
        tokens = self._vae_calls[0].run(key, (part,), state)["tokens"]
        self.clock.end("ip_adapter")
        self._between()
        return references.with_tokens(self._cond, tokens)

    def _encode(self, image_names: Sequence[str], pictures: "State") -> "State":
        """Encode the source picture to latents `z`, and compute the control images `image_names`.
        Edges are some 120 kernels, so they are captured with the encoder."""
        return {"z": self._pixels.encode(pictures["source"])} | self._control_images.draw(
            image_names, pictures
        )

    def _decode(self, state: "State") -> "State":
        rgb, is_finite = self._pixels.decode(state["z"])
        return {"rgb": rgb, "is_finite": is_finite}


def region_masks(
    regions: np.ndarray | None,
    weights: Sequence[float],
    size: tuple[int, int],
    latents: tuple[int, int],
) -> np.ndarray:
    """Weight at each latent of the plain prompts, then of each region's: (1 + R, h, w) float32.
    `regions`: (H, W) uint8 of any size, cropped like the source to the aspect ratio of `size`;
    None: no region. `latents`: (w, h)."""
    masks = np.zeros((1 + len(weights), latents[1], latents[0]), np.float32)
    if regions is not None:
        # whole pixels of a small map are too coarse to crop
        fine = -(-MIN_MAP_PX // min(regions.shape))
        cut = resize_to_cover(
            regions.repeat(fine, 0).repeat(fine, 1), size, interpolation=cv2.INTER_NEAREST_EXACT
        )
        for index, weight in enumerate(weights):
            inside = (cut == index).astype(np.float32)
            masks[1 + index] = weight * cv2.resize(inside, latents, interpolation=cv2.INTER_AREA)
    masks[0] = 1.0 - masks[1:].sum(axis=0)
    return masks


class LoraFaders:
    """Decides a LoRA's weight: from its fader (`/sd/lora/<n>/weight`) or from its prompt tag
    (`<lora:name:0.8>`).

    The one changed last applies. If both change at once, as when a preset is loaded, the tag
    applies; without a tag the fader. In a blend of prompts the weights are mixed, and a prompt
    without a tag uses the fader's weight."""

    def __init__(self, names: Sequence[str], note: Note) -> None:
        """`names`: those of the model's LoRAs. `note(key, line)` receives a line for each tag that
        matches none."""
        self._names = tuple(names)
        self._note = note
        self._parsed: tuple[tuple[str, ...], bool] = ((), False)
        self._tags: tuple[dict[int, float], ...] = ()
        self._faders: tuple[float, ...] = ()
        self._fader_driven: set[int] = set()

    def weights(self, faders: tuple[float, ...], prompts: PromptSettings) -> tuple[float, ...]:
        """The weight of each LoRA, in the order of `faders`."""
        before = self._tags
        self._tags = self._parse_tags(prompts)
        for index, fader in enumerate(faders):
            if before and any(
                now.get(index) != old.get(index)
                for now, old in zip(self._tags, before, strict=False)
            ):
                self._fader_driven.discard(index)
            elif self._faders and fader != self._faders[index]:
                self._fader_driven.add(index)
        self._faders = faders
        return tuple(
            self._weight(index, fader, prompts.mix_weights) for index, fader in enumerate(faders)
        )

    def _weight(self, index: int, fader: float, mix_weights: Sequence[float]) -> float:
        if index in self._fader_driven:
            return fader
        return fader + sum(
            weight * (tags.get(index, fader) - fader)
            for tags, weight in zip(self._tags, mix_weights, strict=True)
        )

    def _parse_tags(self, prompts: PromptSettings) -> tuple[dict[int, float], ...]:
        read_of = (prompts.texts, prompts.has_regions)
        if read_of == self._parsed:
            return self._tags
        self._parsed = read_of
        tags = tuple(tag_weights(prompt, self._names, self._note) for prompt in prompts.texts)
        if prompts.has_regions and any(tags[2:]):
            whole = "a LoRA is for the whole picture, not for a region"
            self._note("lora", f"{whole}: set /sd/lora/1/weight, or name it in /sd/prompt")
        return tags
