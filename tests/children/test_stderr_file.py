"""The file that gets a child's stdout and stderr; CPython's Modules/faulthandler.c writes the
output of a crash."""

import os
import tempfile
from pathlib import Path

import pytest

from engine.children import stderr_file


def test_a_verbose_child_keeps_its_newest_lines_without_append_mode(tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("w+b", buffering=0) as file:
        # one shared position, as with inherited handles
        stdout, stderr = (os.dup(file.fileno()), os.dup(file.fileno()))
        os.write(stdout, b"x" * (stderr_file.MAX_BYTES + 1))
        for number in range(3):
            stderr_file.truncate_long(stderr)  # four times per second
            os.write((stdout, stderr)[number % 2], b"line %d\n" % number)
        assert os.fstat(file.fileno()).st_size < 100, "no hole before them"
        assert stderr_file.read_tail(file) == [
            "(older lines were removed)",
            "line 0",
            "line 1",
            "line 2",
        ]
        os.close(stdout)
        os.close(stderr)


ACCESS_VIOLATION = b"""Windows fatal exception: access violation

Thread 0x00001a2c (most recent call first):
  File "C:\\engine\\children\\mailbox.py", line 59 in _run

Current thread 0x000024e8 (most recent call first):
  File "C:\\torch\\nn\\functional.py", line 7 in conv2d
  File "C:\\engine\\children\\diffusion.py", line 3 in run
"""


@pytest.mark.parametrize(
    ("printed", "crash_summary"),
    [
        (
            ACCESS_VIOLATION,
            'access violation in File "C:\\torch\\nn\\functional.py", line 7 in conv2d',
        ),
        (ACCESS_VIOLATION + b"ModelError: no such file\n", "ModelError: no such file"),
        (b"a driver handled one:\n" + 2 * ACCESS_VIOLATION, "access violation in File"),
    ],
    ids=["the end of the process", "handled by a library", "the second was the end"],
)
def test_a_child_that_crashes_names_its_line(printed: bytes, crash_summary: str) -> None:
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(printed)
        assert stderr_file.crash_summary(stderr_file.read_tail(file)).startswith(crash_summary)
