"""Lays the weights of several linear layers one after the other in memory, so that one product computes them all."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


@torch.no_grad()
def joined(tensors: Sequence[nn.Parameter]) -> Tensor:
    """These tensors (N, ...), whose other sizes are equal, one below the other.

    Each parameter becomes a part of the result and stays the same object: what changes it in place changes the result
    too, captured graphs see it, and nothing is stored twice.
    """
    result = torch.cat(list(tensors))
    for tensor, part in zip(tensors, torch.split(result, [len(each) for each in tensors]), strict=True):
        tensor.data = part
    return result
