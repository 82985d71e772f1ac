"""Every job, killed at any place and resumed, gives the bytes of an uninterrupted run.

The dataset has the same test with its own processes: tests/jobs/dataset/running/test_runs.py.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import TinyModels

KILLS = 20 if os.environ.get("MULTIVERSE_SOAK") == "1" else 2
ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.parametrize("job", ["video", "segment image", "segment track", "convert"])
def test_a_run_killed_anywhere_and_resumed_gives_the_bytes_of_an_uninterrupted_one(
    job: str, tiny_models: TinyModels, tmp_path: Path
) -> None:
    name = job.partition(" ")[0]
    models = {
        "video": tiny_models.sd,
        "segment": lambda: tiny_models.sam3(kind="seeing"),
        "convert": lambda: tiny_models.voice(kind="singing"),
    }
    asked = {"job": job, "folder": str(tmp_path), "model": str(models[name]()), "kills": KILLS, "seed": 23}
    done = subprocess.run(
        [sys.executable, "-m", "tests.jobs.killed_runs", json.dumps(asked)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["killed"] == KILLS
