"""What the system lacks is told with its name and its command, and demanded where all is to run."""

import os
import shutil

import pytest

from tests.support.needed import NEEDED, left_out_lines, require


def reason_of(name: str) -> str:
    with pytest.raises(pytest.skip.Exception) as skipped:
        require(False, name)
    return f"Skipped: {skipped.value.msg}"


def test_the_last_lines_count_what_was_left_out_and_give_one_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MULTIVERSE_REQUIRE_ALL", raising=False)
    monkeypatch.setattr(
        shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None
    )
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    reasons = [
        *[reason_of("OpenGL")] * 3,
        reason_of("liblo"),
        reason_of("npm's packages"),
        reason_of("IPv6"),
    ]
    assert reasons[0] == (
        "Skipped: needs OpenGL (sudo apt-get install -y --no-install-recommends libegl1 libgl1 "
        "libgl1-mesa-dri)"
    )
    others = ["Skipped: takes seconds: MULTIVERSE_SOAK=1", "Skipped: only on win32: its paths"]
    assert left_out_lines([*reasons, *others]) == [
        "tests left out, by what they need: OpenGL (3), liblo (1), npm's packages (1), IPv6 (1)",
        "all of it: sudo apt-get install -y --no-install-recommends libegl1 libgl1 "
        "libgl1-mesa-dri liblo-tools npm"
        " && npm ci --prefix .ci/node",
    ]
    assert left_out_lines(others) == []


@pytest.mark.parametrize("name", NEEDED)
def test_where_all_is_demanded_nothing_is_left_out(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MULTIVERSE_REQUIRE_ALL", "1")
    require(True, name)
    with pytest.raises(pytest.fail.Exception, match=f"but the test needs {name}"):
        require(False, name)
