"""The dataset card: what is in a dataset, how it was made, and how to train on it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from engine.dataset.card.plots import BARS, bin_counts, histogram, plot_heatmap
from engine.dataset.job import DatasetJob
from engine.system.atomic_file import remove_file, write_atomic
from engine.system.file_names import escaped
from engine.system.package_version import package_version
from engine.system.small_file import open_regular

README = "README.md"
FOLDER = "card"
TITLE = "# Foundation piles from above: synthetic pictures"
GRID_SIZE = 12
MAX_BOX_PX = 4096  # longer sides are counted as this
MAX_DETECTIONS = 300  # of a picture, at which Ultralytics stops by default
COCO_DETECTIONS = 100  # of a picture that pycocotools counts by default
# Ultralytics' tasks
TASKS = {"yolo": "detect", "yolo-obb": "obb", "yolo-seg": "segment", "yolo-pose": "pose"}
CardPicture = tuple[str, np.ndarray, float | None]
"""Subset, boxes, (k, 4) px x0 y0 x1 y1, and brightness, 0..1 or None if it was not measured."""
PLOTS = {
    "counts.svg": "Boxes per picture",
    "sizes.svg": "Longer side of a box",
    "places.svg": "Where the boxes are",
    "brightness.svg": "Brightness of the pictures",
}


class _Tally:
    """Figures of all pictures; memory grows by three numbers per picture."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.brightness: list[float] = []
        self.subsets: Counter[str] = Counter()
        self.longer = np.zeros(MAX_BOX_PX + 1, np.int64)
        self.heatmap = np.zeros((GRID_SIZE, GRID_SIZE))

    def add(
        self, subset: str, boxes: np.ndarray, brightness: float | None, size_px: tuple[int, int]
    ) -> None:
        self.counts.append(len(boxes))
        if brightness is not None:
            self.brightness.append(brightness)
        self.subsets[subset] += 1
        longer = np.rint((boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)).astype(int)
        self.longer += np.bincount(np.clip(longer, 0, MAX_BOX_PX), minlength=MAX_BOX_PX + 1)
        cells = np.clip(
            ((boxes[:, :2] + boxes[:, 2:]) / 2 / size_px * GRID_SIZE).astype(int), 0, GRID_SIZE - 1
        )
        np.add.at(self.heatmap, (cells[:, 1], cells[:, 0]), 1)

    def longer_quantile(self, fraction: float) -> int:
        total = np.cumsum(self.longer)
        return int(np.searchsorted(total, fraction * total[-1]))


def write_card(
    pictures: Iterable[CardPicture], job: DatasetJob, engine: str, options: Mapping[str, str]
) -> tuple[str, ...]:
    """Write README.md and the plots in card/ of the job's folder; returns their names. One picture
    is in memory at a time. `options`: text by option, `40..60` for `--altitude`. OSError."""
    tally = _Tally()
    for picture in pictures:
        tally.add(*picture, job.task(0).picture_px)
    counts = np.array(tally.counts)
    brightness = np.array(tally.brightness)
    top = tally.longer_quantile(0.995) + 1
    sizes, _ = np.histogram(np.arange(top), min(BARS, top), (0, top), weights=tally.longer[:top])
    total = tally.heatmap.sum()
    plots = {
        "counts.svg": histogram(PLOTS["counts.svg"], "boxes", *bin_counts(counts)),
        "sizes.svg": histogram(PLOTS["sizes.svg"], "px", sizes.astype(int).tolist(), top),
        "places.svg": plot_heatmap(
            PLOTS["places.svg"], tally.heatmap / total if total else tally.heatmap
        ),
        "brightness.svg": histogram(
            PLOTS["brightness.svg"], "0 black, 1 white", *bin_counts(brightness, 1)
        ),
    }
    for name, text in plots.items():
        write_atomic(job.output / FOLDER / name, text)
    write_atomic(job.output / README, escaped(card_text(tally, job, engine, options)))
    return (README, *(f"{FOLDER}/{name}" for name in plots))


