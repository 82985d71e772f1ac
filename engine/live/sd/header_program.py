"""A worker process that reads model headers for the lists, so that long headers do not delay the
frames.

It answers each question (one line of JSON) with one line of JSON, and ends when its input closes.
"""

import contextlib
import sys
from typing import Final

import msgspec

from engine.errors import ChildError, in_one_line
from engine.models.sd.plan.model_summary import ModelSummary, summarize_model, summarize_part
from engine.models.sd.spec import ModelSpec
from engine.system.priority import lower_priority
from engine.system.worker_process import WorkerProcess, claim_output

NICENESS: Final = 10
DEADLINE_S: Final = 30.0  # for a file: a drive in the network may have to wake up
MAX_END_S: Final = 2.0


class Question(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    path: str
    spec: ModelSpec | None = None
    """For a whole model; None for a part."""


def main() -> None:
    """Run the worker process: answer each line of the standard input."""
    answers = claim_output()
    lower_priority(NICENESS)
    with contextlib.suppress(OSError):  # the engine has ended
        while line := sys.stdin.buffer.readline():
            answers.write(
                msgspec.json.encode(summary_of(msgspec.json.decode(line, type=Question))) + b"\n"
            )
            answers.flush()


def summary_of(question: Question) -> ModelSummary:
    return (
        summarize_model(question.spec)
        if question.spec
        else summarize_part(question.kind, question.path)
    )


class HeaderReader:
    """The engine's connection to the worker process. Single thread."""

    def __init__(self) -> None:
        self._process: WorkerProcess | None = None

    def read(self, question: Question) -> ModelSummary:
        """Ask for a summary; its `fault` says why there is none. Starts the process if it does not
        run."""
        try:
            if self._process is None:
                self._process = WorkerProcess(
                    "engine.live.sd.header_program", "main()", niceness=NICENESS
                )
            self._process.send(msgspec.json.encode(question) + b"\n")
            line = self._process.receive(DEADLINE_S)
        except (ChildError, OSError) as error:
            return ModelSummary(fault=f"its header cannot be read ({in_one_line(error)})")
        except EOFError:  # an unexpected header, or the process was killed
            self.close()
            return ModelSummary(
                fault="its header cannot be read: the process that reads it has ended"
            )
        if line is None:
            self.close()
            return ModelSummary(fault=f"its header was not read within {DEADLINE_S:g} s")
        return msgspec.json.decode(line, type=ModelSummary)

    def close(self) -> None:
        if self._process is not None:
            self._process.kill(MAX_END_S)
            self._process = None
