"""A daemon worker: tasks in order, and a program that can end while a task hangs."""

import subprocess
import sys
from pathlib import Path

HANGS = """
import threading
from engine.system.daemon_worker import DaemonWorker
begun = threading.Event()
worker = DaemonWorker("files")
worker.submit(lambda: (begun.set(), threading.Event().wait()))
begun.wait()
print("hangs")
"""


def test_a_program_ends_although_a_task_hangs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGS], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "hangs\n", "")
