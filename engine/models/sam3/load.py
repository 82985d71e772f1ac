"""Load a SegmentationModel onto its device."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from engine.errors import ModelError
from engine.models.card_memory import reserve_memory
from engine.models.compiling import require_compiler
from engine.models.device_work import bytes_of, dtype_named, weights_of
from engine.models.pretrained import (
    ATTENTION,
    load_network,
    load_tokenizer,
    one_line,
    require_finite,
    silence_libs,
)
from engine.models.quantized import read_exact
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.backbone import fuse_qkv_projections
from engine.models.sam3.check import DETECTOR, TRACKER, notes_of
from engine.models.sam3.fp8 import require_fp8, use_fp8
from engine.models.sam3.meta_file import OTHER_PROGRAM, MetaCheckpoint, open_model
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.model_folder import STARTS, Sam3Folder, find
from engine.models.tensor_rule import HARMLESS, require_known
from engine.models.tokenizer_files import read_tokenizer_files
from engine.models.weight_files import find_weights, open_tensors

log = logging.getLogger(__name__)

CLASSES = {
    "sam3_video": "Sam3VideoModel",
    "sam3": "Sam3Model",
    "sam3_lite_text": "Sam3LiteTextModel",
}
"""transformers' class for each of KINDS."""
NOTHING_TO_OFFLOAD = "offload: has no effect, because the weights are already in main memory"


def load(spec: SegmentationSpec, device: str, dtype: str) -> SegmentationModel:
    """Load the model onto `device` (cpu, cuda, cuda:1, mps), its weights in `dtype` (a name for
    `dtype_named`). Downloads nothing; reads weights from safetensors files. ModelError in one line
    names what is missing and how to get it. Does not catch `torch.OutOfMemoryError`."""
    torch_dtype = dtype_named(dtype)
    for name, is_on in (("compile", spec.is_compiled), ("fp8", spec.is_fp8)):
        if is_on and spec.is_offloaded:
            raise ModelError(f"{name} and offload cannot be combined; choose one of them")
    if spec.is_compiled:
        require_compiler(torch.device(device), "compile")
    if spec.is_fp8:
        require_fp8(device)
    silence_libs("transformers")
    if spec.random_shape:
        from engine.models.sam3.shapes import build

        model = build(spec.random_shape, spec.resolution, device, torch_dtype)
        model.spec = spec
    else:
        model = from_folder(find(spec.model), spec, torch.device(device), torch_dtype)
    prepare(model)
    for note in model.notes:
        log.info("%s: %s", spec.model, note)
    return model


def trials(spec: SegmentationSpec) -> Iterator[Callable[[], Any]]:
    """The function that loads the network, without values, for `tensor_problems`."""
    folder = open_model(find(spec.model), spec.model)

    def trial() -> None:
        with torch.device("meta"):
            _network(folder, spec.resolution, torch.float32, is_video=folder.kind == "sam3_video")

    yield trial


def prepare(model: SegmentationModel) -> None:
    """Lay out the weights of a model on its device as its spec asks, and as our code reads them."""
    # tensor cores want channels last; CPUs' convolutions are twice as fast
    if model.device.type != "mps":
        for network in model.networks:
            network.to(memory_format=torch.channels_last)
    if model.is_offloaded:
        offload(model)
    else:
        layers = model.detector.vision_encoder.backbone.layers
        fuse_qkv_projections(layer.attention for layer in layers)
        if model.spec.is_fp8:
            use_fp8(layers)
    if model.spec.is_offloaded and not model.is_offloaded:
        model.notes += (NOTHING_TO_OFFLOAD,)


