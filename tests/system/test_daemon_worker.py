"""A daemon worker: tasks in order, and a program that can end while a task hangs."""

import subprocess
import sys
from pathlib import Path

from engine.system.daemon_worker import DaemonWorker

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
        [sys.executable, "-c", HANGS],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "hangs\n", "")


def test_all_tasks_are_done_in_order_and_their_results_and_errors_are_in_the_futures() -> None:
    done: list[int] = []
    worker = DaemonWorker("files")
    futures = [worker.submit(done.append, number) for number in range(100)]
    doubled, failed = worker.submit(lambda number: 2 * number, 21), worker.submit(int, "x")
    worker.shutdown()
    worker.shutdown()
    assert done == list(range(100)) and all(future.done() for future in futures)
    assert doubled.result() == 42 and isinstance(failed.exception(), ValueError)
