"""Every job, killed at any place and resumed, gives the bytes of an uninterrupted run.

The dataset has the same test with its own processes: tests/dataset/running/test_runs.py.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import TinyModels
from tests.support.long_form import IS_SOAK, in_long_form

KILLS = 20 if IS_SOAK else 1
MAX_S = 2400.0  # all jobs together, twenty kills each
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def runs() -> Iterator[subprocess.Popen[str]]:
    """The process that all jobs run in, which imports torch once."""
    command = [sys.executable, "-m", "tests.jobs.killed_runs"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        watchdog = threading.Timer(MAX_S, process.kill)
        watchdog.start()
        yield process
        watchdog.cancel()
    assert process.returncode == 0


@pytest.mark.parametrize(
    "job", ["video", "convert", *in_long_form("segment track", "segment image")]
)
def test_a_run_killed_anywhere_and_resumed_gives_the_bytes_of_an_uninterrupted_one(
    job: str, runs: subprocess.Popen[str], tiny_models: TinyModels, tmp_path: Path
) -> None:
    name = job.partition(" ")[0]
    models = {
        "video": tiny_models.sd,
        "segment": lambda: tiny_models.sam3(kind="seeing", side_px=112),
        "convert": lambda: tiny_models.voice(kind="singing"),
    }
    request = {
        "job": job,
        "folder": str(tmp_path),
        "model": str(models[name]()),
        "kills": KILLS,
        "seed": 23,
    }
    assert runs.stdin is not None and runs.stdout is not None
    print(json.dumps(request), file=runs.stdin, flush=True)
    result = json.loads(runs.stdout.readline())
    assert result.get("killed") == KILLS, result
