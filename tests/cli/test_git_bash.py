"""OSC addresses that Git Bash turned into paths are addresses again."""

import pytest

from engine.cli import osc
from engine.cli.git_bash import with_addresses
from engine.errors import UsageError

GIT = {"MSYSTEM": "MINGW64", "SHELL": r"C:\Program Files\Git\usr\bin\bash.exe"}


@pytest.mark.parametrize(
    ("environment", "argument", "typed"),
    [
        (GIT, "C:/Program Files/Git/preset/load", "/preset/load"),
        (GIT, "C:/Program Files/Git/layer/*/angle", "/layer/*/angle"),
        (GIT, "C:/Program Files/Git/layer/1/angle=45", "/layer/1/angle=45"),
        (GIT, "--set=C:/Program Files/Git/layer/1/angle=45", "--set=/layer/1/angle=45"),
        (
            {**GIT, "SHELL": "", "EXEPATH": r"C:\Program Files\Git\bin"},
            "C:/Program Files/Git/get",
            "/get",
        ),
        (
            {"MSYSTEM": "UCRT64", "SHELL": "C:/msys64/usr/bin/bash"},
            "C:/msys64/master/fade",
            "/master/fade",
        ),
    ],
)
def test_an_address_is_as_it_was_typed(
    environment: dict[str, str], argument: str, typed: str
) -> None:
    assert with_addresses(["osc", argument, "Prism"], environment) == ["osc", typed, "Prism"]


@pytest.mark.parametrize(
    ("environment", "argument"),
    [
        ({}, "C:/Program Files/Git/preset/load"),
        (GIT, "C:/Program Files/Git/etc/hosts"),
        (GIT, "C:/Users/vj/camera/walk.mp4"),
        (GIT, "/preset/load"),
        ({"MSYSTEM": "MINGW64"}, "C:/Program Files/Git/preset/load"),
    ],
)
def test_a_file_and_the_arguments_of_another_shell_stay(
    environment: dict[str, str], argument: str
) -> None:
    assert with_addresses([argument], environment) == [argument]


def test_a_path_that_cannot_be_undone_names_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSYSTEM", "MINGW64")
    with pytest.raises(
        UsageError, match=r"^D:/x: an OSC address begins with /; .*MSYS_NO_PATHCONV=1 before"
    ):
        osc.send("D:/x")
