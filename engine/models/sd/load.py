"""Loads a DiffusionModel onto its device from the names in a ModelSpec."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from engine.errors import ModelError
from engine.models import device_work
from engine.models.card_memory import reserve_memory
from engine.models.device_work import dtype_named, in_fastest_layout
from engine.models.pretrained import load_network, load_tokenizer, one_line, silence_libs
from engine.models.sd import file_weights
from engine.models.sd.accelerators import accelerate, chosen_accelerator, require_accelerator
from engine.models.sd.coefficients import noise_table
from engine.models.sd.control_nets import T2IAdapterNet, with_views
from engine.models.sd.model import DiffusionModel
from engine.models.sd.plan.detector_file import DetectorFiles
from engine.models.sd.plan.model_folder import DiffusersFolder
from engine.models.sd.plan.model_plan import ModelPlan, plan_model
from engine.models.sd.plan.single_file import TEXT_CLASSES
from engine.models.sd.plan.vae_choice import FULL, VaeChoice
from engine.models.sd.shapes import build
from engine.models.sd.spec import ModelSpec
from engine.models.sd.tiny_vae import fuse_blocks

log = logging.getLogger(__name__)


def load(
    spec: ModelSpec, device: str, dtype: str, *, plan: ModelPlan | None = None, is_job: bool = False
) -> DiffusionModel:
    """Load the model onto `device` (cpu, cuda, cuda:1, mps), its weights in `dtype` (a name for
    `dtype_named`).

    `plan`: the result of `plan_model(spec)`, if the caller has one: then only the weights of the
    folder are opened. `is_job`: all steps of a picture run before those of the next.

    Nothing is downloaded. Weights are read from safetensors files, or from pickles with
    `weights_only` and a note. ModelError in one line names what is missing and how to get it;
    `torch.OutOfMemoryError` passes through."""
    torch_dtype = dtype_named(dtype)
    require_accelerator(spec, torch.device(device), is_job=is_job)  # before anything slow
    if spec.random_shape:
        model = _build_random(spec, device, torch_dtype)
    else:
        model = _load_planned(plan or plan_model(spec), device, torch_dtype)
    model.spec = replace(
        model.spec, accelerator=chosen_accelerator(spec, torch.device(device), is_job=is_job)
    )
    accelerate(model)
    return model


def _load_planned(plan: ModelPlan, device: str, dtype: torch.dtype) -> DiffusionModel:
    silence_libs("diffusers", "transformers")
    plan.require_complete()
    with reserve_memory(device, lambda: weight_bytes(plan, dtype), plan.spec.model):
        return _Loader(plan, torch.device(device), dtype).model()


def trials(plan: ModelPlan) -> Iterator[Callable[[], Any]]:
    """Functions that load one network of the model each, on the CPU, for `tensor_problems`."""
    loader = _Loader(plan, torch.device("cpu"), torch.float32)
    folder = plan.folder
    vae = plan.vae
    if folder is not None and vae is not None:
        yield from (
            lambda: loader.vae(folder, vae),
            lambda: loader.text_encoders(folder),
            lambda: loader.unet(folder),
        )
    yield from (
        partial(file_weights.load_controlnet, net, loader.dtype) for net in plan.controlnets
    )
    yield from (partial(loader.detector, each) for each in plan.detectors)


def weight_bytes(plan: ModelPlan, dtype: torch.dtype) -> int:
    """Bytes of the weights that `load` puts onto the device; LoRAs are added to the others."""
    return (
        sum(part.parameters for part in plan.parts if not part.name.startswith("lora "))
        * dtype.itemsize
    )


def _build_random(spec: ModelSpec, device: str, dtype: torch.dtype) -> DiffusionModel:
    if spec != ModelSpec(model=spec.model, accelerator=spec.accelerator):
        raise ModelError(
            f"{spec.model}: random weights: no LoRA, ControlNet, depth, pose, IP-Adapter, VAE, "
            "sampler, embedding, "
            "upscaler or clip skip"
        )
    return build(spec.random_shape, device, dtype)


def latent_scale(
    config: Any, device: torch.device
) -> tuple[float | torch.Tensor, float | torch.Tensor]:
    """Factor and shift of a VAE's latents: scaled = (latents - shift) * factor. With `latents_mean`
    and `latents_std` (Playground 2.5's) one for each channel, (1, 4, 1, 1) float32 on the device,
    as in diffusers' SDXL pipelines."""
    mean = config.get("latents_mean")
    std = config.get("latents_std")
    if mean is None or std is None:
        return config.scaling_factor, config.get("shift_factor") or 0.0
    shift, spread = (
        torch.tensor(each, dtype=torch.float32, device=device).view(1, -1, 1, 1)
        for each in (mean, std)
    )
    return config.scaling_factor / spread, shift


class _Loader:
    def __init__(self, plan: ModelPlan, device: torch.device, dtype: torch.dtype) -> None:
        """`plan` must be complete."""
        self.plan = plan
        self.spec = plan.spec
        self.device = device
        self.dtype = dtype

    def model(self) -> DiffusionModel:
        import diffusers

        plan = self.plan
        folder = self.plan.folder
        sampler = self.plan.sampler
        if folder is None or plan.vae is None:
            raise ModelError(f"{self.spec.model}: is not complete")
        vae = self.vae(folder, plan.vae)
        encoders = self.text_encoders(folder)
        unet = self.unet(folder)  # last, so that a broken small part is reported before
        kind = plan.scheduler["_class_name"]
        with one_line(f"{folder.name}/scheduler"):
            schedule = dict(getattr(diffusers, kind).from_config(plan.scheduler).config) | {
                "_class_name": kind
            }
            table = noise_table(schedule)
        scaling, shift = latent_scale(vae.config, self.device)
        texts = [part for part in folder.parts if part.startswith("tokenizer")]
        model = DiffusionModel(
            spec=self.spec,
            device=self.device,
            dtype=self.dtype,
            family=folder.family,
            unet=self._to_device(unet),
            vae=fuse_blocks(self._to_device(vae, vae.dtype), self.device),
            is_tiny_vae=isinstance(vae, diffusers.AutoencoderTiny),  # pyright: ignore[reportPrivateImportUsage]
            text_encoders=tuple(self._to_device(encoder) for encoder in encoders),
            tokenizers=tuple(
                load_tokenizer(f"{folder.name}/{part}", folder.tokenizer(part)) for part in texts
            ),
            scheduler_config=schedule,
            prediction_type=plan.prediction.value,
            prediction_reason=plan.prediction.reason,
            scaling_factor=scaling,
            shift_factor=shift,
            alphas_cumprod=table,
            sampler=sampler.value,
            sampler_reason=sampler.reason,
            eta=sampler.eta,
            takes_guidance=sampler.takes_guidance,
            time_cond_proj_dim=unet.config.time_cond_proj_dim,
            zeroes_empty_negative=folder.zeroes_empty_negative,
            notes=plan.notes,
        )
        self._add_extras(model)
        for note in model.notes:
            log.info("%s: %s", self.spec.model, note)
        return model

    def _add_extras(self, model: DiffusionModel) -> None:
        from engine.models.sd.attention import install_attention

        if self.plan.loras:
            from engine.models.sd.lora import LoraSet

            model.loras = LoraSet(
                self.plan.loras,
                model=self.spec.model,
                unet=model.unet,
                text_encoders=model.text_encoders,
            )
        if self.plan.embeddings:
            from engine.models.sd.textual_inversion import load_embeddings

            files = self.plan.embeddings
            model.embeddings = tuple(
                each for file in files for each in load_embeddings(file, self.device, self.dtype)
            )
        if self.plan.controlnets:
            nets = (
                file_weights.load_controlnet(files, self.dtype) for files in self.plan.controlnets
            )
            model.controlnets = tuple(map(self._to_device, nets))
        for each in self.plan.detectors:
            from engine.models.sd.control_images import DepthMaps, Skeletons

            network = self._to_device(self.detector(each))
            model.detectors[each.part] = (DepthMaps if each.part == "depth" else Skeletons)(network)
        if self.plan.upscaler:
            from engine.models.sd.upscaler import load_upscaler

            model.upscaler = self._to_device(load_upscaler(self.plan.upscaler))
        if self.plan.ip_adapter:
            from engine.models.sd.ip_adapter import IpAdapter

            model.ip_adapter = IpAdapter(model.unet, self.plan.ip_adapter, self.device, self.dtype)
        model.text_weight = install_attention(model.unet)
        for net in model.controlnets:
            if not isinstance(net, T2IAdapterNet):  # which has no attention
                install_attention(net)
        controlnets, union_views = with_views(model.controlnets)
        model.controlnets = controlnets
        model.union_views = union_views

    # -- the networks, on the CPU

    def unet(self, folder: DiffusersFolder) -> Any:
        file = self.plan.unet or self.plan.single
        with one_line(f"{folder.name}/unet" if file is None else str(file.path)):
            return file_weights.read_unet(file, folder, self.dtype)

    def text_encoders(self, folder: DiffusersFolder) -> tuple[Any, ...]:
        if self.plan.single is None:
            return tuple(
                load_network(
                    TEXT_CLASSES[part],
                    file_weights.weights_for(folder.path / part, self.dtype),
                    folder.config(f"{part}/config.json"),
                    self.dtype,
                    f"{folder.name}/{part}",
                )
                for part in folder.parts
                if part in TEXT_CLASSES
            )
        with one_line(str(self.plan.single.path)):
            return file_weights.read_text_encoders(self.plan.single, folder, self.dtype)

    def detector(self, files: DetectorFiles) -> Any:
        from engine.models.sd.control_images import JOINTS

        weights = file_weights.weights_for(files.weights.files[0].parent, self.dtype)
        return load_network(
            files.kind,
            weights,
            files.config,
            self.dtype,
            files.name,
            changes={"num_labels": JOINTS},
        )

    def vae(self, folder: DiffusersFolder, choice: VaeChoice) -> Any:
        # The full VAE of SDXL overflows in float16; its configuration requires float32, that of a
        # fixed VAE does not.
        overflows = folder.family == "sdxl" and choice.wants_float32
        overflows |= choice.kind == FULL and self.device.type in device_work.HALF_PRODUCTS
        dtype = torch.float32 if overflows and self.dtype == torch.float16 else self.dtype
        if choice.weights is not None or self.plan.single is None:
            return file_weights.load_vae(choice, dtype)
        with one_line(str(self.plan.single.path)):
            return file_weights.read_vae(self.plan.single, folder, dtype)

    def _to_device(self, module: Any, dtype: torch.dtype | None = None) -> Any:
        """Move to the device, without gradients, in the fastest memory layout for convolutions."""
        module.requires_grad_(False).eval().to(self.device, dtype or self.dtype)
        return in_fastest_layout(module, self.device)
