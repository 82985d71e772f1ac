"""Configurations and headers from strangers: what is read of them, and what is refused in one
line."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import ModelError
from engine.models import locate
from engine.models.plain_config import notes_on_code, read_config, require_no_adapter
from engine.models.rvc import VoiceSpec
from engine.models.sam3 import SegmentationSpec
from engine.models.sd import ModelSpec
from engine.models.weight_files import find_weights, open_tensors
from tests.support.tiny_single_file import copy_configuration, original_tensors


def written(folder: Path, content: Any) -> Path:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "config.json").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "cannot be read"),
        ("[" * 100_000, "nested too deeply"),
        ('{"x": ' + "9" * 5000 + "}", "Exceeds the limit"),
        (" " * (17 << 20), "larger than 16 MiB"),
        ([1], "is not a JSON object"),
        ({"detector_config": 5}, "detector_config is 5, not an object"),
        ({"_class_name": ["x"]}, r"_class_name is \['x'\], not a text"),
        ({"in_channels": "4"}, "in_channels is '4', not a whole number"),
        ({"layers_per_block": 10**6}, "layers_per_block is 1000000, more than 256"),
        ({"transformer_layers_per_block": [[1, 10**30]]}, "more than 256"),
        (
            {"down_block_types": ["DownBlock2D"] * 1000},
            "down_block_types has 1000 items, more than 256",
        ),
        ({"hidden_size": 10**30}, "hidden_size is 1000.*, more than 2147483648"),
        ({"num_train_timesteps": 10**9}, "num_train_timesteps is 1000000000, more than 100000"),
        (
            {"quantization_config": {"quant_method": "bitsandbytes"}},
            r"quantized \('bitsandbytes'\)",
        ),
    ],
)
def test_an_implausible_configuration_is_refused_in_one_line_with_the_file(
    tmp_path: Path, content: Any, reason: str
) -> None:
    with pytest.raises(ModelError, match=reason) as caught:
        read_config("fox", written(tmp_path, content))
    line = str(caught.value)
    assert line.startswith("fox: config.json") and "\n" not in line and len(line) < 300


@pytest.mark.only_on("linux", "darwin", reason="Windows has no such files")
def test_a_fifo_instead_of_a_model_or_configuration_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(
        ModelError, match=r"config\.json cannot be read \(a FIFO, where a file is needed\)"
    ):
        read_config("fox", tmp_path)
    with pytest.raises(ModelError, match="is a FIFO, not a file or a folder"):
        locate.find(str(tmp_path / "config.json"))


@pytest.mark.parametrize("name", ["x" * 100_000, "a\0b", "~nobody-of-this-name/model"])
def test_an_impossible_file_name_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(ModelError) as caught:
        locate.find(name)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "key",
    [
        "_attn_implementation",
        "attn_implementation",
        "_attn_implementation_internal",
        "auto_map",
        "fusion_config",
    ],
)
@pytest.mark.parametrize("path", ["", "text_config", "detector_config"])
def test_a_configuration_that_requires_code_is_noted_and_ignored(key: str, path: str) -> None:
    code = {key: "owner/name"}
    assert notes_on_code("fox", {path: code} if path else code) == (
        f"fox: config.json asks for custom code ({key}: 'owner/name'), which is not used",
    )


def test_an_adapter_next_to_a_model_is_refused(tmp_path: Path) -> None:
    require_no_adapter("fox", tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"adapter_config\.json belongs to an adapter"):
        require_no_adapter("fox", tmp_path)


@pytest.mark.parametrize("name", ["COM1.safetensors", "nul", "sub/con.bin"])
def test_an_index_that_names_a_device_of_windows_is_refused_everywhere(
    name: str, tmp_path: Path
) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model-1.safetensors", "b": name}}))
    with pytest.raises(
        ModelError, match="which Windows reserves for a device; rename it"
    ) as caught:
        find_weights(tmp_path)
    assert str(caught.value).startswith(f"{index}: names {name!r}")


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
            list_tensors(file)
        assert "\n" not in str(error.value)
    for content in (b"", b"\x00" * 7, b"\xff" * 16):
        file.write_bytes(content)
        with pytest.raises(ModelError):
            list_tensors(file)


def list_tensors(file: Path) -> list[str]:
    return list(open_tensors(file).tensors)


def with_header(file: Path, header: dict[str, Any]) -> Path:
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + bytes(16))
    return file


def entry(shape: list[int], begin: int, end: int, **more: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]} | more


@pytest.mark.parametrize("shape", [[0, *[1 << 62] * 60_000], [0, *[1] * 16], [0, 1 << 41]])
def test_a_shape_that_no_tensor_has_is_refused(shape: list[int], tmp_path: Path) -> None:
    """Its number of values takes minutes to compute, and a message with all its sides is megabytes
    long."""
    file = with_header(
        tmp_path / "x.safetensors", {"a": entry(shape, 0, 0), "b": entry([4], 0, 16)}
    )
    with pytest.raises(ModelError, match="damaged: an invalid shape; download it again"):
        list_tensors(file)


def test_a_number_format_that_the_library_does_not_know_is_no_damage(tmp_path: Path) -> None:
    file = with_header(tmp_path / "x.safetensors", {"a": entry([4], 0, 16, dtype="NEW4")})
    with pytest.raises(ModelError) as error:
        list_tensors(file)
    assert str(error.value) == (
        f"{file}: has a number format that the installed safetensors cannot read; use the file in "
        "float16"
    )


def test_models_are_checked_without_torch_and_what_a_pickle_names_is_not_imported(
    tiny_models: Any, tiny_sam3: Path, tmp_path: Path
) -> None:
    sd, voice = tiny_models.sd(vae="kl"), tiny_models.voice()
    torch.save({"state_dict": original_tensors(sd)}, tmp_path / "x.ckpt")
    copy_configuration(sd, tmp_path / "x")
    with zipfile.ZipFile(tmp_path / "y.pth", "w") as archive:
        archive.writestr("y/data.pkl", b"\x80\x02cantigravity\nfly\n)R.")
    parts = {"index": str(voice / "voice.index"), "content": str(voice / "content"), "pitch": "yin"}
    specs = [ModelSpec(model=str(model)) for model in (tmp_path / "x.ckpt", tiny_models.sd())]
    code = (
        "import sys; from pathlib import Path; from engine.models.pickle_file import read_pickle\n"
        "from engine.models.rvc.check import VoiceSpec, check as check_voice\n"
        "from engine.models.sam3.check import SegmentationSpec, check as check_sam3\n"
        "from engine.models.sd.plan.model_plan import ModelSpec, plan_model\n"
        f"plans = [plan_model(spec) for spec in {specs!r}]\n"
        f"plans += [check_sam3({SegmentationSpec(model=str(tiny_sam3))!r})]\n"
        f"plans += [check_voice({VoiceSpec(model=str(voice / 'voice.pth'), **parts)!r})]\n"
        f"read_pickle(Path({str(tmp_path / 'y.pth')!r}))\n"
        "print([plan.missing for plan in plans])\n"
        "assert not {'torch', 'transformers', 'faiss', 'scipy', 'antigravity'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert (done.returncode, done.stdout) == (0, "[(), (), (), ()]\n"), done.stderr
