"""docs/performance.md and its plot are made from the figures that are here."""

from typing import Any
from xml.etree import ElementTree

import pytest

from tests.benchmarks import page
from tests.benchmarks.on_gpu import PARTS, Day
from tests.benchmarks.page import ON_CARD, filled, plot, read_results, tables

CARD = "NVIDIA H100 80GB HBM3"
SD = {"fps": 130.0, "ms": 9.0, "diffusers_call_fps": 40.0, "diffusers_call_ms": 25.0}


def of_a_card(card: str, **found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{file}-{page.suffix(card)}": {"machine": {"card": card}} | each for file, each in found.items()}


def row(text: str, beginning: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {beginning} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_the_page_and_its_plot_are_up_to_date() -> None:
    text, results = page.PAGE.read_text(encoding="utf-8"), read_results()
    assert filled(text, results) == text, "run `python -m tests.benchmarks.page`"
    assert page.PLOT.read_text(encoding="utf-8") == plot(results), "run `python -m tests.benchmarks.page`"
    ElementTree.fromstring(plot(results))


def test_a_figure_stands_beside_its_rival_and_its_goal_and_what_is_not_measured_is_open() -> None:
    waits = {name: {"interval_ms_p99": ms} for name, ms in (("busy_child", 21.0), ("no_child", 17.0))}
    found = of_a_card(
        CARD,
        sd={"sd15": {"512x512, 1 step": SD}, "failed": {"part": "sd15, 2 steps", "reason": "no memory"}},
        isolation={"scenes": waits},
        rvc={"offline": {"s": 1.4}, "live": {"100 ms": {"ms_p50": 11.0}}},
        render={"gl": {"post_effects_ms": 1.2}},
    )
    text = tables(found)
    assert f"## {CARD}" in text and page.CARD not in text
    one = row(text, "SD 1.5, 512x512, 1 step, TAESD")
    assert one == ["130 pictures/s", "diffusers' pipeline: 40 pictures/s", "3.25", "> 125, ≥ 3 times: met"]
    alone = row(text, "SD 1.5, 512x512, 1 step, TAESD, a picture alone")
    assert alone == ["9 ms", "diffusers' pipeline: 25 ms", "2.78", ""]
    assert row(text, "SD 1.5, 512x512, 2 steps, TAESD")[:2] == ["open", "diffusers' pipeline: open"]
    assert row(text, "1080p60 beside busy SD, publication p99")[2:] == ["0.81", "≤ 1.15 of alone: missed"]
    assert row(text, "a voice, 180 s of sound") == ["1.4 s", "open", "open", "< 1: missed"]
    assert row(text, "a voice, live, a block of 100 ms")[-1] == "< 12: met"
    assert row(text, "post effects, 1080p")[-1] == "< 1.5: met"
    assert row(text, "SAM3, 1008 px, following 16 objects")[-1] == "≥ 25"
    assert "- `sd`: sd15, 2 steps failed: no memory" in text
    drawn = plot(found)
    assert ">3.25</text>" in drawn and drawn.count(">0.81</text>") == 1


def test_goals_are_judged_on_the_cards_that_they_are_for_and_each_card_has_its_table() -> None:
    found = of_a_card("NVIDIA RTX 3060", sd={"sd15": {"512x512, 1 step": SD}}) | of_a_card(CARD, sd={"sd15": {}})
    small, large = tables(found).partition(f"## {CARD}")[::2][::-1]
    assert "130 pictures/s" in small + large and ": met" not in small + large
    assert tables(found).index(CARD) < tables(found).index("NVIDIA RTX 3060")


@pytest.mark.parametrize("drawn_by", ["llvmpipe (LLVM 15.0.6, 256 bits)", "NVIDIA H100/PCIe/SSE2"])
def test_a_picture_that_the_cpu_drew_says_nothing_about_a_card(drawn_by: str) -> None:
    waits = {name: {"interval_ms_p99": 17.0} for name in ("busy_child", "no_child")}
    found = of_a_card(
        CARD,
        render={"gl": {"renderer": drawn_by, "post_effects_ms": 1.2}},
        isolation={"renderer": f"gl: {drawn_by}", "scenes": waits},
    )
    text, is_software = tables(found), drawn_by.startswith("llvmpipe")
    assert row(text, "post effects, 1080p")[0] == ("open" if is_software else "1.2 ms")
    assert row(text, "1080p60 beside busy SD, publication p99")[0] == ("open" if is_software else "17 ms")
    assert (f"- `render`: the card failed: {drawn_by} drew the picture" in text) == is_software


def test_each_row_of_a_card_reads_the_file_of_a_part_of_the_day(tmp_path: Any) -> None:
    day = Day("cuda", tmp_path, {"card": CARD})
    assert {row.file for row in ON_CARD} <= {part.name for part in PARTS}
    assert day.file(PARTS[1]).stem == f"sd-{page.suffix(CARD)}"
