"""Proof by training: a small detector trained on recipe 1 and on recipe 2 of `multiverse dataset`, tried on sets that
differ from the training in one thing each, beside rules of brightness and colour that learn nothing.

Both trainings have the same network, steps, augmentation and number of pixels. The pictures are drawn by the command
itself and stay in the work folder with the trained networks, so an interrupted run goes on where it was. A pile counts
as found by its box (AP50: COCO's average precision at an overlap of 0.5), and by its middle, which is kinder to the
rules; precision, recall and F1 are those of the middles. The score from which a detector's boxes count is chosen on the
plain set.
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

from engine.bench.detector_networks import TrainedNetwork, load_network, network_path, save_network
from engine.bench.detector_pictures import cut_views, draw_pictures, folder_name, read_pictures
from engine.bench.measuring import answer, in_own_process
from engine.bench.progress import Progress
from engine.bench.stress_sets import CYCLES, PLAIN, RECIPE_1, SETS, TRAINING, VIEW_PX
from engine.errors import UsageError
from engine.jobs.dataset.cycles import install_command, locate_blender
from engine.models.detector.finding import FoundBoxes, find
from engine.models.detector.network import build_network, count_weights
from engine.models.detector.scoring import Ranked, nearness, overlap, rank
from engine.models.detector.targets import LabelledPicture
from engine.models.detector.threshold import SpotRule, best_rule, find_spots
from engine.models.detector.training import BATCH, CROP_PX, has_fast_bfloat16, train
from engine.models.libraries import require_libraries

TRAIN, TRY = "training", "set"
VIEWS_A_PICTURE = 16  # views cut from a whole picture of recipe 1; 48 would fit beside one another
MAX_RULE_PICTURES = 24  # on which the rules are chosen, which takes a second a picture
DRAWING_SHARE = 0.5
"""Share of the progress bar for drawing; the rest is training and trying."""

Pictures = list[LabelledPicture]
Finder = Callable[[np.ndarray], FoundBoxes]


def run(asked: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Figures by set as plain values; `markdown` of `detector_table` shows them.

    `asked`: `work` (folder), `steps`, `seeds` (count), `views` of each training, `pictures` a set, `sets` (names;
    empty: all), `threads`. UsageError for an unknown set, ModelError if a part fails.
    """
    unknown = [name for name in asked["sets"] if name not in SETS]
    if unknown:
        raise UsageError(f"--sets: {unknown[0]} is not one of {', '.join(SETS)}")
    require_libraries()
    return in_own_process("engine.bench.detector", asked, progress)


def main() -> None:
    """Main function of the measuring process."""
    answer(_measure)


def _measure(
    *,
    work: str,
    steps: int,
    seeds: int,
    views: int,
    pictures: int,
    sets: Sequence[str],
    threads: int,
    progress: Progress,
) -> dict[str, Any]:
    import torch

    torch.set_num_threads(threads)
    names = [PLAIN, *(name for name in SETS if name != PLAIN and (not sets or name in sets))]
    missing = {CYCLES: f"needs Blender: {install_command()}"} if CYCLES in names and not locate_blender() else {}
    drawn = [name for name in names if name not in missing]
    folders = _draw(Path(work), views, pictures, drawn, progress)
    tried = {name: _views(folders[TRY, name], name, pictures) for name in drawn}

    result = progress.begin(
        {
            "cores": os.cpu_count(),
            "threads": threads,
            "steps": steps,
            "crops": f"{BATCH} of {CROP_PX} px a step",
            "seeds": seeds,
            "dtype": "bfloat16" if has_fast_bfloat16() else "float32",
            "weights": count_weights(build_network(seed=0)),
            "training": {},
            "sets": {name: _told(SETS[name], tried[name]) for name in drawn},
            "missing": missing,
        }
    )
    for number, recipe in enumerate(TRAINING):
        some = _views(folders[TRAIN, recipe], recipe, views)
        told = result["training"][recipe] = _told(TRAINING[recipe], some)
        rule = best_rule(some[:MAX_RULE_PICTURES])
        told["rule"] = asdict(rule)
        _add(result["sets"], f"rule, {recipe}", [_figures(tried, _finder(rule))])
        runs = []
        for seed in range(seeds):
            begun = (number + seed / seeds) / len(TRAINING)
            path = network_path(Path(work), some, steps, seed, has_fast_bfloat16())
            tell = _part(progress, recipe, begun, 1 / len(TRAINING) / seeds)
            trained = load_network(path) or _trained(path, some, steps, seed, tell)
            runs.append(_figures(tried, partial(find, trained.network)))
            told.setdefault("seconds", []).append(round(trained.seconds, 1))
            told.setdefault("loss", []).append(round(trained.loss, 3))
        _add(result["sets"], recipe, runs)
    result["goals"] = goals(result["sets"])
    return result


