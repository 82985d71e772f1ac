"""The content and imports of a pickle are found without running it."""

import os
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import ModelError
from engine.models import pickle_file
from engine.models.pickle_file import OUTER, PickleFile, PickleLayout, read_pickle
from engine.models.tensor_file import TensorInfo
from tests.support.hostile_pickle import Call


@pytest.mark.parametrize("is_zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_tensors_are_described_by_type_and_shape_and_plain_values_are_read(
    tmp_path: Path, is_zipped: bool
) -> None:
    weights = OrderedDict(
        a=torch.zeros(2, 3, dtype=torch.float16),
        b=torch.zeros(()),
        c=torch.zeros(4, dtype=torch.int64),
    )
    network = torch.nn.Linear(3, 5)
    stored = {
        "weight": weights,
        "net": network.state_dict(),
        "parameter": network.bias,
        "config": [1, "x", 2.5, None],
    }
    torch.save(stored, tmp_path / "x.pth", _use_new_zipfile_serialization=is_zipped)
    read = read_pickle(tmp_path / "x.pth")
    described = {
        "a": TensorInfo("float16", (2, 3)),
        "b": TensorInfo("float32", ()),
        "c": TensorInfo("int64", (4,)),
    }
    assert PickleLayout(keys=("weight",)).tensors(read.content) == described
    assert PickleLayout(keys=("nothing", "net", "weight")).tensors(read.content) == {
        "weight": TensorInfo("float32", (5, 3)),
        "bias": TensorInfo("float32", (5,)),
    }
    assert OUTER.tensors(read.content) == {"parameter": TensorInfo("float32", (5,))}
    assert read.content["config"] == [1, "x", 2.5, None]
    assert read.foreign == ()


@pytest.mark.parametrize(
    ("stored", "names"),
    [
        ({"a": torch.zeros(1), "step": 7}, {"a"}),
        (
            {
                "state_dict": {"a": torch.zeros(1)},
                "loss": torch.zeros(1),
                "hyper_parameters": {"b": torch.zeros(1)},
            },
            {"a"},
        ),
        (
            {"image_proj": {"a": torch.zeros(1)}, "ip_adapter": {"b": torch.zeros(1)}},
            {"image_proj.a", "ip_adapter.b"},
        ),
    ],
    ids=["the file itself", "a training run", "an IP-Adapter"],
)
def test_tensors_are_found_where_programs_put_them(
    tmp_path: Path, stored: Any, names: set[str]
) -> None:
    torch.save(stored, tmp_path / "x.ckpt")
    file = PickleFile(tmp_path / "x.ckpt")
    assert file.tensors.keys() == file.read().keys() == names


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("is_zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_a_function_is_named_and_not_called(tmp_path: Path, protocol: int, is_zipped: bool) -> None:
    marker = tmp_path / "marker"
    stored = {"weight": {}, "x": [Call(os.system, "true"), Call(os.mkdir, str(marker))]}
    torch.save(
        stored,
        tmp_path / "x.pth",
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=is_zipped,
    )
    assert set(read_pickle(tmp_path / "x.pth").foreign) == {"os.system", "os.mkdir"}
    assert not marker.exists()
    with (tmp_path / "x.pth").open("rb") as stream:  # the file is what it is taken for
        torch.load(stream, weights_only=False)
    assert marker.exists()


@pytest.mark.parametrize(
    "opcodes",
    [
        b"(S'touch MARKER'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'touch MARKER'\no.",  # OBJ
        b"\x80\x02cos\nsystem\n\x94c__builtin__\nmap\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0ctouch MARKER\x85R.",  # STACK_GLOBAL
    ],
)
def test_every_way_a_pickle_can_name_something_ends_in_a_stub(
    tmp_path: Path, opcodes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
        archive.writestr("x/data.pkl", opcodes)
    assert "os.system" in read_pickle(tmp_path / "x.pth").foreign
    assert not (tmp_path / "MARKER").exists()


def test_an_absurd_memo_number_takes_no_memory(tmp_path: Path) -> None:
    """Python's unpickler in C allocates a slot for every smaller memo number."""
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
        archive.writestr("x/data.pkl", b"\x80\x02}r\x00\x00\x00\x01.")  # 2^24
    tracemalloc.start()
    try:
        assert read_pickle(tmp_path / "x.pth").content == {}
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_key_that_takes_forever_to_hash_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
        # 2^64 empty rows
        archive.writestr("x/data.pkl", b"\x80\x02})" + b"2\x86" * 64 + b"K\x01s.")
    with pytest.raises(ModelError, match="a nested tuple as a key"):
        read_pickle(tmp_path / "x.pth")


@pytest.mark.parametrize("is_zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_a_pickle_is_read_only_up_to_the_size_limit(
    tmp_path: Path, is_zipped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pickle_file, "MAX_PICKLE", 10_000)
    pickled = b"\x80\x02" + b"N0" * 5_000 + b"N."
    if is_zipped:
        with zipfile.ZipFile(tmp_path / "x.pth", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x/data.pkl", pickled)
    else:
        (tmp_path / "x.pth").write_bytes(pickled * 4)
    with pytest.raises(ModelError, match=r"too long|truncated"):
        read_pickle(tmp_path / "x.pth")


@pytest.mark.parametrize("is_zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_a_truncated_file_gives_a_one_line_error(tmp_path: Path, is_zipped: bool) -> None:
    whole, cut = tmp_path / "whole.pth", tmp_path / "cut.pth"
    torch.save({"weight": {"a": torch.zeros(100)}}, whole, _use_new_zipfile_serialization=is_zipped)
    for size in (0, 1, 30, 100):
        cut.write_bytes(whole.read_bytes()[:size])
        with pytest.raises(ModelError) as error:
            read_pickle(cut)
        assert str(cut) in str(error.value) and "\n" not in str(error.value)


def test_arbitrary_bytes_give_a_one_line_error_or_values(tmp_path: Path) -> None:
    """The worst cases: random bytes, and a good file with single bytes changed."""
    torch.save({"weight": {"a": torch.zeros(3)}, "config": [1, 2]}, tmp_path / "x.pth")
    with zipfile.ZipFile(tmp_path / "x.pth") as archive:
        good = archive.read("x/data.pkl")
    noise = torch.Generator().manual_seed(1)
    for _ in range(300):
        spoilt = bytearray(good)
        for index in torch.randint(len(good), (2,), generator=noise).tolist():
            spoilt[index] = int(torch.randint(256, (), generator=noise))
        with zipfile.ZipFile(tmp_path / "y.pth", "w") as archive:
            archive.writestr("x/data.pkl", bytes(spoilt))
        try:
            PickleLayout(keys=("weight",)).tensors(read_pickle(tmp_path / "y.pth").content)
        except ModelError as error:
            assert "\n" not in str(error)


def test_a_name_with_control_characters_is_printed_in_one_line(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
        archive.writestr("x/data.pkl", b"\x80\x04\x8c\x08a\n\x1b[2Jbc\x8c\x01d\x93.")
    assert read_pickle(tmp_path / "x.pth").foreign == ("a??[2Jbc.d",)
