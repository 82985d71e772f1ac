"""The contact sheet, and the PNGs it is made from."""

import io
import math
import struct
import zlib
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.dataset.labels import draw_preview, encode_png, preview
from engine.errors import SourceError

GROUND = (140, 110, 80)
PILE = (170, 170, 175)
Box = tuple[int, int, int, int]


def save(folder: Path, index: int, boxes: list[Box], size: tuple[int, int] = (800, 600)) -> tuple[int, Path, Path]:
    """A picture of brown ground with a grey pile in each box, and its label file."""
    width, height = size
    colors = np.full((height, width, 3), GROUND, np.uint8)
    for x0, y0, x1, y1 in boxes:
        colors[y0:y1, x0:x1] = PILE
    rows = [
        ((x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height)
        for x0, y0, x1, y1 in boxes
    ]
    image, label = folder / f"{index:06d}.png", folder / f"{index:06d}.txt"
    image.write_bytes(encode_png(colors))
    label.write_text("".join(f"0 {x:.6f} {y:.6f} {w:.6f} {h:.6f}\n" for x, y, w, h in rows))
    return index, image, label


def piece_of(sheet: np.ndarray) -> np.ndarray:
    """The crop at full scale in the first cell."""
    x = preview.GAP_PX + preview.SMALL_WIDTH_PX + preview.GAP_PX
    y = preview.GAP_PX + preview.CAPTION_PX
    return sheet[y : y + preview.SIDE_PX, x : x + preview.SIDE_PX]


def small_of(sheet: np.ndarray) -> np.ndarray:
    """The overview in the first cell."""
    x, y = preview.GAP_PX, preview.GAP_PX + preview.CAPTION_PX
    return sheet[y : y + preview.SIDE_PX, x : x + preview.SMALL_WIDTH_PX]


def is_line(pixels: np.ndarray) -> np.ndarray:
    return (pixels == preview.BOX_COLOUR).all(axis=2)


def test_a_line_runs_around_the_pile_and_not_over_it(tmp_path: Path) -> None:
    boxes: list[Box] = [(100, 200, 135, 238), (300, 90, 301, 91)]
    piece = piece_of(draw_preview([save(tmp_path, 0, boxes, (700, 540))]))
    expected = np.zeros((540, 540), bool)
    for x0, y0, x1, y1 in boxes:
        expected[y0 - 1 : y1 + 1, x0 - 1 : x1 + 1] = True
        expected[y0:y1, x0:x1] = False
    assert np.array_equal(is_line(piece), expected)
    for x0, y0, x1, y1 in boxes:
        assert (piece[y0:y1, x0:x1] == PILE).all()


def test_boxes_are_at_the_right_place_in_the_overview(tmp_path: Path) -> None:
    """A pile of 5 px keeps its own pixels: only one in its middle is marked. A larger one is outlined."""
    boxes: list[Box] = [(1320, 989, 1338, 1008), (500, 500, 550, 550)]
    small = small_of(draw_preview([save(tmp_path, 0, boxes, (2640, 1978))]))
    scale = 540 / 1978
    rows, columns = np.nonzero(is_line(small[200:, 200:]))
    assert list(zip(rows + 200, columns + 200, strict=True)) == [(int(998.5 * scale), int(1329 * scale))]
    rows, columns = np.nonzero(is_line(small[:200, :200]))
    assert abs((columns.min() + columns.max() + 1) / 2 - 525 * scale) <= 1
    assert abs((rows.min() + rows.max() + 1) / 2 - 525 * scale) <= 1
    assert 50 * scale <= columns.max() - columns.min() <= 50 * scale + 4  # at most 1 px of free space around it


def test_the_crop_shows_the_densest_place_in_the_picture(tmp_path: Path) -> None:
    crowd = [
        (1500 + 60 * column, 900 + 70 * row, 1535 + 60 * column, 938 + 70 * row)
        for column in range(5)
        for row in range(4)
    ]
    alone: list[Box] = [(40, 40, 75, 78), (1000, 40, 1035, 78)]
    assert preview.densest_corner(np.array([[1900, 1060, 1920, 1080]]), 1920, 1080) == (1380, 540)
    assert preview.densest_corner(np.zeros((0, 4)), 1920, 1080) == (690, 270)  # its middle without piles
    x, y = preview.densest_corner(np.array(alone + crowd), 1920, 1300)
    assert all(x <= x0 and y <= y0 and x1 <= x + 540 and y1 <= y + 540 for x0, y0, x1, y1 in crowd)
    piece = piece_of(draw_preview([save(tmp_path, 0, alone + crowd, (1920, 1300))]))
    assert is_line(piece).sum() == 20 * 2 * (37 + 38)


def test_the_twenty_lowest_indices_are_shown_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [save(tmp_path, index, [(10, 10, 20, 20)], (64, 64)) for index in range(23)]
    read: list[str] = []
    really_read = preview._read_picture
    monkeypatch.setattr(preview, "_read_picture", lambda path: (read.append(path.stem), really_read(path))[1])
    sheet = draw_preview(reversed(pictures))
    assert read == [f"{index:06d}" for index in range(20)]
    assert np.array_equal(sheet, draw_preview(pictures[:20]))


def test_a_sheet_of_any_count_has_no_empty_row_or_column() -> None:
    for size, count in product(((5280, 3956), (640, 640), (96, 64)), range(1, 21)):
        cells = preview._Cells.of(size)
        columns, rows = cells.grid(count)
        assert math.ceil(count / columns) == rows and math.ceil(count / rows) == columns
        assert 0.8 < columns * cells.step_x / (rows * cells.step_y) < 3.2 or count < 4


def test_a_small_picture_is_shown_once_and_whole(tmp_path: Path) -> None:
    boxes: list[Box] = [(10, 20, 35, 38), (600, 500, 630, 530)]
    sheet = draw_preview([save(tmp_path, index, boxes, (640, 560)) for index in range(4)])
    shown = sheet[preview.GAP_PX + preview.CAPTION_PX :, preview.GAP_PX :][:560, :640]
    assert is_line(shown).sum() == 2 * (25 + 18 + 2) + 2 * (30 + 30 + 2)
    assert (shown[20:38, 10:35] == PILE).all()
    assert sheet.shape == (2 * (560 + 32 + 8) + 8, 2 * (640 + 8) + 8, 3)


def test_a_caption_tells_pictures_with_other_counts_apart(tmp_path: Path) -> None:
    boxes: list[Box] = [(100, 100, 120, 120)]
    captions = [
        draw_preview([save(tmp_path, index, boxes * count)])[preview.GAP_PX :][: preview.CAPTION_PX]
        for index, count in ((0, 2), (0, 3), (1, 2))
    ]
    assert all((caption > 150).any() for caption in captions)
    assert not np.array_equal(captions[0], captions[1]) and not np.array_equal(captions[0], captions[2])


def test_each_class_has_its_colour_and_is_counted_under_its_name(tmp_path: Path) -> None:
    picture = save(tmp_path, 0, [(10, 20, 35, 38), (100, 20, 135, 38), (200, 20, 235, 38)], (320, 160))
    first, second, third = picture[2].read_text(encoding="ascii").splitlines()
    picture[2].write_text(f"{first}\n1{second[1:]}\n{third}\n", encoding="ascii")
    sheet = draw_preview([picture], ("pile", "barrel"))
    corners = sheet[preview.GAP_PX + preview.CAPTION_PX + 19, preview.GAP_PX :][[9, 99, 199]]
    assert corners.tolist() == [list(preview.COLOURS[number]) for number in (0, 1, 0)]
    assert preview._counted(np.array([0, 1, 0]), ("pile", "barrel")) == "2 piles, 1 barrel"
    assert preview._counted(np.zeros(0, int), ("pile",)) == "no boxes"


def test_a_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    index, image, label = save(tmp_path, 0, [])
    for garbage in (b"", b"\x89PNG\r\n\x1a\nno more"):
        image.write_bytes(garbage)
        with pytest.raises(SourceError, match=r"000000\.png: not a complete picture"):
            draw_preview([(index, image, label)])
    with pytest.raises(SourceError, match=r"gone\.png: cannot be read: No such file"):
        draw_preview([(index, tmp_path / "gone.png", label)])
    with pytest.raises(SourceError, match="no picture to draw"):
        draw_preview([])


def header(width: int, height: int) -> bytes:
    """A PNG header chunk for this size, with its checksum."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def test_a_broken_png_is_named_in_one_line(tmp_path: Path) -> None:
    index, image, label = save(tmp_path, 0, [(10, 10, 20, 20)], (200, 100))
    whole = image.read_bytes()
    middle = len(whole) // 2
    broken = {
        "cut": whole[:middle],
        "cut in the last chunk": whole[:-4],
        "without the last chunk": whole[:-12],
        "a byte changed": whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :],
        "larger than OpenCV takes": whole[:8] + header(60_000, 60_000) + whole[33:],
    }
    for how, content in broken.items():
        image.write_bytes(content)
        with pytest.raises(SourceError) as caught:
            draw_preview([(index, image, label)])
        assert str(caught.value) == f"{image}: not a complete picture that OpenCV can read", how


def test_a_png_holds_every_pixel_in_its_colour_and_is_the_same_each_time() -> None:
    colors = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    data = encode_png(colors)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        assert np.array_equal(np.asarray(image), colors)
    assert encode_png(colors.copy()) == data


def test_a_noisy_png_is_smaller_than_with_opencvs_default_settings() -> None:
    import cv2

    rng = np.random.default_rng(0)
    ground = cv2.resize(rng.integers(60, 200, (9, 12, 3), dtype=np.uint8), (480, 360), interpolation=cv2.INTER_CUBIC)
    colors = np.clip(ground + rng.normal(0, 5, (360, 480, 1)), 0, 255).astype(np.uint8)
    assert len(encode_png(colors)) < 0.97 * len(cv2.imencode(".png", colors)[1])
