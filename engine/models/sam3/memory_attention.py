"""Attention of a picture's patches to one picture at a time, so that cuDNN's attention needs few
plans.

cuDNN's attention is the fastest on cards from Hopper on, but makes a plan for each shape. A memory
grows from 1 to 10 pictures and to some 30 pointers, so there would be hundreds of shapes. Here each
pair of an object and a picture in its memory is a row of one batch, in batches of a few fixed
sizes; the pointers are a small product of their own. Each answer comes with the logarithm of its
sum of exponentials, from which the answers are joined without any approximation (as in
Flash-Decoding, Dao et al. 2023).
"""

from typing import Any

import torch
from torch import Tensor

from engine.models.compat.torch import attend_with_sums, can_use_cudnn_attention

BATCH_SIZES = (32, 16, 8, 4, 2, 1)
"""Rows in one call. For each of them cuDNN makes a plan, once."""
MIN_CUDNN = 91501
"""Before, lengths that 128 does not divide could fail
(github.com/pytorch/pytorch/issues/169849)."""
HOPPER = 9
BLACKWELL = 10
MAX_PLAIN_SCORES = 2**25
"""Up to here two products were measured to be faster than torch's kernel on a CPU."""


def is_cudnn_faster(sample: Tensor) -> bool:
    """True if torch, too, would choose cuDNN's attention on this card for such queries (1, heads,
    tokens, d)."""
    if sample.device.type != "cuda" or torch.version.hip:
        return False
    cudnn: Any = torch.backends.cudnn
    is_new = (cudnn.version() or 0) >= MIN_CUDNN
    generation, _ = torch.cuda.get_device_capability(sample.device)
    return is_new and generation in (HOPPER, BLACKWELL) and can_use_cudnn_attention(sample)


def make_plans(sample: Tensor) -> None:
    """Let cuDNN make all its plans for queries like this one (1, area, heads, d)."""
    for size in BATCH_SIZES:
        rows = sample.new_zeros(size, *sample.shape[1:])
        attend_pictures(rows, rows, rows)


def attend_pictures(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Attention (n, heads, area, d) of queries to as many keys and values, all (n, area, heads, d);
    and of each query the logarithm of the sum of exp(score), (n, heads, area) float32."""
    sizes = []
    count = len(query)
    for size in BATCH_SIZES:
        sizes += [size] * (count // size)
        count %= size
    # Through one axis, because a plan is for certain strides, and an axis of length 1 would keep
    # that of its source.
    rows = (
        torch.split(each.flatten().view(each.shape).transpose(1, 2), sizes)
        for each in (query, key, value)
    )
    parts = [attend_with_sums(*batch) for batch in zip(*rows, strict=True)]
    answers = [answer for answer, _ in parts]
    sums = torch.cat([sums for _, sums in parts])
    joined = torch.cat(answers) if len(answers) > 1 else answers[0]  # (n, heads, area, d)
    return joined, sums.view(joined.shape[:3])


def attend_memory(query: Tensor, key: Tensor, value: Tensor, pictures: int) -> Tensor:
    """Attention (n, area, C) of the queries (n, area, heads, d) of a picture's patches to the
    memories of n objects: `key` and `value` (n, pictures * area + pointers, heads, d), with at
    least one pointer."""
    area = query.shape[1]
    split = pictures * area
    pairs = [
        torch.unflatten(each[:, :split], 1, (pictures, area)).flatten(0, 1) for each in (key, value)
    ]  # (n * pictures, area, heads, d)
    answers, sums = attend_pictures(query.repeat_interleave(pictures, dim=0), *pairs)
    answers = torch.unflatten(answers, 0, (-1, pictures))  # (n, pictures, heads, area, d)
    sums = torch.unflatten(sums, 0, (-1, pictures))  # (n, pictures, heads, area)
    queries = query.transpose(1, 2).float()  # (n, heads, area, d)
    pointer_keys = key[:, split:].transpose(1, 2).float()  # (n, heads, pointers, d)
    pointer_values = value[:, split:].transpose(1, 2).float()
    scores = queries @ pointer_keys.transpose(2, 3)  # (n, heads, area, pointers)
    scores = scores * query.shape[3] ** -0.5
    all_sums = torch.cat((sums, scores.logsumexp(-1)[:, None]), dim=1)
    weights = torch.softmax(all_sums, dim=1)[..., None]  # (n, pictures + 1, heads, area, 1)
    joined = (answers * weights[:, :-1]).sum(dim=1)  # (n, heads, area, d)
    joined += torch.softmax(scores, dim=-1) @ pointer_values * weights[:, -1]
    return joined.to(query.dtype).transpose(1, 2).flatten(2)


def is_small(query: Tensor, key: Tensor) -> bool:
    """True if `attend_plainly` is fast for these queries and keys (n, tokens, heads, d): they have
    few scores."""
    return query.shape[1] * key.shape[1] <= MAX_PLAIN_SCORES


def attend_plainly(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention (tokens, d) by two products: on a CPU in bfloat16 half the time of torch's own
    kernel, which multiplies in small pieces. Scores are rounded to bfloat16, as in transformers'
    eager attention."""
    scores = (query * query.shape[-1] ** -0.5) @ key.mT  # (tokens, tokens)
    return torch.softmax(scores, dim=-1) @ value
