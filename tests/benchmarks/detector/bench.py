"""Proof by training: a small detector is trained on recipe 1 and on recipe 2 of `multiverse
dataset`, then tried on sets that differ from the training in one thing each. Beside it are rules of
brightness and colour that learn nothing.

Both trainings have the same network, steps, augmentation and number of pixels. The pictures are
drawn by the command itself and stay in the work folder, so that an interrupted run draws them no
second time. A pile counts as found by its box (AP50: COCO's average precision at an overlap of
0.5), and by its middle, which is kinder to the rules; precision, recall and F1 are those of the
middles. The score from which a detector's boxes count is chosen on the plain set.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch

from engine.dataset.cycles.finding import install_command, locate_blender
from tests.benchmarks.detector.network import FoundBoxes, build_network, count_weights, find
from tests.benchmarks.detector.pictures import cut_views, draw_pictures, folder_name, read_pictures
from tests.benchmarks.detector.scoring import Ranked, nearness, overlap, rank
from tests.benchmarks.detector.sets import (
    CYCLES,
    PLAIN,
    RECIPE_1,
    SETS,
    TRAINING,
    VIEW_PX,
    DetectorBench,
    read_sets,
)
from tests.benchmarks.detector.threshold import best_rule, find_spots
from tests.benchmarks.detector.training import (
    BATCH,
    CROP_PX,
    LabelledPicture,
    has_fast_bfloat16,
    train,
)
from tests.benchmarks.measuring import Progress, in_own_process

TRAIN, TRY = "training", "set"
VIEWS_A_PICTURE = 16  # views cut from a whole picture of recipe 1; 48 would fit beside one another
MAX_RULE_PICTURES = 24  # on which the rules are chosen, which takes a second a picture
DRAWING_PART = 0.5
"""Share of the progress bar for drawing; the rest is training and trying."""

TABLE_HEAD = (
    "set",
    "piles",
    "recipe 1",
    "recipe 2",
    "of plain",
    "middle",
    "F1",
    "false positives",
    "rule's F1",
)
NO_FIGURE = "–"
Pictures = list[LabelledPicture]
Finder = Callable[[np.ndarray], FoundBoxes]


def run(options: DetectorBench, progress: Progress) -> dict[str, Any]:
    """Figures by set, and `markdown`, which shows them as a table. ModelError if a part fails."""
    read_sets(options.sets)
    return in_own_process(_measure, options, progress)


def _measure(options: DetectorBench, progress: Progress) -> dict[str, Any]:
    torch.set_num_threads(options.threads)
    sets, steps = read_sets(options.sets), options.steps
    names = [PLAIN, *(name for name in SETS if name != PLAIN and (not sets or name in sets))]
    missing = (
        {CYCLES: f"needs Blender: {install_command()}"}
        if CYCLES in names and not locate_blender()
        else {}
    )
    available = [name for name in names if name not in missing]
    folders = _draw(options.work, options.views, options.pictures, available, progress)
    tried = {name: _views(folders[TRY, name], name, options.pictures) for name in available}

    result = progress.begin(
        {
            "cores": os.cpu_count(),
            "threads": options.threads,
            "steps": steps,
            "crops": f"{BATCH} of {CROP_PX} px a step",
            "seeds": options.seeds,
            "dtype": "bfloat16" if has_fast_bfloat16() else "float32",
            "weights": count_weights(build_network(seed=0)),
            "training": {},
            "sets": {name: _facts(SETS[name], tried[name]) for name in available},
            "missing": missing,
        }
    )
    for number, recipe in enumerate(TRAINING):
        some = _views(folders[TRAIN, recipe], recipe, options.views)
        facts = result["training"][recipe] = _facts(TRAINING[recipe], some)
        rule = best_rule(some[:MAX_RULE_PICTURES])
        facts["rule"] = asdict(rule)
        _add(result["sets"], f"rule, {recipe}", [_figures(tried, partial(find_spots, rule=rule))])
        runs = []
        for seed in range(options.seeds):
            begun, span = (
                (number + seed / options.seeds) / len(TRAINING),
                1 / len(TRAINING) / options.seeds,
            )
            network, seconds, loss = _train(
                some, steps, seed, partial(_say, progress, recipe, begun, span)
            )
            runs.append(_figures(tried, partial(find, network)))
            facts.setdefault("seconds", []).append(round(seconds, 1))
            facts.setdefault("loss", []).append(round(loss, 3))
        _add(result["sets"], recipe, runs)
    result["goals"] = goals(result["sets"])
    result["markdown"] = markdown(result)
    return result


def _say(
    progress: Progress, recipe: str, begun: float, span: float, done: float, loss: float
) -> None:
    progress(
        f"training on {recipe}, loss {loss:.2f}",
        DRAWING_PART + (1 - DRAWING_PART) * (begun + done * span),
    )


def _train(
    pictures: Pictures, steps: int, seed: int, say: Callable[[float, float], None]
) -> tuple[torch.nn.Module, float, float]:
    """The network, the seconds that its training took, and the mean loss of the last tenth of the
    steps."""
    losses: list[float] = []

    def note(step: int, loss: float) -> None:
        losses.append(loss)
        say(step / steps, loss)

    began_s = time.perf_counter()
    network = train(pictures, steps=steps, seed=seed, is_bfloat16=has_fast_bfloat16(), on_step=note)
    return network, time.perf_counter() - began_s, mean(losses[-max(steps // 10, 1) :])


def _draw(
    work: Path, views: int, pictures: int, names: Sequence[str], progress: Progress
) -> dict[tuple[str, str], Path]:
    """Draw the pictures to train on, and those of the sets; returns their folders by kind and
    name."""
    needed = [(TRAIN, name, TRAINING[name], views) for name in TRAINING]
    needed += [(TRY, name, SETS[name], pictures) for name in names]
    folders = {}
    for number, (kind, name, options, count) in enumerate(needed):
        progress(f"drawing {name}", DRAWING_PART * number / len(needed))
        folders[kind, name] = work / folder_name(f"{kind} {name}")
        draw_pictures(options, folders[kind, name], _whole(count) if name == RECIPE_1 else count)
    return folders


def _views(folder: Path, name: str, count: int) -> Pictures:
    """Read a dataset's views; those of recipe 1 are cut from its whole pictures."""
    if name != RECIPE_1:
        return list(read_pictures(folder, count))
    draw = np.random.default_rng(0)
    wholes = read_pictures(folder, _whole(count))
    return [view for whole in wholes for view in cut_views(whole, VIEW_PX, VIEWS_A_PICTURE, draw)][
        :count
    ]


