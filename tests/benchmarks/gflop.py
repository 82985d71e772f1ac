"""Counts the work of models of the real sizes, without computing: GFLOP, 2 x multiply-adds
/ 1e9."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch

from engine.models.graphs import noop
from engine.models.sam3.backbone import Features
from engine.models.sam3.propagation import MemoryEncoder, Propagation
from engine.models.sam3.shapes import OBJECTS, PATCH_PX, build
from engine.models.sam3.tracked_object import ObjectMemory
from engine.models.sd.shapes import CONTEXT_TOKENS, SHAPES, build_taesd, build_unet

COUNTED_TOKENS = 4  # for a prompt of two words, including start and end

Result = TypeVar("Result")


def sd_gflop(name: str, width: int, height: int) -> dict[str, float]:
    """2 x multiply-adds / 1e9 of one call for one picture: `unet`, `encode` and `decode`. Counted
    without running."""
    with torch.no_grad(), torch.device("meta"):
        unet = build_unet(name).eval()
        vae = build_taesd(name).eval()
        z, t = torch.empty(1, 4, height // 8, width // 8), torch.empty(1)
        options: dict[str, Any] = {
            "encoder_hidden_states": torch.empty(1, CONTEXT_TOKENS, unet.config.cross_attention_dim)
        }
        if SHAPES[name].family == "sdxl":
            options["added_cond_kwargs"] = {
                "text_embeds": torch.empty(1, 1280),
                "time_ids": torch.empty(1, 6),
            }
        return {
            "unet": count_gflop(lambda: unet(z, t, **options))[0],
            "encode": count_gflop(lambda: vae.encode(torch.empty(1, 3, height, width)))[0],
            "decode": count_gflop(lambda: vae.decode(z))[0],
        }


def sam3_gflop(name: str, resolution: int, prompts: int) -> dict[str, float]:
    """GFLOP per picture (2 x multiply-adds / 1e9): `backbone`, `decoder`, and `masks` of OBJECTS.
    Counted, not run."""
    detector = build(name, resolution, "meta", torch.float32, has_tracker=False).detector
    with torch.no_grad(), torch.device("meta"):
        backbone, vision = count_gflop(
            lambda: detector.vision_encoder(torch.empty(1, 3, resolution, resolution))
        )
        levels = [level.expand(prompts, -1, -1, -1) for level in vision.fpn_hidden_states[:-1]]
        positions = vision.fpn_position_encoding[-2].expand(prompts, -1, -1, -1)
        text = torch.empty(prompts, detector.config.detr_encoder_config.hidden_size)
        encoder, encoded = count_gflop(
            lambda: detector.detr_encoder(
                vision_features=[levels[-1]],
                text_features=text,
                vision_pos_embeds=[positions],
                text_mask=None,
            )
        )
        # On the CPU, because the decoder reads the values, and a meta tensor has none.
        sides = torch.tensor([levels[-1].shape[-2:]], device="cpu")
        decoder, decoded = count_gflop(
            lambda: detector.detr_decoder(
                vision_features=encoded.last_hidden_state,
                text_features=encoded.text_features,
                vision_pos_encoding=encoded.pos_embeds_flattened,
                text_mask=None,
                spatial_shapes=sides,
            )
        )
        queries = decoded.intermediate_hidden_states[-1]
        heads, _ = count_gflop(
            lambda: (
                detector.detr_decoder.box_head(queries),
                detector.dot_product_scoring(queries[None], text),
            )
        )
        masks, _ = count_gflop(
            lambda: detector.mask_decoder(
                decoder_queries=queries[:, :OBJECTS],
                backbone_features=levels,
                encoder_hidden_states=encoded.last_hidden_state,
                prompt_features=text,
                prompt_mask=None,
            )
        )
    return {"backbone": backbone, "decoder": encoder + decoder + heads, "masks": masks}


def sam3_tracker_gflop(name: str, resolution: int) -> dict[str, float]:
    """GFLOP per picture of the tracker, in addition to those of `sam3_gflop`: `picture`, and for
    each `object` with the usual seven pictures in memory. Counted, not run."""

    model = build(name, resolution, "meta", torch.float32)
    tracker = model.video.tracker_model
    side = resolution // PATCH_PX
    frame = tracker.config.max_object_pointers_in_encoder

    def gflop_for(count: int) -> float:
        propagation = Propagation(model)
        memory_encoder = MemoryEncoder(model)
        frame_memory = torch.empty(1, tracker.hidden_dim), torch.empty(side**2, 1, tracker.mem_dim)
        memory = ObjectMemory(
            conditioning={0: frame_memory}, passing=dict.fromkeys(range(1, frame), frame_memory)
        )
        width = model.detector.vision_encoder.backbone.config.hidden_size
        features = Features(
            fpn_hidden_states=(),
            position=torch.empty(1, tracker.hidden_dim, side, side),
            last_hidden_state=torch.empty(1, side**2, width),
        )

        def step() -> None:
            vision = propagation.compute_features(features)
            propagated = propagation.propagate(vision, [memory] * count, frame)
            memory_encoder.encode(
                vision, propagated, list(propagated.masks), [1] * count, (), (), noop
            )

        return count_gflop(step)[0]

    with torch.no_grad(), torch.device("meta"):
        one = gflop_for(1)
        two = gflop_for(2)
    return {"picture": 2 * one - two, "object": two - one}


def count_gflop(call: Callable[[], Result]) -> tuple[float, Result]:
    """GFLOP of `call()` (2 x multiply-adds / 1e9), and its result. Use the meta device to count
    without computing."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        result = call()
    return counter.get_total_flops() / 1e9, result
