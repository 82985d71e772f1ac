"""Metadata of pictures: prompt, settings, model and version come back as other programs read
them."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.sinks.generation_info import GenerationInfo, generation_info
from engine.sinks.picture_file import save_picture

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
PROMPT = "a sea, of glass: 日本\nat dawn \udce9"  # of a byte 0xE9 on the command line
PAIR = re.compile(r'\s*(\w[\w -]*):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


@pytest.fixture
def about() -> GenerationInfo:
    values = {"Steps": 4, "CFG scale": 1.5, "Seed": 7, "Model": "a, b", "Sampler": None}
    return generation_info("1.2", PROMPT, values, "fog")


def text_of(path: Path) -> tuple[str, str]:
    """The text and the program, read by Pillow."""
    with Image.open(path) as picture:
        picture.load()
        if path.suffix == ".png":
            return picture.info["parameters"], picture.info["Software"]
        comment = picture.getexif().get_ifd(0x8769)[0x9286]
        assert comment[:8] == b"UNICODE\0"
        return comment[8:].decode("utf-16-be"), picture.getexif()[0x0131]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_a_picture_says_how_it_was_generated_and_equal_ones_have_equal_bytes(
    suffix: str, about: GenerationInfo, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        save_picture(tmp_path / f"{name}{suffix}", PIXELS, about)
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
    text, software = text_of(tmp_path / f"one{suffix}")
    prompt, negative, settings = text.rsplit("\n", 2)
    assert (software, prompt) == ("multiverse 1.2", PROMPT.replace("\udce9", "\ufffd"))
    assert negative == "Negative prompt: fog"
    pairs = ["=".join(pair) for pair in PAIR.findall(settings)]
    assert pairs == ["Steps=4", "CFG scale=1.5", "Seed=7", 'Model="a, b"', "Version=multiverse 1.2"]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".bmp"])
def test_without_metadata_a_picture_says_nothing(
    suffix: str, about: GenerationInfo, tmp_path: Path
) -> None:
    save_picture(tmp_path / f"out{suffix}", PIXELS)
    assert b"multiverse" not in (tmp_path / f"out{suffix}").read_bytes()
    save_picture(tmp_path / f"out{suffix}", PIXELS, about)  # BMP has no place for it
    assert (b"multiverse" in (tmp_path / f"out{suffix}").read_bytes()) == (suffix != ".bmp")


def test_a_png_encoded_elsewhere_gets_the_same_text_and_keeps_its_pixels(
    about: GenerationInfo, tmp_path: Path
) -> None:
    for name, text in (("plain.png", None), ("told.png", about)):
        save_picture(tmp_path / name, PIXELS, text)
    path = tmp_path / "later.png"
    path.write_bytes(about.in_png((tmp_path / "plain.png").read_bytes()))
    assert text_of(path) == text_of(tmp_path / "told.png")
    assert np.array_equal(np.asarray(Image.open(path)), PIXELS)


def test_a_prompt_of_any_length_can_be_written(tmp_path: Path) -> None:
    long = "\U0001f30a" * 100_000
    save_picture(
        tmp_path / "out.jpg",
        PIXELS,
        generation_info("1.2", long, {"Seed": 7, "Model": long[:250]}, long),
    )
    assert text_of(tmp_path / "out.jpg")[0].startswith(
        long[:8000] + "\nNegative prompt: " + long[:8000] + "\nSeed: 7, "
    )
