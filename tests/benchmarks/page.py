"""Fills docs/reference/performance.md and draws its plot from the figures in
tests/benchmarks/results.

Run `python -m tests.benchmarks.page` after a measurement; a test checks that both are up to date.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from engine.render.context import is_software
from tests.benchmarks.on_gpu import FAILED, RESULTS, ROOT, suffix

PAGE = ROOT / "docs" / "reference" / "performance.md"
PLOT = ROOT / "docs" / "pictures" / "performance.svg"
MARKER = re.compile(r"<!-- figures -->\n.*?<!-- end -->", re.DOTALL)
OPEN = "open"
CARD = "A graphics card (the goals are for an NVIDIA H100 or H200)"
CPU = "Two CPU cores without a graphics card; models on one thread"
OF_GOALS = re.compile(f"H[12]00|^{CPU}")
"""Where goals are judged: of a smaller card nobody knows whether it should meet them."""

Results = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    what: str
    file: str
    """Its name; of a card without the card's."""
    unit: str
    """pictures/s: more is better; anything else: less is better."""
    ours: str
    """The keys of the figure, with `/` between them; `1000 / ` before: the reciprocal, pictures/s
    of ms."""
    baseline: str = ""
    against: str = ""
    goal: str = ""
    """One of GOALS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row with the figures of one machine."""

    row: Row
    ours: float | None = None
    baseline: float | None = None

    @property
    def times(self) -> float | None:
        """How many times as fast as the baseline."""
        if not self.ours or not self.baseline:
            return None
        return self.ours / self.baseline if self.row.unit == RATE else self.baseline / self.ours


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    lines: list[Line]
    failed: list[str]


RATE = "pictures/s"
GOALS: dict[str, Callable[[float, float], bool]] = {
    "> 125, ≥ 3 times": lambda ours, times: ours > 125 and times >= 3,
    "> 106": lambda ours, _: ours > 106,
    "> 50": lambda ours, _: ours > 50,
    "≥ 25": lambda ours, _: ours >= 25,
    "< 12": lambda ours, _: ours < 12,
    "< 1.5": lambda ours, _: ours < 1.5,
    "< 1": lambda ours, _: ours < 1,
    "≤ 1.15 of alone": lambda _, times: times >= 1 / 1.15,
    "≤ 1.35 of it": lambda _, times: times >= 1 / 1.35,
    "not slower": lambda _, times: times >= 1.0,
    "≥ 3 times": lambda _, times: times >= 3.0,
    "≥ 1.5 times": lambda _, times: times >= 1.5,
}
"""Whether our figure, which is so many times as fast as the baseline's (0 where that is open),
meets the goal."""


def rows(name: str) -> tuple[Row, ...]:
    """Read the rows of a table beside this file, two lines each: description | file | unit | goal,
    then indented our figure | the baseline's | the baseline.

    A baseline's figure that begins with `..` stands beside ours."""
    table = Path(__file__).with_name(name).read_text(encoding="utf-8")
    lines = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()]
    for cells in lines[1::2]:
        cells[1:2] = [cell.replace("..", cells[0].rpartition("/")[0]) for cell in cells[1:2]]
    return tuple(
        Row(what, file, unit, ours, *baseline, goal=goal)
        for (what, file, unit, goal), (ours, *baseline) in zip(lines[::2], lines[1::2], strict=True)
    )


ON_CARD = rows("rows_on_card.txt")
ON_CPU = rows("rows_on_cpu.txt")


def sections(results: Mapping[str, Results]) -> Iterator[Section]:
    """Sections of the page: one for each card, or an open one, and that of the CPU. `results`: each
    file's, by stem."""
    cards = {
        found["machine"]["card"] for found in results.values() if "card" in found.get("machine", {})
    }
    for card in sorted(cards) or [CARD]:
        end = f"-{suffix(card)}"
        of_card = {
            stem.removesuffix(end): _by_card(found)
            for stem, found in results.items()
            if stem.endswith(end)
        }
        yield _section(card, ON_CARD, of_card)
    yield _section(CPU, ON_CPU, results)


def _by_card(found: Results) -> Results:
    """The figures, unless the CPU drew the picture: then the reason why there are none."""
    renderer = str(found.get("renderer") or found.get("gl", {}).get("renderer", ""))
    if renderer.startswith("numba: ") or is_software(renderer):
        return {FAILED: {"part": "the card", "reason": f"{renderer} drew the picture"}}
    return found


def fill_tables(text: str, results: Mapping[str, Results]) -> str:
    """The page with new tables."""
    return MARKER.sub(lambda _: f"<!-- figures -->\n{tables(results)}\n<!-- end -->", text)


def tables(results: Mapping[str, Results]) -> str:
    lines: list[str] = []
    for section in sections(results):
        head = "| | measured | baseline | times as fast | goal |"
        lines += [f"## {section.title}", "", head, "|---|---|---|---|---|"]
        lines += [_cells(line, bool(OF_GOALS.search(section.title))) for line in section.lines]
        lines += [
            "",
            *(f"- {failed}" for failed in section.failed),
            *([""] if section.failed else []),
        ]
    lines += _slopes(results.get("slopes-linux-2-cores", {})) + _knobs(
        results.get("knobs-linux-2-cores", {})
    )
    return "\n".join(lines).rstrip()