def _whole(views: int) -> int:
    """Number of pictures of recipe 1 for this number of views."""
    return -(-views // VIEWS_A_PICTURE)


def _facts(options: str, pictures: Pictures) -> dict[str, Any]:
    sides = np.concatenate([np.zeros(0), *(_sides_px(picture) for picture in pictures)])
    return {
        "options": options,
        "pictures": len(pictures),
        "megapixels": round(
            sum(picture.colors.shape[0] * picture.colors.shape[1] for picture in pictures) / 1e6, 1
        ),
        "piles": len(sides),
        "median_side_px": round(float(np.median(sides)), 1) if len(sides) else None,
    }


def _sides_px(picture: LabelledPicture) -> np.ndarray:
    boxes = picture.boxes[~picture.is_ignored]
    sides: np.ndarray = (boxes[:, 2:] - boxes[:, :2]).mean(axis=1)
    return sides


def _figures(tried: dict[str, Pictures], finder: Finder) -> dict[str, Any]:
    """Figures by set of one detector."""
    ranked: dict[str, tuple[Ranked, Ranked]] = {}
    for name, pictures in tried.items():
        found = [finder(picture.colors) for picture in pictures]
        ranked[name] = rank(found, pictures, overlap), rank(found, pictures, nearness)
    threshold = ranked[PLAIN][1].best_threshold()
    return {
        name: {
            "ap50": boxes.average_precision,
            "ap_middle": middles.average_precision,
            **asdict(middles.at(threshold)),
        }
        for name, (boxes, middles) in ranked.items()
    }


def _add(sets: dict[str, dict[str, Any]], detector: str, runs: Sequence[dict[str, Any]]) -> None:
    """Add means over the runs to each set, and the AP50 of each run."""
    for name, found in sets.items():
        rows = [figures[name] for figures in runs]
        found[detector] = {key: _mean([row[key] for row in rows]) for key in rows[0]}
        found[detector]["ap50_runs"] = [_mean([row["ap50"]]) for row in rows]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(mean(known), 4) if known else None


def goals(sets: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The three figures by which recipe 2 is judged, each with its limit."""
    plain = sets[PLAIN]["recipe 2"]
    ratios = {
        name: found["recipe 2"]["ap50"] / max(plain["ap50"], 1e-9)
        for name, found in sets.items()
        if name != PLAIN and found["recipe 2"]["ap50"] is not None
    }
    worst = min(ratios, key=lambda name: ratios[name], default=None)
    empty = {
        name: found["recipe 2"]["false_positives"]
        for name, found in sets.items()
        if not found["piles"]
    }
    rule = sets[PLAIN]["rule, recipe 2"]["f1"] / max(plain["f1"], 1e-9)
    return {
        "lowest AP50 as a share of plain, at least 0.9": None
        if worst is None
        else round(ratios[worst], 3),
        "lowest set": worst,
        "false positives a picture without piles, below 1": max(empty.values(), default=None),
        "F1 of the rule as a share of the detector's, below 0.3": round(rule, 3),
    }


def markdown(result: dict[str, Any]) -> str:
    """Table in Markdown: a row for each set, AP50 of both recipes, the rest of recipe 2; then the
    goals."""
    lines = [_row(TABLE_HEAD), _row(["---"] * len(TABLE_HEAD))]
    plain = next(iter(result["sets"].values()))["recipe 2"]["ap50"]
    for name, found in result["sets"].items():
        first, second, rule = found["recipe 1"], found["recipe 2"], found["rule, recipe 2"]
        of_plain = None if second["ap50"] is None or not plain else second["ap50"] / plain
        f1, rule_f1 = (each["f1"] if found["piles"] else None for each in (second, rule))
        figures = [
            first["ap50"],
            second["ap50"],
            of_plain,
            second["ap_middle"],
            f1,
            second["false_positives"],
            rule_f1,
        ]
        lines.append(_row([name, str(found["piles"]), *map(_figure, figures)]))
    lines += [
        _row([name, reason, *[""] * (len(TABLE_HEAD) - 2)])
        for name, reason in result["missing"].items()
    ]
    lines += [
        "",
        *(
            f"- {name}: {NO_FIGURE if value is None else value}"
            for name, value in result["goals"].items()
        ),
    ]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _figure(value: float | None) -> str:
    return NO_FIGURE if value is None else f"{value:.2f}"
