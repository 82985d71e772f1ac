"""Tests the report of an unused graphics card: which card, why, and the fix. Machines are folders
with known files."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.render.unused_card import DriverFacts, explain_unused
from engine.system.graphics_card import CONTAINER_OPTION, REQUIRED_CAPABILITIES, find_cards
from tests.support.cases import cases_of

pytestmark = pytest.mark.only_on(
    "linux", "darwin", reason="the causes are device files and folders of Linux, by its paths"
)

CASES = cases_of(__file__)
NVIDIA_MACHINE, RADEON_MACHINE = CASES["machines"]["nvidia"], CASES["machines"]["radeon"]
CONTAINER = {".dockerenv": ""}


@pytest.fixture
def machine(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    def build(files: dict[str, str]) -> Path:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        return tmp_path

    return build


def without(files: dict[str, str], part: str) -> dict[str, str]:
    return {name: content for name, content in files.items() if part not in name}


def test_cards_are_found_by_their_files_in_a_sandbox_too(
    machine: Callable[[dict[str, str]], Path],
) -> None:
    root = machine(RADEON_MACHINE)
    assert [(card.name, card.file) for card in find_cards(root, {})] == [
        ("AMD card", root / "dev/dri/renderD129")
    ]
    machine(NVIDIA_MACHINE)
    assert [card.name for card in find_cards(root, {})] == ["NVIDIA H100 PCIe", "AMD card"]


def test_the_hosts_cards_are_not_the_containers(machine: Callable[[dict[str, str]], Path]) -> None:
    root = machine(without(NVIDIA_MACHINE, "dev/nvidia") | CONTAINER)
    assert find_cards(root, {}) == ()
    machine({"dev/nvidia3": "", "dev/nvidia-uvm": ""})
    assert [card.file for card in find_cards(root, {})] == [root / "dev/nvidia3"]


def test_the_page_names_the_capabilities_that_a_container_must_request() -> None:
    page = (
        Path(__file__)
        .parents[2]
        .joinpath("docs", "reference", "platforms.md")
        .read_text(encoding="utf-8")
    )
    section = page.partition("### In a container")[2].partition("\n## ")[0]
    assert ",".join(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == REQUIRED_CAPABILITIES
    assert CONTAINER_OPTION in section


@pytest.mark.parametrize("name", CASES["causes"])
def test_each_cause_is_reported_with_its_fix(
    name: str, machine: Callable[[dict[str, str]], Path]
) -> None:
    cause = CASES["causes"][name]
    files = dict(CASES["machines"].get(cause.get("machine"), {}))
    for part in cause.get("without", ()):
        files = without(files, part)
    root, environ = machine(files | cause.get("more", {})), cause.get("environ", {})
    facts = DriverFacts(
        root=root,
        environ=environ,
        errors=cause.get("errors", {}),
        can_load=lambda library: cause.get("is_library_there", False),
        may_open=lambda file: file.name != cause.get("closed"),
    )
    (card,) = find_cards(root, environ)
    line = str(explain_unused(card, facts))
    assert (
        line.startswith("software, although there is a card (")
        and cause["line"] in line
        and "\n" not in line
    )
