"""The benchmark of rings runs and reports its figures. Its times are not tested."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Said

ASKED = ("bench", "ipc", "--blocks", "1", "--frames", "500")
MULTIVERSE = [sys.executable, "-m", "engine.cli.main", *ASKED]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path))
    return tmp_path


def test_ipc_reports_copies_beside_a_queue_wake_ups_and_torn_frames(home: Path) -> None:
    done = subprocess.run([*MULTIVERSE, "--json"], capture_output=True, text=True, cwd=home, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    for size in ("512x512x3", "1920x1080x4"):
        figures = result[size]
        assert set(figures) == {
            *("queue_handover_ms", "ring_handover_ms", "ring_write_ms", "ring_read_ms"),
            *("times_faster_a_copy", "times_faster_handover"),
        }
        assert min(figures[name] for name in figures if name.endswith("_ms")) > 0
    assert set(result["wake_up"]) == {"queue_ms_p50", "queue_ms_p99", "ring_ms_p50", "ring_ms_p99"}
    assert (result["numbered"]["read"], result["numbered"]["torn"]) == (500, 0)
    assert result["numbered"]["written"] >= 500


def test_without_json_the_output_is_a_table(home: Path, say: Callable[..., Said]) -> None:
    lines = dict(line.split() for line in say(*ASKED).out.splitlines())
    assert lines["numbered.torn"] == "0"
    assert float(lines["512x512x3.queue_handover_ms"]) > 0 and "512x512x3.times_faster_a_copy" in lines
