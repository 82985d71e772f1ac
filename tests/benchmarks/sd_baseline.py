"""The baseline for benchmarks: diffusers' pipelines with the same modules."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image

from engine.models.device_work import device_wait, free_memory
from engine.models.sd.model import DiffusionModel
from engine.models.sd.plan.ip_adapter_file import ADAPTERS, ENCODER, examine_ip_adapter
from engine.models.sd.shapes import SHAPES, build, build_pipeline
from tests.benchmarks.device_measuring import MeasuredDevice

SMALL_DEPTH: dict[str, Any] = {
    "backbone_config": {
        "model_type": "dinov2",
        "hidden_size": 16,
        "num_attention_heads": 2,
        "num_hidden_layers": 4,
    }
    | {
        "image_size": 70,
        "patch_size": 14,
        "reshape_hidden_states": False,
        "out_indices": [1, 2, 3, 4],
    },
    "reassemble_hidden_size": 16,
    "neck_hidden_sizes": [4, 8, 12, 16],
    "fusion_hidden_size": 8,
}
SMALL_POSE: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "out_indices": [2],
}
LARGE_VISION: dict[str, Any] = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
}
LARGE_VISION |= {"num_attention_heads": 16, "patch_size": 14, "projection_dim": 1024}
SMALL_VISION: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2}
SMALL_VISION |= {"num_attention_heads": 4, "image_size": 32, "patch_size": 8, "projection_dim": 32}
"""Image encoders: ViT-H, that of the published IP-Adapters; a small one for a CPU."""
IMAGE_TOKENS = 4

Call = Callable[[], object]


class DiffusersBaseline:
    """A model with random weights, and diffusers' pipeline with its modules, without guidance."""

    def __init__(self, shape: str, measured: MeasuredDevice, prompt: str) -> None:
        self.model: DiffusionModel = build(shape, measured.device, measured.dtype)
        self.wait = device_wait(self.model.device)
        self.pipeline = build_pipeline(self.model, shape)
        self._prompt = prompt

    def call(self, picture: np.ndarray, steps: int) -> Call:
        """A call as users write it: text and PIL picture in, PIL picture out."""
        image = Image.fromarray(picture)
        return lambda: self.pipeline(self._prompt, image=image, **self._options(steps)).images

    def tensors(self, picture: np.ndarray, steps: int) -> Call:
        """A call with prepared inputs: embeddings and tensor in, tensor out."""
        model = self.model
        with torch.no_grad():
            encoded = self.pipeline.encode_prompt(
                self._prompt,
                device=model.device,
                num_images_per_prompt=1,
                do_classifier_free_guidance=False,
            )
        names = (
            "prompt_embeds",
            "negative_prompt_embeds",
            "pooled_prompt_embeds",
            "negative_pooled_prompt_embeds",
        )
        embeds = dict(zip(names, encoded, strict=False))  # two for SD, four for SDXL
        image = (
            torch.from_numpy(picture).permute(2, 0, 1)[None].to(model.device, model.dtype) / 255.0
        )
        options = embeds | self._options(steps) | {"output_type": "pt"}
        return lambda: self.pipeline(image=image, **options).images

    def add_controls(self) -> None:
        """Give the model a ControlNet, and networks for depth and pose, with random weights: those
        of Depth Anything small and ViTPose base, on a CPU small ones, because they would take
        seconds."""
        from diffusers import ControlNetModel  # pyright: ignore[reportPrivateImportUsage]
        from transformers import (
            DepthAnythingConfig,
            DepthAnythingForDepthEstimation,
            VitPoseBackboneConfig,
            VitPoseConfig,
            VitPoseForPoseEstimation,
        )

        from engine.models.sd.attention import install_attention
        from engine.models.sd.control_images import DepthMaps, Skeletons

        model = self.model
        is_small = model.device.type == "cpu"
        depth = DepthAnythingConfig(**(SMALL_DEPTH if is_small else {}))
        pose_options: dict[str, Any] = {"out_indices": [12]} | (SMALL_POSE if is_small else {})
        backbone = VitPoseBackboneConfig(**pose_options)
        kind: Any = ControlNetModel  # not annotated
        pose: Any = VitPoseConfig  # not all of its options are
        networks: tuple[Any, ...] = (
            kind.from_unet(model.unet),
            DepthAnythingForDepthEstimation(depth),
            VitPoseForPoseEstimation(pose(backbone_config=backbone, num_labels=17)),
        )
        net, depths, poses = (
            each.requires_grad_(False).eval().to(model.device, model.dtype) for each in networks
        )
        install_attention(net)
        model.controlnets = (net,)
        model.detectors = {"depth": DepthMaps(depths), "pose": Skeletons(poses)}

    def close(self) -> None:
        """Free the memory for the next shape."""
        device = self.model.device
        del self.model, self.pipeline
        free_memory(device)

    def _options(self, steps: int) -> dict[str, Any]:
        """Pipeline options for `steps` real steps: twice as many steps at half strength."""
        generator = torch.Generator(self.model.device).manual_seed(1)
        return {
            "num_inference_steps": 2 * steps,
            "strength": 0.5,
            "guidance_scale": 1.0,
            "generator": generator,
        }


def model_with_adapter(shape: str, measured: MeasuredDevice) -> DiffusionModel | None:
    """Another model of this shape, with a standard IP-Adapter of random weights; None if its family
    has none. On a CPU with a small image encoder, because the published one would take seconds."""
    from diffusers.models.attention_processor import AttnProcessor2_0
    from safetensors.torch import save_file
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

    from engine.models.sd.attention import install_attention
    from engine.models.sd.ip_adapter import IpAdapter

    if SHAPES[shape].family not in ADAPTERS:
        return None
    model = build(shape, measured.device, measured.dtype)
    model.unet.set_attn_processor(AttnProcessor2_0())  # the usual, before an adapter's
    config = CLIPVisionConfig(**(SMALL_VISION if model.device.type == "cpu" else LARGE_VISION))
    width = model.unet.config.cross_attention_dim
    tensors = {f"image_proj.norm.{name}": torch.randn(width) for name in ("weight", "bias")}
    tensors["image_proj.proj.weight"] = torch.randn(IMAGE_TOKENS * width, config.projection_dim)
    tensors["image_proj.proj.bias"] = torch.randn(IMAGE_TOKENS * width)
    crossing = [layer for name, layer in model.unet.named_modules() if name.endswith(".attn2")]
    for number, layer in enumerate(crossing):
        for part in ("to_k_ip", "to_v_ip"):
            tensors[f"ip_adapter.{2 * number + 1}.{part}.weight"] = 0.03 * torch.randn(
                layer.to_k.out_features, width
            )
    with TemporaryDirectory(prefix="multiverse-bench-", ignore_cleanup_errors=True) as folder:
        file = Path(folder, "ip-adapter.safetensors")
        encoder = Path(folder, ENCODER)
        save_file(tensors, file)
        with torch.device(measured.device):
            vision: Any = CLIPVisionModelWithProjection(config)
        vision.to("cpu", measured.dtype).save_pretrained(encoder)
        CLIPImageProcessor(size=config.image_size, crop_size=config.image_size).save_pretrained(
            encoder
        )
        files = examine_ip_adapter(str(file), str(encoder), None)
        model.ip_adapter = IpAdapter(model.unet, files, model.device, measured.dtype)
    model.text_weight = install_attention(model.unet)
    return model
