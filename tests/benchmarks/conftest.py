"""Commands of `tests.benchmarks` in this process, and a renderer. Torch and the like are imported
once, not again for each measurement."""

import faulthandler
import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from types import SimpleNamespace
from typing import IO, Any

import pytest

from tests.benchmarks import measuring
from tests.benchmarks.__main__ import app as proofs
from tests.cli.conftest import Cli, CliResult, cli
from tests.render.conftest import gl, gl_renderers
from tests.support.long_form import IS_SOAK

__all__ = ["cli", "gl", "gl_renderers"]


class MeasuredHere:
    """Replaces the measuring process: runs its command line in this process."""

    def __init__(self, arguments: list[str], *, stderr: IO[bytes], **_: Any) -> None:
        code, argument = arguments[-2:]
        path, argv, out = sys.path[:], sys.argv, io.StringIO()
        sys.argv = ["-c", argument]
        try:
            with (
                redirect_stdout(out),
                redirect_stderr(io.TextIOWrapper(stderr, write_through=True)) as errors,
            ):
                exec(code, {"__name__": "__main__"})
            errors.detach()
        finally:
            sys.path[:], sys.argv = path, argv
        self.stdout = io.StringIO(out.getvalue())

    def __enter__(self) -> "MeasuredHere":
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def bench_here(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """`bench_here("sam3", ...)`: output of the command, measured in this process. One test per
    measurement uses a separate process."""
    if not IS_SOAK:
        # takes a second; no test reads the figure
        monkeypatch.setattr("tests.benchmarks.device_measuring.MATMUL_RUNS", 3)
    monkeypatch.setattr(
        measuring, "subprocess", SimpleNamespace(Popen=MeasuredHere, PIPE=subprocess.PIPE)
    )
    monkeypatch.setattr(faulthandler, "enable", lambda: None)  # pytest has enabled it already

    def start(*arguments: object) -> CliResult:
        return cli(*arguments, commands=proofs)

    return start
