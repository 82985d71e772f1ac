"""The page of pictures with their boxes."""

import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from engine.dataset.checking.page import label_page
from engine.errors import UsageError
from tests.dataset.checking.folders import boxes_of, write_dataset


def test_the_page_shows_each_picture_with_its_boxes_at_their_positions(tmp_path: Path) -> None:
    page = label_page(write_dataset(tmp_path, [1, 2, 3]), 1, 20)
    assert (page.pictures, page.boxes) == (2, 10)
    rects = re.findall(
        r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', page.html
    )
    assert sorted(tuple(map(float, rect)) for rect in rects) == sorted(
        (x0, y0, x1 - x0, y1 - y0) for seed in (2, 3) for x0, y0, x1, y1 in boxes_of(seed, 5)
    )
    assert page.html.count('data-class="pile"') == 11  # with its filter
    pictures = re.findall(r"data:image/jpeg;base64,([\w+/=]+)", page.html)
    with Image.open(io.BytesIO(base64.b64decode(pictures[0]))) as image:
        assert image.size == (160, 120)
    assert "http://" not in page.html and "https://" not in page.html


def test_names_of_files_and_classes_cannot_break_the_page(tmp_path: Path) -> None:
    write_dataset(tmp_path, [1])
    (tmp_path / "coco_all.json").unlink()
    (tmp_path / "dataset.yaml").write_text("names: ['<b>&']\n", encoding="utf-8")
    html = label_page(tmp_path, 0, 0).html
    assert "<b>&" not in html and "&lt;b&gt;&amp;" in html


def test_a_range_beyond_the_folder_is_one_line(tmp_path: Path) -> None:
    write_dataset(tmp_path, [1])
    with pytest.raises(UsageError, match=r"--pictures 3\.\.5: .* has 1, counted from 0$"):
        label_page(tmp_path, 3, 5)


def test_a_picture_that_cannot_be_read_leaves_a_line_in_its_place_and_the_others_are_shown(
    tmp_path: Path,
) -> None:
    write_dataset(tmp_path, [1, 2, 3])
    path = tmp_path / "images/000002.png"
    path.write_bytes(b"<b>no picture</b>")
    page = label_page(tmp_path, 0, 2)
    assert (page.pictures, page.boxes, page.unreadable) == (2, 10, (f"{path}: is no picture",))
    offsets = [page.html.index(f"<figcaption>images/00000{number}.png") for number in (1, 2, 3)]
    assert offsets == sorted(offsets) and page.html.count("data:image/jpeg") == 2
