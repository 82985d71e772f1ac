"""Box prompts: examples of the objects to find, encoded by SAM3's geometry encoder. Needs torchvision's roi_align."""

from collections.abc import Sequence
from typing import Any

import torch

from engine.errors import ModelError
from engine.models.sam3.backbone import Features
from engine.models.sam3.model import SegmentationModel

Box = tuple[float, float, float, float]
"""Centre x, centre y, width and height, 0..1 of the picture."""
POSITIVE = 1


class BoxEncoder:
    """Equal to transformers' Sam3GeometryEncoder, without a mask, because all boxes are valid. Single thread."""

    def __init__(self, model: SegmentationModel) -> None:
        self._model = model
        self._encoder = model.detector.geometry_encoder

    def with_boxes(self, embeds: torch.Tensor, features: Features, boxes: Sequence[Box]) -> torch.Tensor:
        """The prompt's `embeds` (1, tokens, C) followed by the encoded boxes: (B, tokens + boxes + 1, C).

        ModelError without torchvision.
        """
        roi_align = require_roi_align()
        encoder = self._encoder
        vision = features.fpn_hidden_states[-1]  # (B, C, g, g)
        batch, width, side = vision.shape[:3]
        asked = torch.tensor([boxes], dtype=torch.float32, device=vision.device).expand(batch, -1, -1)  # (B, n, 4)
        pooled = encoder.vision_layer_norm(vision.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        corners = torch.cat((asked[..., :2] - 0.5 * asked[..., 2:], asked[..., :2] + 0.5 * asked[..., 2:]), dim=-1)
        # roi_align does not support bfloat16. transformers uses float16, which moves a corner by 1/32 of a texel.
        cut = roi_align(pooled.float(), list((corners * side).unbind(0)), encoder.roi_size).to(vision.dtype)
        given = asked.to(vision.dtype)
        tokens = encoder.label_embed.weight[POSITIVE] + encoder.boxes_direct_project(given)
        tokens = tokens + encoder.boxes_pool_project(cut).view(batch, -1, width)
        tokens = tokens + encoder.boxes_pos_enc_project(self._positions(asked).to(vision.dtype))
        tokens = torch.cat((tokens, encoder.cls_embed.weight.expand(batch, 1, -1)), dim=1)
        tokens = encoder.prompt_layer_norm(encoder.final_proj(tokens))
        seen, where = (each.flatten(2).transpose(1, 2) for each in (vision, features.position))
        for layer in encoder.layers:
            tokens = layer(prompt_feats=tokens, vision_feats=seen, vision_pos_encoding=where, prompt_mask=None)
        return torch.cat((embeds.expand(batch, -1, -1), encoder.output_layer_norm(tokens)), dim=1)

    def _positions(self, boxes: torch.Tensor) -> torch.Tensor:
        """Position encodings of the boxes, (B, n, C + 2) float32."""
        centre_x, centre_y, width, height = (each.flatten() for each in boxes.unbind(-1))
        encoded = self._encoder._encode_box_coordinates(centre_x, centre_y, width, height)
        result: torch.Tensor = encoded.view(*boxes.shape[:2], -1)
        return result


def require_roi_align() -> Any:
    """torchvision's roi_align; ModelError in one line if it is not installed or does not load."""
    try:
        from torchvision.ops import roi_align
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another version of torch
        raise ModelError(
            f"box prompts: need torchvision ({str(error).splitlines()[0]}); pip install torchvision, the release that "
            f"goes with torch {torch.__version__.partition('+')[0]}"
        ) from None
    return roi_align
