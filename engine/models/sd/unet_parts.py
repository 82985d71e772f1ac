"""The UNet's forward pass as a chain of parts, so that a call can be interrupted on a shared
device.

The `PIECES`, one after the other, perform the same operations as `UNet2DConditionModel.forward` for
Stable Diffusion 1, 2 and XL (time and size embeddings, ControlNet residuals, IP-Adapter, guidance
embedding): the results are bit-identical. The two outer blocks of each side, which work on the
largest pictures, are pieces of their own. Before the first piece, `rows` lays out the batch and
`controlled` adds the ControlNets' residuals. Every part takes and returns a State.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from engine.models.graphs import Part, State
from engine.models.sd.control_nets import T2IAdapterNet

CACHE_INTERVAL = 3  # from the example of the package DeepCache
OUTERMOST = 0
UnetPart = Callable[[Any, State], State]
DOWN = (slice(0, 1), slice(1, 2), slice(2, None))
UP = (slice(0, -2), slice(-2, -1), slice(-1, None))


class TextKeys(NamedTuple):
    """Replaces a text in a UNet call: the keys and values of all its layers for the text
    (`attention`)."""

    values: Tensor
    """(B, 77, K): the keys and values of each layer in turn."""


def with_regions(parts: tuple[Part, ...], regions: Any) -> tuple[Part, ...]:
    """Wrap the parts of a UNet call to use `regions`, an `attention.RegionMasks`, with `masks` of
    the inputs."""

    def end(state: State) -> State:
        regions.end()
        return state

    return _around(parts, lambda state: regions.begin(state["masks"]), end)


def with_bank(parts: tuple[Part, ...], bank: Any) -> tuple[Part, ...]:
    """Wrap the parts of a UNet call so that they use the previous frame. `bank`: the UNet's
    `attention.FrameBank`; its tensors are `before` and `strength` of the inputs, and `bank` of the
    result."""

    def begin(state: State) -> None:
        bank.begin(state["before"], state["strength"])

    return _around(parts, begin, lambda state: state | {"bank": bank.end()})


def _around(
    parts: tuple[Part, ...], begin: Callable[[State], object], end: Part
) -> tuple[Part, ...]:
    """Run `begin` before the first part and `end` after the last."""

    def first(state: State) -> State:
        begin(state)
        return parts[0](state)

    *others, last = (first, *parts[1:])
    return (*others, lambda state: end(last(state)))


def chain(
    unet: Any,
    controlnets: Sequence[Any],
    negatives: int,
    *,
    is_split: bool,
    parts: "UnetParts | None" = None,
) -> tuple[Part, ...]:
    """The parts of one UNet call; the last leaves `output` (N + B, 4, h, w) in the model's dtype,
    negatives first. `controlnets`: the networks for `controls` in the inputs. `negatives`: number
    of rows, from the first on, that run a second time with the negative prompt: 0, some or all.
    `parts`: replacements such as compiled functions."""
    functions = parts or PLAIN
    unet = functions.unet or unet

    def rows(state: State) -> State:
        return lay_rows(state, negatives)

    def controlled(state: State) -> State:
        return run_controlnets(controlnets, rows(state), negatives)

    start = controlled if controlnets else rows
    if not (is_split and functions.can_split):
        return (lambda state: functions.whole(unet, start(state)),)
    first, *others = (partial(piece, unet) for piece in functions.pieces_of(unet))
    if controlnets:
        return (controlled, first, *others)
    return (lambda state: first(start(state)), *others)


def lay_rows(state: State, negatives: int) -> State:
    """Lay out the rows: first the `negatives` rows with the negative prompt, then all rows of
    `sample` (B, 4, h, w). Input: sample, timesteps (B,), text (1, 77, D) or keys (1, 77, K; see
    `TextKeys`) or both. Optional: negative_text, negative_keys, pooled (1, P), negative_pooled,
    time_ids (1, 6), ip (tuple of (1, ...)), negative_ip, guidance (1, G), controls (tuple of ((B,
    3, H, W), scale ()))."""
    count = state["sample"].shape[0]

    def repeat(value: Tensor) -> Tensor:
        return torch.cat((value[:negatives], value)) if negatives else value

    def spread(positive: Tensor, negative: Tensor | None) -> Tensor:
        shape = positive.shape[1:]
        if not negatives:
            return positive.expand(count, *shape)
        assert negative is not None, "guidance without a negative prompt"
        return torch.cat((negative.expand(negatives, *shape), positive.expand(count, *shape)))

    added: dict[str, Any] = {}
    if state["pooled"] is not None:
        added["text_embeds"] = spread(state["pooled"], state["negative_pooled"])
        added["time_ids"] = state["time_ids"].expand(negatives + count, -1)
    images = None
    if state["ip"] is not None:
        against = state["negative_ip"] or (None,) * len(state["ip"])
        images = [spread(image, other) for image, other in zip(state["ip"], against, strict=True)]
    guidance = state["guidance"]
    return {
        "sample": repeat(state["sample"]),
        "timesteps": repeat(state["timesteps"]),
        "hidden": None if state["text"] is None else spread(state["text"], state["negative_text"]),
        # Copied for each row, as layers would compute them: attention may not take a stride of 0.
        "keys": None
        if state["keys"] is None
        else spread(state["keys"], state["negative_keys"]).contiguous(),
        "added": added,
        "images": images,
        "guidance": guidance if guidance is None else guidance.expand(negatives + count, -1),
        "controls": tuple((repeat(picture), scale) for picture, scale in state["controls"]),
        "residuals": None,
        "features": (),
    }


def run_controlnets(controlnets: Sequence[Any], state: State, negatives: int = 0) -> State:
    """Sum the residuals of all ControlNets, and the features of all T2I-Adapters, each times its
    scale. A ControlNet that averages over the picture (shuffle) does not affect the first
    `negatives` rows (diffusers' guess mode)."""
    down_sum: list[Tensor] = []
    mid_sum: Any = None
    features: list[Tensor] = []
    for controlnet, (picture, scale) in zip(controlnets, state["controls"], strict=True):
        if isinstance(controlnet, T2IAdapterNet):
            more = [feature * scale for feature in controlnet(picture)]
            features = (
                [total + new for total, new in zip(features, more, strict=True)]
                if features
                else more
            )
            continue
        down_residuals, mid_residual = controlnet(
            state["sample"],
            state["timesteps"],
            encoder_hidden_states=state["hidden"],
            controlnet_cond=picture,
            conditioning_scale=scale,
            added_cond_kwargs=state["added"],
            return_dict=False,
        )
        if negatives and controlnet.config.global_pool_conditions:
            *down_residuals, mid_residual = (
                torch.cat((torch.zeros_like(residual[:negatives]), residual[negatives:]))
                for residual in (*down_residuals, mid_residual)
            )
        if mid_sum is None:
            down_sum = list(down_residuals)
            mid_sum = mid_residual
        else:
            down_sum = [total + more for total, more in zip(down_sum, down_residuals, strict=True)]
            mid_sum = mid_sum + mid_residual
    residuals = None if mid_sum is None else (tuple(down_sum), mid_sum)
    return state | {"residuals": residuals, "features": tuple(features)}


def with_images(state: State) -> dict[str, Any]:
    added: dict[str, Any] = state["added"]
    return added if state["images"] is None else added | {"image_embeds": state["images"]}


def text_of(state: State) -> Tensor | TextKeys:
    """The UNet's input for the text."""
    return state["hidden"] if state["keys"] is None else TextKeys(state["keys"])


def whole(unet: Any, state: State) -> State:
    """Run the whole UNet in one part."""
    down_residuals, mid_residual = state["residuals"] or (None, None)
    output = unet(
        state["sample"],
        state["timesteps"],
        encoder_hidden_states=text_of(state),
        timestep_cond=state["guidance"],
        added_cond_kwargs=with_images(state),
        down_block_additional_residuals=down_residuals,
        mid_block_additional_residual=mid_residual,
        down_intrablock_additional_residuals=list(state["features"])
        or None,  # it takes from the list
        return_dict=False,
    )
    return {"output": output[0]}


def begin(unet: Any, state: State) -> State:
    """Compute the embeddings and the first convolution."""
    sample = state["sample"]
    added = with_images(state)
    if unet.config.center_input_sample:
        sample = 2 * sample - 1.0
    time = unet.get_time_embed(sample=sample, timestep=state["timesteps"])
    embedding = unet.time_embedding(time, state["guidance"])
    size = unet.get_aug_embed(
        emb=embedding, encoder_hidden_states=state["hidden"], added_cond_kwargs=added
    )
    if size is not None:
        embedding = embedding + size
    if unet.time_embed_act is not None:
        embedding = unet.time_embed_act(embedding)
    hidden = unet.process_encoder_hidden_states(
        encoder_hidden_states=text_of(state), added_cond_kwargs=added
    )
    sample = unet.conv_in(sample)
    return {
        "sample": sample,
        "skips": (sample,),
        "embedding": embedding,
        "hidden": hidden,
        "residuals": state["residuals"],
        "features": state["features"],
    }


def down(blocks: slice) -> UnetPart:
    """The part that runs these down blocks; before the first one, `begin`."""

    def part(unet: Any, state: State) -> State:
        if blocks.start == 0:
            state = begin(unet, state)
        sample = state["sample"]
        skips = state["skips"]
        for index in range(len(unet.down_blocks))[blocks]:
            block = unet.down_blocks[index]
            sees_text = getattr(block, "has_cross_attention", False)
            options = {"encoder_hidden_states": state["hidden"]} if sees_text else {}
            feature = state["features"][index] if index < len(state["features"]) else None
            if sees_text and feature is not None:
                options["additional_residuals"] = feature
            sample, more = block(hidden_states=sample, temb=state["embedding"], **options)
            if not sees_text and feature is not None:
                sample = sample + feature
                more = (*more[:-1], sample)
            skips += more
        return state | {"sample": sample, "skips": skips}

    return part


def mid(unet: Any, state: State) -> State:
    """Run the middle block."""
    sample = state["sample"]
    skips = state["skips"]
    if state["residuals"] is not None:
        skips = tuple(
            skip + residual for skip, residual in zip(skips, state["residuals"][0], strict=True)
        )
    if getattr(unet.mid_block, "has_cross_attention", False):
        sample = unet.mid_block(sample, state["embedding"], encoder_hidden_states=state["hidden"])
    elif unet.mid_block is not None:  # missing in BK-SDM small and tiny, SDXS and KOALA
        sample = unet.mid_block(sample, state["embedding"])
    beyond = state["features"][len(unet.down_blocks) :]  # of an adapter for SDXL
    if beyond and beyond[0].shape == sample.shape:  # as in diffusers
        sample = sample + beyond[0]
    if state["residuals"] is not None:
        sample = sample + state["residuals"][1]
    return state | {"sample": sample, "skips": skips, "residuals": None}


def up(blocks: slice) -> UnetPart:
    """The part that runs these up blocks; after the last one, `end`."""

    def part(unet: Any, state: State) -> State:
        sample = state["sample"]
        skips = state["skips"]
        count = len(unet.up_blocks)
        for index in range(count)[blocks]:
            block = unet.up_blocks[index]
            own = skips[-len(block.resnets) :]
            skips = skips[: -len(block.resnets)]
            # For sides that cannot be halved often enough: each block must match the size of the
            # next one's skips.
            options: dict[str, Any] = {
                "upsample_size": skips[-1].shape[2:] if index < count - 1 else None
            }
            if getattr(block, "has_cross_attention", False):
                options["encoder_hidden_states"] = state["hidden"]
            sample = block(
                hidden_states=sample,
                temb=state["embedding"],
                res_hidden_states_tuple=own,
                **options,
            )
        state = state | {"sample": sample, "skips": skips}
        return end(unet, state) if blocks.stop is None else state

    return part


def end(unet: Any, state: State) -> State:
    """Compute the last convolution."""
    sample = state["sample"]
    if unet.conv_norm_out is not None:
        sample = unet.conv_act(unet.conv_norm_out(sample))
    return {"output": unet.conv_out(sample)}


PIECES: tuple[UnetPart, ...] = (*map(down, DOWN), mid, *map(up, UP))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnetParts:
    """The functions of a chain, each of (UNet, State)."""

    whole: UnetPart = whole
    pieces: tuple[UnetPart, ...] = PIECES
    """In the order of `PIECES`."""
    can_split: bool = True
    """True if the pieces together equal `whole`."""
    unet: Any = None
    """The UNet that they call instead of the given one, with the same weights."""

    def pieces_of(self, unet: Any) -> list[UnetPart]:
        """The pieces in order, without those that have no block in this UNet: SDXS has only two
        blocks per side."""
        downs, ups = (
            [bool(range(len(blocks))[each]) for each in cuts]
            for blocks, cuts in ((unet.down_blocks, DOWN), (unet.up_blocks, UP))
        )
        return [
            piece
            for piece, is_used in zip(self.pieces, (*downs, True, *ups), strict=True)
            if is_used
        ]


PLAIN = UnetParts()


class DeepCache:
    """Reuses the output of the UNet's deep blocks from one step of a batch in the next steps (arXiv
    2312.00858). Through its authors' PyPI package, which replaces the `forward` of the UNet's
    blocks: in every third step, starting with the first, all blocks run; in between only the
    outermost down and up layer. It waits for the device in each step to look up the step's index.
    The constructor installs it into `unet`. One batch at a time, all rows in one step."""

    def __init__(self, unet: Any) -> None:
        from DeepCache import DeepCacheSDHelper

        # The attributes of a pipeline that the helper uses.
        self._pipeline = SimpleNamespace(unet=unet, scheduler=SimpleNamespace(timesteps=[]))
        self._helper = DeepCacheSDHelper(pipe=self._pipeline)
        self._helper.set_params(cache_interval=CACHE_INTERVAL, cache_branch_id=OUTERMOST)
        self._helper.enable()

    def begin(self, timesteps: Sequence[float]) -> None:
        """Start a batch with these timesteps; all blocks run in the first step."""
        self._pipeline.scheduler.timesteps = timesteps

    def full_steps(self, timesteps: Sequence[float]) -> int:
        """Number of a batch's steps in which all blocks run. A timestep that a scheduler uses twice
        counts once."""
        return sum(timesteps.index(timestep) % CACHE_INTERVAL == 0 for timestep in timesteps)

    @staticmethod
    def whole(unet: Any, state: State) -> State:
        """`unet_parts.whole` with the timestep as a scalar, which the package needs."""
        return whole(unet, state | {"timesteps": state["timesteps"][0]})