def from_folder(
    path: Path, spec: SegmentationSpec, device: torch.device, dtype: torch.dtype
) -> SegmentationModel:
    folder = open_model(path, spec.model)
    folder.require_resolution(spec.resolution)
    folder.require_tokenizer()
    folder.weights()  # detects truncated files, and names the file
    is_video = folder.kind == "sam3_video"
    network = _network(folder, spec.resolution, dtype, is_video=is_video)
    network.requires_grad_(False).eval()
    require_finite(folder.name, dict(network.named_parameters()))
    if not (spec.is_offloaded and device.type != "cpu"):
        with reserve_memory(device, lambda: bytes_of(weights_of((network,))), spec.model):
            network.to(device)
    what = f"{folder.name}/tokenizer"
    return SegmentationModel(
        spec=spec,
        device=device,
        dtype=dtype,
        detector=network.detector_model if is_video else network,
        video=network if is_video else None,
        tokenizer=load_tokenizer(what, read_tokenizer_files(f"{what}: ", folder.path)),
        mask_side=4 * spec.resolution // 14,
        notes=notes_of(folder),
    )


def _network(folder: Sam3Folder, resolution: int, dtype: torch.dtype, *, is_video: bool) -> Any:
    """The transformers model of the folder's kind for pictures of this size, on the CPU."""
    if isinstance(folder, MetaCheckpoint):
        with one_line(folder.name):
            return folder.network(resolution, dtype, attn_implementation=ATTENTION)
    weights = find_weights(folder.path)
    assert weights is not None  # `folder.files` has found them
    listed = folder.weights()
    tensors = None
    if folder.quantized or folder.is_mlx(listed):  # which the library would read as they are
        tensors = {
            name: each
            for file in weights.files
            for name, each in read_exact(open_tensors(file), STARTS, dtype).items()
        }
        if folder.is_mlx(listed):
            tensors = {name: _from_mlx(name, each) for name, each in tensors.items()}
    # image_size is not passed on to the tracker's masks
    changes = {"image_size": resolution} | (
        {"low_res_mask_size": 4 * resolution // 14} if is_video else {}
    )
    kind = CLASSES[folder.kind]
    network = load_network(
        kind, weights, folder.config, dtype, folder.name, changes=changes, tensors=tensors
    )
    # The library tells nothing of these: the classes of detector and tracker ignore each other's
    # tensors.
    own = network.state_dict().keys()
    strange = [
        name for name in listed if name not in own and name.removeprefix(DETECTOR) not in own
    ]
    allowed = (
        HARMLESS.search
        if is_video
        else lambda name: name.startswith(TRACKER) or HARMLESS.search(name)
    )
    require_known(folder.name, "a SAM3", strange, may_ignore=allowed, why=OTHER_PROGRAM)
    return network


def _from_mlx(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """A tensor of a file of MLX in torch's layout. There a kernel is (out, height, width, in), as
    mlx-vlm's models/sam3 turns it."""
    if tensor.ndim != 4 or name.endswith("memory_temporal_positional_encoding"):
        return tensor
    is_transposed = any(part in name for part in ("scale_layers.", "upscale_conv"))
    return tensor.permute(3, 0, 1, 2) if is_transposed else tensor.permute(0, 3, 1, 2)


def offload(model: SegmentationModel) -> None:
    """Keep the ViT and the text encoder, 96 % of all weights, in main memory: a layer's are copied
    to the device while it runs. All other weights, and all buffers, stay on the device."""
    from accelerate import cpu_offload

    offloaded = (model.detector.vision_encoder.backbone, model.detector.text_encoder)

    def weigh() -> int:
        left_out = {id(each) for network in offloaded for each in network.parameters()}
        weights = (each for each in weights_of(model.networks) if id(each) not in left_out)
        # random weights are on the device
        return bytes_of(each for each in weights if each.device.type == "cpu")

    with reserve_memory(model.device, weigh, model.spec.model):
        for network in offloaded:
            cpu_offload(network, model.device)
        for network in model.networks:
            for tensor in (*network.parameters(), *network.buffers()):
                if not tensor.is_meta:
                    tensor.data = tensor.data.to(model.device)
