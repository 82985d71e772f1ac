"""The task that runs on a machine of the cluster: makes one picture and returns its files."""

import faulthandler
import io
import logging
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

from engine.jobs.dataset.running.policy import failure_of
from engine.jobs.dataset.running.worker import attempt
from engine.jobs.dataset.task import task_of
from engine.system.plain_text import write_plain_lines


class NotMadeError(Exception):
    """A failed attempt: the reason in one line, and the log. Ray retries the task, on another machine if it can."""

    def __init__(self, reason: str, log: str) -> None:
        super().__init__(reason, log)
        self.reason, self.log = reason, log


def make_files(task: str, timeout_s: float) -> dict[str, Any]:
    """Make the picture; return `files` by path, `log`, `seconds`, and `made` or a final `failure`.

    After `timeout_s` its process exits, even if it hangs; Ray starts another.
    """
    # faulthandler's thread does not need the GIL, which a hanging driver may hold
    faulthandler.dump_traceback_later(timeout_s, exit=True)
    began_s = time.perf_counter()
    output = io.StringIO()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=output, force=True)
    write_plain_lines(logging.getLogger())
    machine = socket.gethostname()
    try:
        with tempfile.TemporaryDirectory(prefix="multiverse-picture-", ignore_cleanup_errors=True) as folder:
            result = attempt(task_of(task), Path(folder))
            files = {path: Path(folder, path).read_bytes() for path in result.get("made", {}).get("sha256", {})}
    except OSError as error:  # this machine's disk failed; another machine may succeed
        raise NotMadeError(f"{machine}: {failure_of(error).reason}", output.getvalue()) from None
    finally:
        faulthandler.cancel_dump_traceback_later()
    failure = result.get("failure")
    if failure and not failure["is_final"]:
        raise NotMadeError(f"{machine}: {failure['reason']}", output.getvalue())
    return result | {"files": files, "log": output.getvalue(), "seconds": time.perf_counter() - began_s}
