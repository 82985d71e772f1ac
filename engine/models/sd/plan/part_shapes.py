"""Compares a part's tensor shapes with its config.json, to detect files that belong to another model.

Names and defaults are those of diffusers and transformers. Checks a few tensors that differ between models, and all
tensors of a text encoder. Does not load torch.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.errors import ModelError
from engine.models.safetensors_header import Tensor, shown_shape
from engine.models.sd.plan.model_folder import DiffusersFolder

UNET_WIDTHS: Final = (320, 640, 1280, 1280)
TEXT_LAYER: Final = tuple(
    f"{layer}.{each}"
    for layer in (
        *(f"self_attn.{which}_proj" for which in "qkv"), "self_attn.out_proj", "layer_norm1", "layer_norm2", "mlp.fc1",
        "mlp.fc2",
    )
    for each in ("weight", "bias")
)  # fmt: skip
"""Tensors of each layer of CLIP's text model."""
_TEXT: Final = "text_model."
_TO_KEYS: Final = ".attn2.to_k.weight"
Shape = tuple[int | None, ...]
"""A shape; None for an unknown side."""


def require_shapes(what: str, kind: str, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """ModelError in one line if `tensors` do not fit a `kind` (a class of diffusers or transformers) with configuration
    `config`."""
    if kind.startswith("CLIPText"):
        tensors = {name.removeprefix(_TEXT): tensor for name, tensor in tensors.items()}  # as in transformers before 5
    try:
        wanted = list(_wanted(kind, config, tensors))
    except (LookupError, TypeError, ValueError):
        raise ModelError(f"{what}: config.json lacks the width of its network") from None
    for name, shape in wanted:
        tensor = tensors.get(name)
        if tensor is None:
            raise ModelError(f"{what}: {name} is missing; it is another kind of model, or damaged")
        if any(one not in (None, other) for one, other in zip(shape, tensor.shape, strict=False)):
            raise ModelError(
                f"{what}: {name} is {shown_shape(tensor.shape)}, config.json says {shown_shape(shape)}; the file or "
                "its configuration belongs to another model"
            )


def require_text_width(folder: DiffusersFolder) -> None:
    """Raise ModelError, in one line, if the text width of the UNet differs from that of the text encoders."""
    widths = [
        _of_half(folder.config(f"{part}/config.json"), "text_config").get("hidden_size", 512)
        for part in folder.parts
        if part.startswith("text_encoder")
    ]
    wanted = folder.unet.get("cross_attention_dim", 1280)
    if all(isinstance(width, int) for width in widths) and sum(widths) != wanted:
        raise ModelError(
            f"{folder.name}: its UNet needs text embeddings of width {wanted}, its text_encoder makes "
            f"{' + '.join(map(str, widths))}: one of the two belongs to another model"
        )


def _wanted(kind: str, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Shape]]:
    if kind in ("UNet2DConditionModel", "ControlNetModel"):
        widths = config.get("block_out_channels", UNET_WIDTHS)
        yield "conv_in.weight", (widths[0], config.get("in_channels", 4))
        if kind == "ControlNetModel":
            yield "controlnet_mid_block.weight", (widths[-1], widths[-1])
        for name in tensors:
            if name.endswith(_TO_KEYS):
                yield name, (None, config.get("cross_attention_dim", 1280))
    elif kind == "AutoencoderKL":
        widths, channels = config.get("block_out_channels", (64,)), config.get("latent_channels", 4)
        yield "encoder.conv_in.weight", (widths[0], config.get("in_channels", 3))
        yield "decoder.conv_in.weight", (widths[-1], channels)
    elif kind == "AutoencoderTiny":
        yield "encoder.layers.0.weight", (config.get("encoder_block_out_channels", (64,))[0], 3)
        channels = config.get("latent_channels", 4)
        yield "decoder.layers.0.weight", (config.get("decoder_block_out_channels", (64,))[0], channels)
    elif kind.startswith("CLIPText"):
        yield from _of_text(_of_half(config, "text_config"))
    elif kind.startswith("CLIPVision"):
        inner = _of_half(config, "vision_config")
        width = inner.get("hidden_size", 768)
        yield "vision_model.embeddings.class_embedding", (width,)
        yield "visual_projection.weight", (config.get("projection_dim", 512), width)


def _of_text(config: Mapping[str, Any]) -> Iterator[tuple[str, Shape]]:
    width, layers = config.get("hidden_size", 512), range(config.get("num_hidden_layers", 12))
    yield "embeddings.token_embedding.weight", (config.get("vocab_size", 49408), width)
    yield "embeddings.position_embedding.weight", (config.get("max_position_embeddings", 77), width)
    yield "final_layer_norm.weight", (width,)
    for layer in layers:
        for name in TEXT_LAYER:
            is_wide = name in ("mlp.fc1.weight", "mlp.fc1.bias")
            yield f"encoder.layers.{layer}.{name}", (config.get("intermediate_size", 2048) if is_wide else width,)


def _of_half(config: Mapping[str, Any], half: str) -> Mapping[str, Any]:
    """The relevant half of a whole CLIP's configuration."""
    inner = config.get(half)
    return inner if isinstance(inner, dict) and "hidden_size" not in config else config
