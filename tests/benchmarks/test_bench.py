"""The benchmarks run and report their figures. The values are not tested."""

import json
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import app as proofs
from tests.cli.conftest import Cli


def test_osc_finds_every_message_and_every_answer(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On machines of any speed."""
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path))
    done = cli(
        *"osc --rate 5000 --seconds 0.5 --size 160x90 --busy 1 --json".split(), commands=proofs
    )
    assert done.code == 0, done.err
    figures = json.loads(done.out)
    assert figures["messages"] == 2500 + figures["last_values"] and figures["last_values"] > 20
    for loss in ("lost", "last_values_lost", "unanswered", "dmx_lost"):
        assert figures[loss] == 0
    for wait in ("latency_ms", "arrival_to_frame_ms", "dmx_packet_to_value_ms"):
        assert figures[f"{wait}_p99"] >= figures[f"{wait}_p50"] > 0.0
    assert (
        figures["flood_end_to_frame_ms"] > 0.0
        and figures["questions"] >= 1
        and figures["dmx_packets"] >= 1
    )
    assert 0.0 <= figures["cores_busy_elsewhere"] <= 1.1 * figures["cores"], (
        "the condition of the losses"
    )
    assert figures["receive_buffer_bytes"] >= 65_536 and figures["cores_kept_busy"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ("rvc --shape v3-96k", 1, "shape v3-96k: not one of v2-48k"),
        ("rvc --block 5", 2, "--block: takes 20 to 1500"),
        ("sam3 --shape sam4 --device cpu", 1, "shape sam4: not one of sam3, sam3.1, tiny"),
        ("sam3 --mode video", 2, "--mode: takes image or track"),
        ("sam3 --prompts 5", 2, "--prompts: takes 1 to 4"),
        ("sam3 --resolution 640", 2, "--resolution: takes 1008, 840, 672, 504 or 336"),
        ("sd --size 100", 2, "--size: takes 64 to 8192, in steps of 64"),
        ("osc --size large", 2, "--size: 'large' is not WxH (for example 1280x720)"),
    ],
)
def test_an_unmeasurable_case_is_an_error_of_one_line(
    bench_here: Cli, arguments: str, code: int, reason: str
) -> None:
    done = bench_here(*arguments.split())
    assert done.code == code and reason in done.err and done.err.count("\n") == 1
