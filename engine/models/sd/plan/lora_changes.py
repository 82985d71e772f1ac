"""Determines from tensor shapes how a file changes a weight: LoRA, LoHa or LoKr, with or without DoRA.

LoRA (Hu et al. 2021) adds B A; LoCon does so to convolutions, with a Tucker core (`mid`) between the factors where
there is one. LoHa (Hyeon-Woo et al. 2021) adds (B1 A1) * (B2 A2), elementwise, LoKr (Edalati et al. 2022) the Kronecker
product of two matrices, each of which may itself be a product of factors. All in LyCORIS' format (lycoris/modules).
DoRA (Liu et al. 2024) scales the rows or columns of the sum to given lengths. With `train_norm`, LyCORIS adds whole
differences to the weights and biases of norms. Does not load torch.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from engine.errors import ModelError
from engine.models.safetensors_header import Tensor
from engine.models.sd.plan.lora_names import NORMS, WeightPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorShape:
    """The kind and size of a delta, as a matrix."""

    kind: str
    """lora, loha, lokr or norm."""
    rows: int
    columns: int
    """Inputs times kernel size."""
    rank: int | None
    """The divisor of alpha; None for a LoKr with two unfactored halves (lycoris/modules/lokr.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraChange:
    place: WeightPlace
    shape: FactorShape
    tensors: dict[str, str]
    """Tensor names in the file by role."""
    scale: float | None
    """Scale of the product from a configuration; None: the file's alpha / rank, or 1 without alpha."""
    dora_axis: int | None
    """0 if DoRA's lengths are those of the weight's rows, 1 of its columns; None without DoRA."""


def shape_of(named: str, roles: Mapping[str, Tensor], what: str) -> FactorShape:
    """Kind and size of a delta. ModelError if tensors are missing or do not fit together."""
    shapes = {role: tensor.shape for role, tensor in roles.items()}
    try:
        if roles.keys() <= set(NORMS):
            ((count,),) = shapes.values()
            found = FactorShape(kind="norm", rows=count, columns=1, rank=None)
        elif "down" in shapes or "up" in shapes:
            found = _lora(shapes)
        elif any(role.startswith("hada_") for role in shapes):
            found = _loha(shapes)
        else:
            found = _lokr(shapes)
    except (KeyError, ValueError, IndexError) as error:
        absent = f"its {error.args[0]} is missing" if isinstance(error, KeyError) else "its tensors do not fit together"
        raise ModelError(f"{what}: damaged: {named[:120]}: {absent}") from None
    return found


def dora_axis(place: WeightPlace, roles: Mapping[str, Tensor], named: str, what: str) -> int | None:
    """The axis of DoRA's lengths, see `LoraChange`. ModelError if they fit neither rows nor columns."""
    rows, columns = (*place.shape, 1)[:2]
    if "magnitude" in roles:  # peft's form, always for rows
        if roles["magnitude"].count == rows:
            return 0
    elif "dora_scale" in roles:
        shape = roles["dora_scale"].shape
        if shape[:1] == (rows,) and roles["dora_scale"].count == rows:
            return 0
        if shape[:2] == (1, columns) and roles["dora_scale"].count == columns:
            return 1
    else:
        return None
    raise ModelError(f"{what}: {named[:120]}: the DoRA lengths fit neither the rows nor the columns of the weight")


def _lora(shapes: Mapping[str, tuple[int, ...]]) -> FactorShape:
    (rank, *inputs), (rows, *inner) = shapes["down"], shapes["up"]
    if "mid" in shapes:
        mid_rows, mid_columns, *kernel = shapes["mid"]
        _demand(mid_rows == math.prod(inner) and mid_columns == rank)
        return FactorShape(kind="lora", rows=rows, columns=math.prod(inputs) * math.prod(kernel), rank=rank)
    _demand(math.prod(inner) == rank and bool(inputs))
    return FactorShape(kind="lora", rows=rows, columns=math.prod(inputs), rank=rank)


def _loha(shapes: Mapping[str, tuple[int, ...]]) -> FactorShape:
    halves = []
    for half in ("1", "2"):
        first, second = shapes[f"hada_w{half}_a"], shapes[f"hada_w{half}_b"]
        if {"hada_t1", "hada_t2"} & shapes.keys():
            halves.append(_tucker(shapes[f"hada_t{half}"], first, second))
        else:
            _demand(first[1] == second[0])
            halves.append((first[0], math.prod(second[1:])))
    _demand(halves[0] == halves[1])
    return FactorShape(kind="loha", rows=halves[0][0], columns=halves[0][1], rank=shapes["hada_w1_b"][0])


def _lokr(shapes: Mapping[str, tuple[int, ...]]) -> FactorShape:
    rank = None
    halves = []
    for half in ("w1", "w2"):
        whole = shapes.get(f"lokr_{half}")
        if whole is not None:
            halves.append((whole[0], math.prod(whole[1:])))
            continue
        first, second = shapes[f"lokr_{half}_a"], shapes[f"lokr_{half}_b"]
        rank = second[0]
        if half == "w2" and "lokr_t2" in shapes:
            halves.append(_tucker(shapes["lokr_t2"], first, second))
        else:
            _demand(first[1] == second[0])
            halves.append((first[0], math.prod(second[1:])))
    (rows, columns), (inner_rows, inner_columns) = halves
    return FactorShape(kind="lokr", rows=rows * inner_rows, columns=columns * inner_columns, rank=rank)


def _tucker(core: tuple[int, ...], first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of a Tucker core (rank, rank, kernel...) between (rank, rows) and (rank, inputs)."""
    _demand(core[0] == first[0] and core[1] == second[0])
    return first[1], second[1] * math.prod(core[2:])


def _demand(fits: bool) -> None:
    if not fits:
        raise ValueError
