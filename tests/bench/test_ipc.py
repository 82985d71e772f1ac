"""The benchmark of rings runs and reports its figures. Its times are not tested."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Said

ASKED = ("bench", "ipc", "--blocks", "1", "--frames", "500")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path))
    return tmp_path


def test_without_json_the_output_is_a_table(home: Path, say: Callable[..., Said]) -> None:
    lines = dict(line.split() for line in say(*ASKED).out.splitlines())
    assert lines["numbered.torn"] == "0"
    assert float(lines["512x512x3.queue_handover_ms"]) > 0 and "512x512x3.times_faster_a_copy" in lines
