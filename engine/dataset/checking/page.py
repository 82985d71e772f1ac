"""Writes an HTML page that shows a dataset's pictures with their boxes; one file, without a
server."""

import base64
import io
from dataclasses import dataclass
from html import escape
from pathlib import Path

import cv2
from PIL import Image

from engine.dataset.checking.finding import FoundFolder, FoundPicture, find_folder
from engine.dataset.checking.pictures import (
    PictureFacts,
    large_pictures,
    open_picture,
    read_picture,
    upright,
)
from engine.dataset.checking.problems import coco_labels, match_coco, read_labels
from engine.dataset.labels.reading import ReadLabels, read_coco
from engine.errors import UsageError
from engine.system.file_names import escaped

MAX_PICTURE_PX = 2400  # longer side of a picture in the page
QUALITY = 85
SMALL_PX = 12  # shorter side of a box in the picture that counts as small
COLOURS = ("#ff00ff", "#00e5ff", "#ffd500", "#7cff00", "#ff7a00", "#ffffff", "#9d7bff", "#ff5577")
TEMPLATE = Path(__file__).with_name("page.html")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPage:
    html: str
    pictures: int
    boxes: int
    unreadable: tuple[str, ...]  # COCO files and pictures that cannot be read, each with the reason


def label_page(path: Path, first: int, last: int) -> LabelPage:
    """The page of the pictures first..last (from 0, both included); UsageError if there are none.
    COCO's boxes are preferred, since they say what is hidden."""
    folder = find_folder(path)
    chosen = folder.pictures[first : last + 1]
    if not chosen:
        raise UsageError(
            f"--pictures {first}..{last}: {path} has {len(folder.pictures)}, counted from 0"
        )
    unreadable: list[str] = []
    annotated: dict[str, ReadLabels] = {}
    for name in folder.coco:
        coco = read_coco(folder.path / name)
        if isinstance(coco, str):
            unreadable.append(f"{folder.path / name}: {coco}")
        else:
            annotated |= coco_labels(coco, match_coco(coco, folder.pictures))
    figures: list[str] = []
    classes: dict[str, str] = {}
    boxes = 0
    damaged = 0
    with large_pictures():
        for picture in chosen:
            facts = read_picture(folder.path / picture.name)
            if isinstance(facts, str):
                damaged += 1
                unreadable.append(f"{folder.path / picture.name}: {facts}")
                figures.append(
                    f"<figure><figcaption>{escape(f'{picture.name} {facts}')}</figcaption></figure>"
                )
                continue
            labels, figure = _figure(folder, picture, facts, annotated.get(picture.name), classes)
            boxes += len(labels.boxes)
            figures.append(figure)
    filters = "".join(
        f'<label style="--c:{colour}"><input type="checkbox" data-class="{escape(name)}" '
        f"checked>{escape(name)}</label>"
        for name, colour in classes.items()
    )
    title = (
        f"{path.resolve().name}: pictures {first} to {first + len(chosen) - 1} of "
        f"{len(folder.pictures)}"
    )
    text = TEMPLATE.read_text(encoding="utf-8")
    for mark, value in (
        ("title", escape(title)),
        ("filters", filters),
        ("pictures", "\n".join(figures)),
    ):
        text = text.replace(f"<!-- {mark} -->", value)
    return LabelPage(
        html=escaped(text),
        pictures=len(chosen) - damaged,
        boxes=boxes,
        unreadable=tuple(unreadable),
    )


def _figure(
    folder: FoundFolder,
    picture: FoundPicture,
    facts: PictureFacts,
    annotated: ReadLabels | None,
    classes: dict[str, str],
) -> tuple[ReadLabels, str]:
    labels = annotated or next(iter(read_labels(folder, picture, facts).values()), ReadLabels())
    hidden = labels.hidden or [False] * len(labels.boxes)
    rects = []
    for name, (x0, y0, x1, y1), is_hidden in zip(
        labels.names, labels.boxes.tolist(), hidden, strict=True
    ):
        colour = classes.setdefault(name, COLOURS[len(classes) % len(COLOURS)])
        kinds = " ".join(["hidden"] * is_hidden + ["small"] * (min(x1 - x0, y1 - y0) < SMALL_PX))
        rects.append(
            f'<rect x="{x0:g}" y="{y0:g}" width="{max(x1 - x0, 0):g}" height="{max(y1 - y0, 0):g}" '
            f'stroke="{colour}" data-class="{escape(name)}" '
            f'class="{kinds}"><title>{escape(name)}, {x1 - x0:.0f} x '
            f"{y1 - y0:.0f} px{', hidden' if is_hidden else ''}</title></rect>"
        )
    size = f"{facts.width_px} {facts.height_px}"
    caption = (
        f"{escape(picture.name)} &nbsp; {len(rects)} boxes &nbsp; "
        f"{facts.width_px}x{facts.height_px}"
    )
    return labels, (
        f'<figure><figcaption>{caption}</figcaption><svg viewBox="0 0 {size}"><image '
        f'width="{facts.width_px}" '
        f'height="{facts.height_px}" '
        f'href="{_embedded(folder.path / picture.name)}"/>{"".join(rects)}</svg></figure>'
    )


def _embedded(path: Path) -> str:
    """The picture as a JPEG in a data URI, with a longer side of at most MAX_PICTURE_PX."""
    with open_picture(path) as image:
        pixels = upright(image)
    scale = min(1.0, MAX_PICTURE_PX / max(pixels.shape[:2]))
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    file = io.BytesIO()
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    Image.fromarray(small).save(file, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
