"""The figures of the looks that are here: of every look, and all meet the law."""

import numpy as np
import pytest

from engine.params.looks import LOOKS
from tests.benchmarks import looks
from tests.benchmarks.beat_songs import RATE_HZ
from tests.benchmarks.looks import FPS, HEIGHT, SECTIONS, WIDTH

FIGURES = looks.read_figures()


def test_every_look_has_been_measured_and_its_row_is_on_the_page() -> None:
    assert list(FIGURES) == list(LOOKS), "run `python -m tests.benchmarks.looks NAME`"
    text = looks.PAGE.read_text(encoding="utf-8")
    assert looks.fill_table(text, FIGURES) == text and looks.MARKER.search(text), (
        "run `python -m tests.benchmarks.looks`"
    )


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_breathes_in_silence_hears_everything_and_is_like_no_other(name: str) -> None:
    assert not looks.broken(name, FIGURES)


def test_a_picture_that_stands_still_and_hears_nothing_breaks_the_law() -> None:
    sound = looks.song()
    assert len(sound) / RATE_HZ == pytest.approx(SECTIONS["silence"][1], abs=0.01)
    noise = np.random.default_rng(1).integers(0, 255, (1, HEIGHT, WIDTH, 3), np.uint8)
    still = np.broadcast_to(
        noise, (round(SECTIONS["silence"][1] * FPS), HEIGHT, WIDTH, 3)
    ) + np.uint8(0)
    still[::7, 0, 0] ^= 1  # a correlation needs some change
    found = {"still": looks.measure(still, sound)}
    assert looks.broken("still", found)[0] == looks.LAW[0] and looks.LAW[2] in looks.broken(
        "still", found
    )
    assert looks.LAW[4] in looks.broken("still", found | {"twin": found["still"]})
