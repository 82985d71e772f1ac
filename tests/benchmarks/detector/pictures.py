"""Pictures for the detector: drawn by `multiverse dataset` itself, and read back as a trainer
would."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.errors import RenderError, SourceError
from engine.system.python_process import command, utf8_environment
from engine.system.small_file import MAX_JSON_BYTES, read_small
from tests.benchmarks.detector.training import LabelledPicture

MAX_PICTURE_BYTES = 256 << 20
MIN_SIDE_PX = 4.0
"""Labels with a shorter side may be found or not, like those that the dataset marks `iscrowd`."""
MIN_VISIBLE = 0.2
"""A box cut by a view is ignored if less of its area is left, as the dataset does by
`--min-visible`."""


def draw_pictures(options: str, folder: Path, count: int) -> None:
    """Draw `count` pictures with these options of `multiverse dataset`; those that are there
    already are kept.

    RenderError, in one line, if the command fails.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [
            *command("engine.cli.main", "main()"),
            "dataset",
            str(folder),
            *shlex.split(options),
            "--count",
            str(count),
        ],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=os.environ | utf8_environment(),
    )
    if done.returncode:
        reason = (
            done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}"
        ).splitlines()[-1]
        raise RenderError(
            f"multiverse dataset {folder} {options}: {reason.removeprefix('multiverse: ')}"
        )


def read_pictures(folder: Path, count: int) -> Iterator[LabelledPicture]:
    """Read the first `count` pictures of a dataset made with --save-coco, in order. SourceError
    names a bad file."""
    import cv2

    parts = sorted((folder / "annotations").glob("*.json"))[:count]
    if len(parts) < count:
        raise SourceError(
            f"{folder}: {len(parts)} of {count} pictures have labels in annotations/; delete the "
            "folder"
        )
    for path in parts:
        try:
            part = json.loads(read_small(path, max_bytes=MAX_JSON_BYTES))
            image = folder / "images" / part["image"]["file_name"]
            boxes = np.array([each["bbox"] for each in part["annotations"]], np.float64).reshape(
                -1, 4
            )
            is_crowd = np.array([bool(each["iscrowd"]) for each in part["annotations"]], bool)
            data = np.frombuffer(read_small(image, max_bytes=MAX_PICTURE_BYTES), np.uint8)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SourceError(
                f"{path}: not the COCO part of a picture ({error}); delete {folder}"
            ) from error
        # imread fails for names on Windows
        colors = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
        if colors is None:
            raise SourceError(f"{image}: cannot be read; delete {folder}")
        boxes[:, 2:] += boxes[:, :2]
        yield LabelledPicture(
            colors=np.ascontiguousarray(colors[:, :, ::-1]),  # RGB
            boxes=boxes,
            is_ignored=is_crowd | (_sides(boxes).min(axis=1, initial=np.inf) < MIN_SIDE_PX),
        )


def cut_views(
    picture: LabelledPicture, side_px: int, count: int, draw: np.random.Generator
) -> list[LabelledPicture]:
    """Cut `count` square views from random places."""
    height, width = picture.colors.shape[:2]
    views = []
    for _ in range(count):
        x, y = int(draw.integers(width - side_px + 1)), int(draw.integers(height - side_px + 1))
        boxes = np.clip(picture.boxes - (x, y, x, y), 0, side_px)
        visible = _sides(boxes).prod(axis=1) / np.maximum(_sides(picture.boxes).prod(axis=1), 1e-9)
        is_there = visible > 0
        is_small = (visible < MIN_VISIBLE) | (
            _sides(boxes).min(axis=1, initial=np.inf) < MIN_SIDE_PX
        )
        views.append(
            LabelledPicture(
                colors=picture.colors[y : y + side_px, x : x + side_px].copy(),
                boxes=boxes[is_there],
                is_ignored=(picture.is_ignored | is_small)[is_there],
            )
        )
    return views


def folder_name(name: str) -> str:
    """`2 of 3 px` -> `2-of-3-px`"""
    return re.sub(r"[^\w]+", "-", name)


def _sides(boxes: np.ndarray) -> np.ndarray:
    """(n, 2) px"""
    sides: np.ndarray = boxes[:, 2:] - boxes[:, :2]
    return sides
