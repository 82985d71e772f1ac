"""The figures of `bench detector` as a table for the documents."""

from typing import Any

HEAD = ("set", "piles", "recipe 1", "recipe 2", "of plain", "middle", "F1", "false positives", "rule's F1")
NO_FIGURE = "–"


def markdown(result: dict[str, Any]) -> str:
    """Table in Markdown: a row for each set, AP50 of both recipes, the rest of recipe 2; then the goals."""
    lines = [_row(HEAD), _row(["---"] * len(HEAD))]
    plain = next(iter(result["sets"].values()))["recipe 2"]["ap50"]
    for name, told in result["sets"].items():
        first, second, rule = told["recipe 1"], told["recipe 2"], told["rule, recipe 2"]
        of_plain = None if second["ap50"] is None or not plain else second["ap50"] / plain
        f1, rule_f1 = (each["f1"] if told["piles"] else None for each in (second, rule))
        figures = [first["ap50"], second["ap50"], of_plain, second["ap_middle"], f1, second["false_positives"], rule_f1]
        lines.append(_row([name, str(told["piles"]), *map(_figure, figures)]))
    lines += [_row([name, reason, *[""] * (len(HEAD) - 2)]) for name, reason in result["missing"].items()]
    lines += ["", *(f"- {name}: {NO_FIGURE if value is None else value}" for name, value in result["goals"].items())]
    return "\n".join(lines)


def _row(cells: "list[str] | tuple[str, ...]") -> str:
    return f"| {' | '.join(cells)} |"


def _figure(value: float | None) -> str:
    return NO_FIGURE if value is None else f"{value:.2f}"
