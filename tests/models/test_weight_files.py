"""The weight files that an index names, and the headers of safetensors files."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.models.weight_files import Tensor, read_header, weights_in


@pytest.mark.parametrize("name", ["COM1.safetensors", "nul", "sub/con.bin"])
def test_an_index_that_names_a_device_of_windows_is_refused_everywhere(name: str, tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model-1.safetensors", "b": name}}))
    with pytest.raises(ModelError, match="which Windows reserves for a device; rename it") as caught:
        weights_in(tmp_path)
    assert str(caught.value).startswith(f"{index}: names {name!r}")


def test_a_header_gives_names_shapes_and_types(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    kinds = {"float16": (2, 3), "bfloat16": (1,), "float8_e4m3fn": (), "float32": (0, 2), "int64": (4,)}
    save_file({kind: torch.zeros(shape, dtype=getattr(torch, kind)) for kind, shape in kinds.items()}, file)
    header = read_header(file)
    assert header == {kind: Tensor(kind, shape) for kind, shape in kinds.items()}
    assert [header[kind].count for kind in kinds] == [6, 1, 1, 0, 4]


def test_a_header_that_does_not_fit_its_file_is_refused_in_one_line(tmp_path: Path) -> None:
    def numbers(begin: Any, end: Any, count: int = 2) -> bytes:
        return json.dumps({"dtype": "F32", "shape": [count], "data_offsets": [begin, end]}).encode()

    file = tmp_path / "x.safetensors"
    whole = b'{"a": %s, "b": %s}'
    for header in (
        whole % (numbers(0, 8), numbers(4, 12)),  # over another
        whole % (numbers(0, 16, 4), numbers(0, 8)),
        whole % (numbers(-8, 0), numbers(0, 16, 4)),
        whole % (numbers(0, 16, 4), numbers(16, 24)),  # beyond the end
        whole % (numbers(0, 8), numbers(8, 16, 1)),  # too long for its shape
        whole % (numbers(0, 8), numbers(8, 16, -2)),
        whole % (numbers(0, 8), numbers("8", "16")),
        b"{]", b"[]", b"null",
    ):  # fmt: skip
        file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
        with pytest.raises(ModelError, match="damaged or truncated") as error:
            read_header(file)
        assert "\n" not in str(error.value)
    for content in (b"", b"\x00" * 7, b"\xff" * 16):
        file.write_bytes(content)
        with pytest.raises(ModelError):
            read_header(file)
