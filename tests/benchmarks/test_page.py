"""docs/reference/performance.md and its plot are made from the figures that are here."""

from typing import Any
from xml.etree import ElementTree

from tests.benchmarks import page
from tests.benchmarks.on_gpu import PARTS, Day
from tests.benchmarks.page import ON_CARD, fill_tables, plot, read_results, tables

CARD = "NVIDIA H100 80GB HBM3"
SD = {"fps": 130.0, "ms": 9.0, "diffusers_call_fps": 40.0, "diffusers_call_ms": 25.0}


def of_a_card(card: str, **found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{file}-{page.suffix(card)}": {"machine": {"card": card}} | each
        for file, each in found.items()
    }


def row(text: str, beginning: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {beginning} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_the_page_and_its_plot_are_up_to_date() -> None:
    text, results = page.PAGE.read_text(encoding="utf-8"), read_results()
    assert fill_tables(text, results) == text, "run `python -m tests.benchmarks.page`"
    assert page.PLOT.read_text(encoding="utf-8") == plot(results), (
        "run `python -m tests.benchmarks.page`"
    )
    ElementTree.fromstring(plot(results))


def test_a_figure_is_beside_its_baseline_and_goal_and_an_unmeasured_one_is_open() -> None:
    waits = {
        name: {"interval_ms_p99": ms} for name, ms in (("busy_child", 21.0), ("no_child", 17.0))
    }
    found = of_a_card(
        CARD,
        sd={
            "sd15": {"512x512, 1 step": SD},
            "failed": {"part": "sd15, 2 steps", "reason": "no memory"},
        },
        isolation={"scenes": waits},
        render={"gl": {"renderer": "llvmpipe (LLVM 15.0.6, 256 bits)", "post_effects_ms": 1.2}},
    )
    text = tables(found)
    one = row(text, "SD 1.5, 512x512, 1 step, TAESD")
    assert one == [
        "130 pictures/s",
        "diffusers' pipeline: 40 pictures/s",
        "3.25",
        "> 125, ≥ 3 times: met",
    ]
    assert row(text, "SD 1.5, 512x512, 1 step, TAESD, a picture alone")[2] == "2.78", (
        "ms: less is better"
    )
    assert row(text, "SD 1.5, 512x512, 2 steps, TAESD")[:2] == ["open", "diffusers' pipeline: open"]
    assert row(text, "1080p60 beside busy SD, publication p99")[2:] == [
        "0.81",
        "≤ 1.15 of alone: missed",
    ]
    assert "- `sd`: sd15, 2 steps failed: no memory" in text
    assert row(text, "post effects, 1080p")[0] == "open", "the CPU drew it"
    assert ">3.25</text>" in plot(found)
    small = tables(of_a_card("NVIDIA RTX 3060", sd={"sd15": {"512x512, 1 step": SD}}))
    assert "130 pictures/s" in small and ": met" not in small, "goals are for other cards"


def test_each_row_of_a_card_reads_the_file_of_a_part_of_the_day(tmp_path: Any) -> None:
    day = Day("cuda", tmp_path, {"card": CARD})
    assert {row.file for row in ON_CARD} <= {part.name for part in PARTS}
    assert day.file(PARTS[1]).stem == f"sd-{page.suffix(CARD)}"