def _slopes(found: Results) -> list[str]:
    """The table of what more of each thing costs."""
    lines = [
        "## What more costs, on two CPU cores",
        "",
        "| | ms of a frame | slope |",
        "|---|---|---|",
    ]
    for axis, each in found.items():
        if "slope" in each:
            times = ", ".join(f"{value}: {_number(ms)}" for value, ms in each["ms"].items())
            lines.append(f"| {axis} | {times} | {each['slope']:g} |")
    return [*lines, ""] if found else []


def _knobs(found: Results) -> list[str]:
    """The table of pictures from a packet to the first one that carries it."""
    lines = [
        "## From a packet to the picture",
        "",
        "| | addresses in the next picture | in a later one |",
        "|---|---|---|",
    ]
    for part, measured in found.items():
        for scene, counts in measured.get("scenes", {}).items():
            later = sorted(
                (int(count), addresses) for count, addresses in counts.items() if count != "1"
            )
            names = "; ".join(
                f"{count}: {', '.join(f'`{each}`' for each in addresses)}"
                for count, addresses in later
            )
            lines.append(f"| {part}, {scene} | {len(counts.get('1', ()))} | {names} |")
    return [*lines, ""] if found else []


def plot(results: Mapping[str, Results]) -> str:
    """An SVG: for each row with a baseline a bar from 1, as long as the logarithm of how many times
    as fast we are."""
    label_px, width_px, row_px, end_px = 510, 1000, 20, 70
    bar_sections = [
        (section.title, [line for line in section.lines if line.times])
        for section in sections(results)
    ]
    bar_sections = [(title, lines) for title, lines in bar_sections if lines]
    all_times = [line.times or 1.0 for _, lines in bar_sections for line in lines]
    low, high = math.floor(math.log2(min(all_times))), math.ceil(math.log2(max(all_times)))
    scale_px = (width_px - label_px - end_px) / (high - low)

    def x(times: float) -> float:
        return label_px + (math.log2(times) - low) * scale_px

    height_px = 30 + row_px * sum(len(lines) + 2 for _, lines in bar_sections)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width_px} {height_px}" '
        'font-family="sans-serif" '
        'font-size="12" fill="#222">',
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for power in range(low, high + 1):
        times = 2.0**power
        colour = "#222" if power == 0 else "#ccc"
        parts.append(f'<path d="M{x(times):.1f} 24V{height_px - 6}" stroke="{colour}"/>')
        parts.append(f'<text x="{x(times):.1f}" y="16" text-anchor="middle">{times:g}</text>')
    y_px = 30
    for title, lines in bar_sections:
        parts.append(
            f'<text x="8" y="{y_px + 20}" font-weight="bold">{escape(title)}: times as fast '
            "as</text>"
        )
        y_px += row_px + 8
        for line in lines:
            times = line.times or 1.0
            left, right = sorted((x(1.0), x(times)))
            colour = "#2a7" if times >= 1.0 else "#c62"
            label = f"{line.row.what} / {line.row.against}"
            parts.append(
                f'<text x="{label_px - 8}" y="{y_px + 14}" text-anchor="end">{escape(label)}</text>'
            )
            bar = (
                f'x="{left:.1f}" y="{y_px + 3}" width="{max(right - left, 1):.1f}" '
                f'height="{row_px - 6}"'
            )
            parts.append(f'<rect {bar} fill="{colour}"/>')
            parts.append(f'<text x="{right + 6:.1f}" y="{y_px + 14}">{_number(times)}</text>')
            y_px += row_px
        y_px += row_px - 8
    return "\n".join([*parts, "</svg>"]) + "\n"


def read_results(folder: Path = RESULTS) -> dict[str, Results]:
    return {
        file.stem: json.loads(file.read_text(encoding="utf-8"))
        for file in sorted(folder.glob("*.json"))
    }


def _section(title: str, rows: Sequence[Row], results: Mapping[str, Results]) -> Section:
    failed = {
        row.file: "`{file}`: {part} failed: {reason}".format_map(
            {"file": row.file} | results[row.file][FAILED]
        )
        for row in rows
        if FAILED in results.get(row.file, {})
    }
    return Section(
        title, [_line(row, results.get(row.file, {})) for row in rows], list(failed.values())
    )


def _line(row: Row, found: Results) -> Line:
    return Line(row=row, ours=_read(row.ours, found), baseline=_read(row.baseline, found))


def _read(figure: str, found: Results) -> float | None:
    """The figure, or None if it was not measured."""
    keys, value = figure.removeprefix("1000 / "), found
    for key in keys.split("/"):
        if key not in value:
            return None
        value = value[key]
    number = float(str(value))
    return 1000.0 / number if keys != figure else number


def _cells(line: Line, is_of_goals: bool) -> str:
    row, times = line.row, line.times
    goal = row.goal
    if goal and line.ours is not None and is_of_goals:
        goal += ": met" if GOALS[goal](line.ours, times or 0.0) else ": missed"
    baseline = f"{row.against}: {_figure(line.baseline, row.unit)}" if row.against else OPEN
    cells = (
        row.what,
        _figure(line.ours, row.unit),
        baseline,
        OPEN if times is None else _number(times),
        goal,
    )
    return f"| {' | '.join(cells)} |"


def _figure(value: float | None, unit: str) -> str:
    return OPEN if value is None else f"{_number(value)} {unit}"


def _number(value: float) -> str:
    """With three digits."""
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def main() -> None:
    results = read_results()
    PAGE.write_text(fill_tables(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")
    PLOT.write_text(plot(results), encoding="utf-8")
    print(PAGE, PLOT, sep="\n")


if __name__ == "__main__":
    main()
