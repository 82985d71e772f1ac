"""The memory of a card that processes share, with known figures in place of a driver's."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engine.children.policy import Deadlines
from engine.errors import DeviceFullError
from engine.models import card_memory
from engine.models.card_memory import (
    GIB,
    card_facts,
    limit_to_free,
    reserve_memory,
    translate_load_oom,
)
from engine.models.rvc import VoiceSpec
from engine.models.rvc import load as rvc
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3 import load as sam3
from engine.models.sd import load as sd
from engine.models.sd.spec import ModelSpec
from tests.support.fake_cuda.installation import installed
from tests.support.fake_cuda.walking import HAS_CARD

CARD = torch.device("cuda", 0)


@pytest.fixture(autouse=True)
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fake card with 8 GiB of memory, of which 3 are free."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3 * GIB, 8 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 1 * GIB)
    monkeypatch.setattr(card_memory, "card_uuid", lambda device: "GPU-1")
    # on Windows the desktop has a part
    monkeypatch.setattr(card_memory, "sys", SimpleNamespace(platform="linux"))


def claims(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_model_that_does_not_fit_is_refused_with_the_figures(tmp_path: Path) -> None:
    with pytest.raises(DeviceFullError) as refused, reserve_memory(CARD, lambda: 3 * GIB, "big"):
        raise AssertionError("loaded")
    assert str(refused.value).startswith(
        "big: its weights take 3.0 GiB, its workspaces 0.2 GiB; of 8.0 GiB cuda:0 has 3.0 GiB "
        "left; close"
    )
    assert claims(tmp_path) == [], "a refused model claims nothing"


def test_two_models_that_are_loaded_at_once_do_not_take_the_same_memory(tmp_path: Path) -> None:
    waits = list[float]()
    with reserve_memory(CARD, lambda: GIB + GIB // 4, "first"):
        second = reserve_memory(CARD, lambda: 2 * GIB, "second", sleep=waits.append)
        with (
            pytest.raises(
                DeviceFullError, match=r"left, less 1\.5 GiB that models being loaded claim"
            ),
            second,
        ):
            raise AssertionError("loaded")
        assert 60.0 < sum(waits) < 0.5 * Deadlines().loading_s, (
            "the rest of the deadline is for its own load"
        )
        with (
            reserve_memory(CARD, lambda: GIB, "small", sleep=waits.clear),
            reserve_memory("cpu", lambda: 99 * GIB, "elsewhere"),
        ):
            assert len(claims(tmp_path)) == 2 and waits, "what fits beside the claim does not wait"
    with reserve_memory(CARD, lambda: 2 * GIB, "second"):
        assert len(claims(tmp_path)) == 1


def test_what_another_model_has_uploaded_is_not_counted_twice(tmp_path: Path) -> None:
    polls = list[float]()

    def poll(seconds: float) -> None:
        polls.append(seconds)
        if len(polls) == 3:
            loaded.__exit__(None, None, None)

    # its memory is no longer left, and still claimed
    loaded = reserve_memory(CARD, lambda: GIB, "first")
    loaded.__enter__()
    with reserve_memory(CARD, lambda: 2 * GIB, "second", sleep=poll):
        assert (len(polls), len(claims(tmp_path))) == (3, 1)


def test_the_claims_of_a_dead_process_of_another_card_and_of_a_later_one_do_not_count(
    tmp_path: Path,
) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    alive, size = os.getpid(), 3 * GIB
    now_ns = time.time_ns()
    names = {
        "dead": f"multiverse-card,GPU-1,{now_ns:020},{dead.pid},{size}",
        "old": f"multiverse-card,GPU-1,{now_ns - 10**12:020},{alive},{size}",
        "other card": f"multiverse-card,GPU-2,{now_ns:020},{alive},{size}",
        "later": f"multiverse-card,GPU-1,{10**19:020},{alive},{size}",
        "foreign": "multiverse-card,GPU-1,notes.txt",
    }
    for name in names.values():
        (tmp_path / name).touch()
    with reserve_memory(CARD, lambda: 2 * GIB, "fits"):
        pass
    assert claims(tmp_path) == sorted(
        name for kind, name in names.items() if kind not in ("dead", "old")
    )


def test_claims_that_cannot_be_made_or_removed_do_not_stop_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(file: Path, *arguments: Any, **options: Any) -> None:
        raise PermissionError("in a folder with the sticky bit, or full, or read-only")

    (tmp_path / f"multiverse-card,GPU-1,{time.time_ns() - 10**12:020},1,{3 * GIB}").touch()
    for name in ("unlink", "touch"):
        monkeypatch.setattr(Path, name, refused)
    with reserve_memory(CARD, lambda: 2 * GIB, "fits"):
        pass


def test_on_windows_a_process_is_limited_to_what_is_left_beside_the_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits: list[tuple[float, int]] = []

    def limit(fraction: float, device: Any = None) -> None:
        limits.append(
            (fraction, 0 if device is None else torch.cuda._utils._get_device_index(device))
        )  # as torch does

    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", limit)
    limit_to_free(CARD)
    assert limits == [], "elsewhere a full card is an error by itself"
    monkeypatch.setattr(card_memory, "sys", SimpleNamespace(platform="win32"))
    for device in (CARD, "cuda", "cuda:1", "cpu"):
        limit_to_free(device)
    assert limits == [(pytest.approx((3 + 1) / 8 - 0.1), index) for index in (0, 0, 1)]
    with (
        pytest.raises(DeviceFullError, match=r"cuda:0 has 2\.2 GiB left"),
        reserve_memory(CARD, lambda: 2 * GIB, "over the limit"),
    ):
        raise AssertionError("loaded")
    with reserve_memory(CARD, lambda: GIB, "within the limit"):
        pass


@pytest.mark.skipif(HAS_CARD, reason="has a CUDA device, whose memory is not ours to fill")
@pytest.mark.parametrize("kind", ["sd", "sam3", "sam3, offloaded", "rvc"])
def test_each_model_is_refused_by_a_card_without_room(kind: str, tiny_models: Any) -> None:
    load: Any
    specs: list[Any]
    if kind == "sd":
        load, specs = (
            sd.load,
            [ModelSpec(model=name) for name in (str(tiny_models.sd()), "random:tiny")],
        )
    elif kind == "rvc":
        voice = tiny_models.voice()
        ours = VoiceSpec(
            model=str(voice / "voice.pth"), content=str(voice / "content"), pitch="yin"
        )
        load, specs = rvc.load, [ours, VoiceSpec(model="random:tiny", pitch="yin")]
    else:
        whole = SegmentationSpec(model=str(tiny_models.sam3()), resolution=336)
        load, specs = sam3.load, [whole, replace(whole, model="random:tiny")]
        if kind != "sam3":
            specs = [replace(whole, is_offloaded=True)]
    # libraries ask once whether there is a card, and keep the answer
    load(specs[-1], "cpu", "float32")
    with installed() as there:
        there.free_bytes = card_memory.WORKSPACE_BYTES
        for spec in specs:
            with pytest.raises(
                DeviceFullError, match=r"its weights take 0\.\d GiB, .* cuda has 0\.2 GiB left"
            ):
                load(spec, "cuda", "float32")


@pytest.mark.parametrize(
    ("device", "dtype", "end"),
    [
        ("cuda", "float16", "cuda; 3.0 GiB of 8.0 GiB are left"),
        ("mps", "float32", "mps; try the dtype float16"),
    ],
)
def test_a_device_that_runs_full_while_a_model_loads_is_reported_with_a_fix(
    device: str, dtype: str, end: str
) -> None:
    with pytest.raises(DeviceFullError) as raised, translate_load_oom("big", device, dtype):
        raise RuntimeError("MPS backend out of memory")
    assert str(raised.value) == f"big: not enough memory for its weights on {end}"
    with pytest.raises(RuntimeError, match="shapes"), translate_load_oom("broken", device, dtype):
        raise RuntimeError("shapes cannot be multiplied")


def test_the_status_has_the_free_memory_of_the_card() -> None:
    assert card_facts(CARD) == {"card_mb": 8192, "card_free_mb": 3072}
    assert card_facts(torch.device("cpu")) == {}
