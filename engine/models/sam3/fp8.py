"""Products of SAM3's ViT in 8-bit floating point (e4m3), twice as fast as in bfloat16 on cards that
multiply it.

Each row of the weights and of the input is scaled by its own largest value. Compiled, the scaling
is part of the kernel before; without a compiler it costs more than it gains.
"""

import sys
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.errors import ModelError

KIND = torch.float8_e4m3fn
TOP = torch.finfo(KIND).max
NEEDS = (
    "fp8: needs a CUDA card that multiplies it (compute capability 8.9: RTX 40, L4, H100 or "
    "later); leave it out"
)
NOT_ON_WINDOWS = "fp8: PyTorch has no such products on Windows; use bfloat16"


def require_fp8(device: torch.device | str) -> None:
    """Raise ModelError unless the device multiplies 8-bit floating point."""
    device = torch.device(device)
    if (
        device.type != "cuda"
        or torch.version.hip
        or torch.cuda.get_device_capability(device) < (8, 9)
    ):
        raise ModelError(NEEDS)
    if sys.platform == "win32":
        raise ModelError(NOT_ON_WINDOWS)


class Fp8Linear(nn.Module):
    """An nn.Linear of this weight (N, K) and bias (N,), whose product is computed in 8 bits."""

    weight: Tensor
    scale: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        small, scale = scaled(weight)
        # (K, N), column by column, as the product wants it
        self.register_buffer("weight", small.t())
        self.register_buffer("scale", scale.t().contiguous())  # (1, N)
        self.register_buffer("bias", bias.to(torch.bfloat16))

    def forward(self, x: Tensor) -> Tensor:
        rows, scale = scaled(x.flatten(0, -2))
        by_row = F.ScalingType.RowWise
        # in bfloat16
        out = F.scaled_mm(rows, self.weight, scale, by_row, self.scale, by_row, bias=self.bias)
        return torch.unflatten(out.to(x.dtype), 0, x.shape[:-1])


def scaled(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (n, K) in 8 bits, and the factor of each, (n, 1) float32."""
    scale = rows.abs().amax(dim=1, keepdim=True).float().clamp(min=1e-12) / TOP
    return (rows.float() / scale).to(KIND), scale


def use_fp8(layers: Any) -> None:
    """Replace the products of ViT layers, whose projections have been fused."""
    for layer in layers:
        attention = layer.attention
        mlp = layer.mlp
        attention.fused_qkv = Fp8Linear(*attention.fused_qkv)
        attention.q_proj = None
        attention.k_proj = None
        attention.v_proj = None
        o_proj, fc1, fc2 = (
            Fp8Linear(each.weight, each.bias) for each in (attention.o_proj, mlp.fc1, mlp.fc2)
        )
        attention.o_proj = o_proj
        mlp.fc1 = fc1
        mlp.fc2 = fc2