def remove_card(folder: Path) -> None:
    """Remove the card of `write_card`, its plots, and the preview that earlier versions wrote
    beside it. Does nothing if README.md is the user's. Raises OSError."""
    try:
        with open_regular(folder / README) as file:
            is_ours = file.read(len(TITLE)) == TITLE.encode("ascii")
    except FileNotFoundError:
        return
    for name in (README, "preview.png", *(f"{FOLDER}/{name}" for name in PLOTS)) if is_ours else ():
        remove_file(folder / name, missing_ok=True)


def card_text(tally: _Tally, job: DatasetJob, engine: str, options: Mapping[str, str]) -> str:
    counts = np.array(tally.counts or [0])
    formats = job.task(0).labels.written
    subsets = [name for name in tally.subsets if name] or ["none"]
    width, height = job.task(0).picture_px
    rows = {
        "pictures": f"{len(tally.counts)} ({width}x{height} px)",
        "split": subsets[0]
        if len(subsets) == 1
        else ", ".join(f"{tally.subsets[name]} {name}" for name in subsets),
        "classes": ", ".join(job.labels.class_names),
        "boxes": f"{int(counts.sum())}: {counts.mean():.1f} a picture, {counts.min()} to "
        f"{counts.max()}",
        "longer side": f"{tally.longer_quantile(0.5)} px in the middle, 90 % from "
        f"{tally.longer_quantile(0.05)} to "
        f"{tally.longer_quantile(0.95)} px",
        "pictures without a box": f"{np.mean(counts == 0):.1%}",
        "formats": ", ".join(formats),
        "made by": f"multiverse-engine {package_version()}, recipe {job.recipe}, seed {job.seed}, "
        f"{engine}",
    }
    table = "\n".join(f"| {name} | {text} |" for name, text in rows.items())
    known = {
        "--recipe": str(job.recipe),
        "--count": str(len(tally.counts)),
        "--seed": str(job.seed),
    }
    command_options = " ".join(
        f"{name} {value}".strip() for name, value in (known | dict(options)).items()
    )
    plots = "\n".join(f"![{title}]({FOLDER}/{name})" for name, title in PLOTS.items())
    return f"""\
{TITLE}

Rendered pictures of a solar park under construction, as a drone takes them. The labels come from
the renderer.

| | |
|---|---|
{table}

{plots}

## How it was made

```sh
multiverse dataset OUT {command_options}
```
 The same options, seed and version give the same bytes. `manifest.jsonl` has one line per picture:
seed, options, camera, ground, light, counts and the SHA-256 of each file. `multiverse dataset check
.` reads all of it again.

## Training

{_training(tally, formats, max(width, height))}
## Licence

The pictures and labels are generated; multiverse claims no rights in them. Objects and textures that you added yourself
keep the licence under which you have them.
"""  # noqa: E501


def _training(tally: _Tally, formats: Iterable[str], longest: int) -> str:
    most = max(tally.counts, default=0)
    lines = []
    task = next((TASKS[name] for name in formats if name in TASKS), None)
    if task is not None:
        size = -(-min(longest, 1280) // 32) * 32
        command = (
            f"yolo {task} train data=dataset.yaml imgsz={size} max_det={max(MAX_DETECTIONS, most)}"
        )
        lines.append(f"```sh\n{command}\n```\n\n")
    if not any(tally.subsets):
        lines.append(
            "- There is no split: pictures for training and validation are the same. Make the "
            "dataset with\n"
            "  --split 80/10/10, or validate on real pictures.\n"
        )
    if most > MAX_DETECTIONS:
        lines.append(
            f"- Pictures have up to {most} boxes, and Ultralytics stops at {MAX_DETECTIONS}: give "
            f"`max_det={most}`.\n"
        )
    if most > COCO_DETECTIONS:
        lines.append(
            f"- pycocotools counts {COCO_DETECTIONS} detections a picture: set `maxDets=[1, 10, "
            f"{max(1000, most)}]`, "
            "or perfect detections score far below 1.\n"
        )
    if longest > 1280:
        small = tally.longer_quantile(0.5) * 640 / longest
        lines.append(
            f"- At `imgsz=640` a box of the middle size has {small:.0f} px. Train on tiles "
            "(`--tiles 640`) or with a "
            "larger `imgsz`.\n"
        )
    return "".join(lines)
