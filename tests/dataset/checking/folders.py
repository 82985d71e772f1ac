"""Small datasets: noisy pictures with grey boxes, as YOLO and COCO."""

import json
from pathlib import Path

import cv2
import numpy as np

from engine.dataset.checking.check import check_folders

Box = tuple[int, int, int, int]
WIDTH_PX, HEIGHT_PX = 160, 120


def pixels_of(seed: int, boxes: list[Box], brightness: float = 0.5) -> np.ndarray:
    """Soft noise that is unlike that of any other seed, with a grey square in each box."""
    coarse = np.random.default_rng(seed).normal(brightness, 0.12, (12, 16, 3)) * (1.15, 1.0, 0.8)
    picture = cv2.resize(coarse, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    colors = np.clip(picture * 255, 0, 255).astype(np.uint8)
    for x0, y0, x1, y1 in boxes:
        colors[y0:y1, x0:x1] = 170
    return colors


def yolo_lines(boxes: list[Box]) -> str:
    return "".join(
        f"0 {(x0 + x1) / 2 / WIDTH_PX:.6f} {(y0 + y1) / 2 / HEIGHT_PX:.6f} "
        f"{(x1 - x0) / WIDTH_PX:.6f} "
        f"{(y1 - y0) / HEIGHT_PX:.6f}\n"
        for x0, y0, x1, y1 in boxes
    )


def boxes_of(seed: int, count: int, side_px: int = 8) -> list[Box]:
    corners = np.random.default_rng(seed).integers(0, 100, (count, 2)).tolist()
    return [(x, y, x + side_px, y + side_px) for x, y in corners]


def write_dataset(
    folder: Path,
    seeds: list[int],
    *,
    count: int = 5,
    side_px: int = 8,
    brightness: float = 0.5,
    subset: str = "",
) -> Path:
    """Pictures named after their seeds, with YOLO labels, dataset.yaml and a COCO file."""
    images, annotations = [], []
    for seed in seeds:
        boxes = boxes_of(seed, count, side_px)
        name = f"{subset}/{seed:06d}".lstrip("/")
        image, label = folder / f"images/{name}.png", folder / f"labels/{name}.txt"
        for path in (image, label):
            path.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(
            cv2.imencode(".png", pixels_of(seed, boxes, brightness)[..., ::-1])[1].tobytes()
        )
        label.write_text(yolo_lines(boxes), encoding="utf-8")
        images.append(
            {"id": seed, "file_name": f"images/{name}.png", "width": WIDTH_PX, "height": HEIGHT_PX}
        )
        annotations += [
            {
                "id": len(annotations) + index,
                "image_id": seed,
                "category_id": 1,
                "bbox": [x0, y0, x1 - x0, y1 - y0],
            }
            for index, (x0, y0, x1, y1) in enumerate(boxes, 1)
        ]
    (folder / "dataset.yaml").write_text(
        "train: images\nval: images\nnames:\n  0: pile\n", encoding="utf-8"
    )
    coco = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "pile"}]}
    (folder / f"coco_{subset or 'all'}.json").write_text(json.dumps(coco), encoding="utf-8")
    return folder


def found(*folders: Path) -> list[tuple[str, str, str]]:
    """Kind, path and text of all problems."""
    return [(each.kind, each.path, each.text) for each in check_folders(list(folders)).problems]
