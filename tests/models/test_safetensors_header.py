"""The header of a .safetensors file is checked against the file."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ModelError
from engine.models.safetensors_header import read_header


def written(file: Path, tensors: dict[str, Any], data_bytes: int) -> Path:
    header = json.dumps(tensors).encode()
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(data_bytes))
    return file


def numbers(begin: Any, end: Any, count: int = 2) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [count], "data_offsets": [begin, end]}


def test_contiguous_tensors_are_read_in_any_order(tmp_path: Path) -> None:
    file = written(tmp_path / "x.safetensors", {"b": numbers(8, 16), "none": numbers(8, 8, 0), "a": numbers(0, 8)}, 16)
    assert {name: tensor.shape for name, tensor in read_header(file).items()} == {"b": (2,), "none": (0,), "a": (2,)}


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"a": numbers(0, 8), "b": numbers(4, 12)}, "b overlaps another tensor"),
        ({"a": numbers(0, 16, 4), "b": numbers(0, 8)}, "overlaps another tensor"),
        ({"a": numbers(-8, 0)}, "a exceeds the file"),
        ({"a": numbers(8, 0)}, "a exceeds the file"),
        ({"a": numbers(0, 24, 6)}, "8 bytes are missing"),
        ({"a": numbers(0, 16)}, "a has 16 bytes, but its shape needs 8"),
        ({"a": numbers(0, 8, -2)}, "a has 8 bytes, but its shape needs -8"),
        ({"a": numbers("0", "8")}, "cannot be read as safetensors"),
    ],
    ids=["over", "inside", "before", "backwards", "behind", "too long", "negative", "texts"],
)
def test_a_tensor_with_an_impossible_position_is_named(tmp_path: Path, tensors: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said) as error:
        read_header(written(tmp_path / "x.safetensors", tensors, 16))
    assert "\n" not in str(error.value)
