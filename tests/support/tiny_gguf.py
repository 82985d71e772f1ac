"""Writes GGUF files (ggml's docs/gguf.md), as ComfyUI-GGUF's converter does."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch

F32, F16, Q4_K, Q8_0, BF16 = 0, 1, 12, 8, 30
TEXT, INTS = 8, 9


def text(words: str) -> bytes:
    return struct.pack("<Q", len(words)) + words.encode()


def stored(numbers: np.ndarray, kind: int) -> tuple[bytes, np.ndarray]:
    """The bytes of a tensor in this format, and the numbers that they stand for."""
    if kind == Q8_0:
        blocks = numbers.reshape(-1, 32)
        scales = (np.abs(blocks).max(axis=1, keepdims=True) / 127.0).astype("<f2")
        weights = np.round(blocks / np.maximum(scales.astype(np.float32), 1e-8)).clip(-127, 127).astype("i1")
        raw = b"".join(scale.tobytes() + row.tobytes() for scale, row in zip(scales, weights, strict=True))
        return raw, (weights * scales.astype(np.float32)).reshape(numbers.shape)
    if kind == BF16:
        upper = (numbers.view("<u4") >> 16).astype("<u2")
        return upper.tobytes(), (upper.astype("<u4") << 16).view("<f4")
    whole = numbers.astype("<f2" if kind == F16 else "<f4")
    return whole.tobytes(), whole.astype(np.float32)


def write_gguf(file: Path, tensors: dict[str, torch.Tensor], kinds: Any) -> dict[str, np.ndarray]:
    """As ComfyUI-GGUF's converter: matrices are stored by `kinds(name, numbers)`, rows of convolutions rearranged."""
    pairs, infos, data, meant = [text("general.architecture") + struct.pack("<I", TEXT) + text("sdxl")], [], b"", {}
    for name, tensor in tensors.items():
        numbers = tensor.float().numpy()
        kind, shape = kinds(name, numbers), numbers.shape
        if kind == Q8_0 and shape[-1] % 256 and numbers.size % 256 == 0:
            shape = (numbers.size // 256, 256)
            listed = struct.pack(f"<IQ{numbers.ndim}i", 5, numbers.ndim, *numbers.shape)
            pairs.append(text(f"comfy.gguf.orig_shape.{name}") + struct.pack("<I", INTS) + listed)
        raw, meant[name] = (b"", numbers) if kind == Q4_K else stored(numbers, kind)
        infos.append(text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], kind, len(data)))
        data += raw + b"\0" * (-len(raw) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(pairs)) + b"".join((*pairs, *infos))
    file.write_bytes(head + b"\0" * (-len(head) % 32) + data)
    return meant
