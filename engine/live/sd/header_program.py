"""The process that reads the headers of models for lists: thousands of names in a file, beside which no frame is late.

It answers each question, a line, with a line, and ends when its input closes.
"""

import contextlib
import sys
from typing import Final

import msgspec

from engine.errors import ChildError, in_one_line
from engine.models.sd.plan.headline import Headline, model_headline, part_headline
from engine.models.sd.spec import ModelSpec
from engine.system.priority import give_way
from engine.system.worker_process import WorkerProcess, claim_output

NICENESS: Final = 10
DEADLINE_S: Final = 30.0  # for a file: a drive in the network may have to wake up
MAX_END_S: Final = 2.0


class Question(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    path: str
    spec: ModelSpec | None = None
    """That of a whole model."""


def main() -> None:
    answers = claim_output()
    give_way(NICENESS)
    with contextlib.suppress(OSError):  # the engine is gone
        while line := sys.stdin.buffer.readline():
            asked = msgspec.json.decode(line, type=Question)
            answers.write(msgspec.json.encode(headline_of(asked)) + b"\n")
            answers.flush()


def headline_of(asked: Question) -> Headline:
    return model_headline(asked.spec) if asked.spec else part_headline(asked.kind, asked.path)


class HeaderReader:
    """The engine's end. One thread."""

    def __init__(self) -> None:
        self._process: WorkerProcess | None = None

    def read(self, question: Question) -> Headline:
        """The headline, or one that says why there is none. Starts the process if it does not run."""
        try:
            if self._process is None:
                self._process = WorkerProcess("engine.live.sd.header_program", "main()", niceness=NICENESS)
            self._process.send(msgspec.json.encode(question) + b"\n")
            line = self._process.receive(DEADLINE_S)
        except (ChildError, OSError) as error:
            return Headline(fault=f"its header cannot be read ({in_one_line(error)})")
        except EOFError:  # something in it that nobody has thought of, or the process was killed
            self.close()
            return Headline(fault="its header cannot be read: the process that reads it has ended")
        if line is None:
            self.close()
            return Headline(fault=f"its header was not read within {DEADLINE_S:g} s")
        return msgspec.json.decode(line, type=Headline)

    def close(self) -> None:
        if self._process is not None:
            self._process.kill(MAX_END_S)
            self._process = None