def _part(progress: Progress, recipe: str, begun: float, share: float) -> Callable[[float, float], None]:
    def tell(done: float, loss: float) -> None:
        progress(f"training on {recipe}, loss {loss:.2f}", DRAWING_SHARE + (1 - DRAWING_SHARE) * (begun + done * share))

    return tell


def _trained(
    path: Path, pictures: Pictures, steps: int, seed: int, tell: Callable[[float, float], None]
) -> TrainedNetwork:
    """Train a network, and keep it in this file."""
    losses: list[float] = []

    def note(step: int, loss: float) -> None:
        losses.append(loss)
        tell(step / steps, loss)

    began_s = time.perf_counter()
    network = train(pictures, steps=steps, seed=seed, is_bfloat16=has_fast_bfloat16(), tell=note)
    seconds = time.perf_counter() - began_s
    trained = TrainedNetwork(network=network, seconds=seconds, loss=mean(losses[-max(steps // 10, 1) :]))
    save_network(path, trained)
    return trained


def _draw(
    work: Path, views: int, pictures: int, names: Sequence[str], progress: Progress
) -> dict[tuple[str, str], Path]:
    """Draw the pictures to train on, and those of the sets; returns their folders by kind and name."""
    needed = [(TRAIN, name, TRAINING[name], views) for name in TRAINING]
    needed += [(TRY, name, SETS[name], pictures) for name in names]
    folders = {}
    for number, (kind, name, options, count) in enumerate(needed):
        progress(f"drawing {name}", DRAWING_SHARE * number / len(needed))
        folders[kind, name] = work / folder_name(f"{kind} {name}")
        draw_pictures(options, folders[kind, name], _whole(count) if name == RECIPE_1 else count)
    return folders


def _views(folder: Path, name: str, count: int) -> Pictures:
    """Read a dataset's views; those of recipe 1 are cut from its whole pictures."""
    if name != RECIPE_1:
        return list(read_pictures(folder, count))
    draw = np.random.default_rng(0)
    wholes = read_pictures(folder, _whole(count))
    return [view for whole in wholes for view in cut_views(whole, VIEW_PX, VIEWS_A_PICTURE, draw)][:count]


def _whole(views: int) -> int:
    """Number of pictures of recipe 1 for this number of views."""
    return -(-views // VIEWS_A_PICTURE)


def _told(options: str, pictures: Pictures) -> dict[str, Any]:
    sides = np.concatenate([np.zeros(0), *(_sides_px(picture) for picture in pictures)])
    return {
        "options": options,
        "pictures": len(pictures),
        "megapixels": round(sum(picture.colors.shape[0] * picture.colors.shape[1] for picture in pictures) / 1e6, 1),
        "piles": len(sides),
        "median_side_px": round(float(np.median(sides)), 1) if len(sides) else None,
    }


def _sides_px(picture: LabelledPicture) -> np.ndarray:
    boxes = picture.boxes[~picture.is_ignored]
    sides: np.ndarray = (boxes[:, 2:] - boxes[:, :2]).mean(axis=1)
    return sides


def _finder(rule: SpotRule) -> Finder:
    return lambda colors: find_spots(colors, rule)


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
    for name, told in sets.items():
        rows = [figures[name] for figures in runs]
        told[detector] = {key: _mean([row[key] for row in rows]) for key in rows[0]}
        told[detector]["ap50_runs"] = [_mean([row["ap50"]]) for row in rows]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(mean(known), 4) if known else None


def goals(sets: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The three figures by which recipe 2 is judged, each with its limit."""
    plain = sets[PLAIN]["recipe 2"]
    shares = {
        name: told["recipe 2"]["ap50"] / max(plain["ap50"], 1e-9)
        for name, told in sets.items()
        if name != PLAIN and told["recipe 2"]["ap50"] is not None
    }
    worst = min(shares, key=lambda name: shares[name], default=None)
    empty = {name: told["recipe 2"]["false_positives"] for name, told in sets.items() if not told["piles"]}
    rule = sets[PLAIN]["rule, recipe 2"]["f1"] / max(plain["f1"], 1e-9)
    return {
        "lowest AP50 as a share of plain, at least 0.9": None if worst is None else round(shares[worst], 3),
        "lowest set": worst,
        "false positives a picture without piles, below 1": max(empty.values(), default=None),
        "F1 of the rule as a share of the detector's, below 0.3": round(rule, 3),
    }
