"""The weight files that an index names, and the headers of safetensors files."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.models.weight_files import Tensor, read_header, read_stored, weights_in


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


def with_header(file: Path, header: dict[str, Any]) -> Path:
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + bytes(16))
    return file


def entry(shape: list[int], begin: int, end: int, **more: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]} | more


@pytest.mark.parametrize("shape", [[0, *[1 << 62] * 60_000], [0, *[1] * 16], [0, 1 << 41]])
def test_a_shape_that_no_tensor_has_is_refused(shape: list[int], tmp_path: Path) -> None:
    """Its number of values takes minutes to compute, and a message with all its sides is megabytes long."""
    file = with_header(tmp_path / "x.safetensors", {"a": entry(shape, 0, 0), "b": entry([4], 0, 16)})
    with pytest.raises(ModelError, match="damaged: an invalid shape; download it again"):
        read_header(file)


@pytest.mark.parametrize("content", [entry([4], 0, 16, x=json.loads("[" * 80 + "]" * 80)), ["F32", [4], [0, 16]]])
def test_an_entry_that_only_the_library_takes_is_refused_in_one_line(content: Any, tmp_path: Path) -> None:
    file = with_header(tmp_path / "x.safetensors", {"a": content})
    assert read_header(file) == {"a": Tensor("float32", (4,))}
    with pytest.raises(ModelError, match="damaged or truncated") as error:
        read_stored(file, "a")
    assert "\n" not in str(error.value)


def test_tensors_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    names = ["<zeta>", "<s2>", "<s10>", "<alpha>"]
    header = {name: entry([1], 4 * place, 4 * place + 4) for place, name in enumerate(names)}
    assert list(read_header(with_header(tmp_path / "x.safetensors", header))) == names


def test_a_number_format_that_the_library_does_not_know_is_no_damage(tmp_path: Path) -> None:
    file = with_header(tmp_path / "x.safetensors", {"a": entry([4], 0, 16, dtype="NEW4")})
    with pytest.raises(ModelError) as error:
        read_header(file)
    assert str(error.value) == (
        f"{file}: has a number format that the installed safetensors cannot read; use the file in float16"
    )


def test_what_the_library_says_is_told_in_one_short_line(tmp_path: Path) -> None:
    file = with_header(tmp_path / "x.safetensors", {"a\nb" * 10_000: entry([4], 4, 20)})
    with pytest.raises(ModelError, match="damaged or truncated") as error:
        read_header(file)
    assert "\n" not in str(error.value) and len(str(error.value)) < 1000
