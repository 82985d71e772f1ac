"""`<lora:name:0.8>` in a prompt, for one picture, in a job, and live together with the fader."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.live.sd.painter import LoraFaders
from engine.live.sd.settings import PromptSettings
from engine.models.sd import ModelSpec
from engine.models.sd.batch_painter import BatchPainter
from engine.models.sd.load import load
from engine.models.sd.model import DiffusionModel
from engine.models.sd.painting import Painting
from engine.models.sd.single import paint
from tests.models.sd.oracle import source_picture


@pytest.fixture(scope="module")
def model(tiny_sd: Path, tiny_models: Any) -> DiffusionModel:
    return load(
        ModelSpec(model=str(tiny_sd), loras=((str(tiny_models.lora(tiny_sd)), 0.25),)),
        "cpu",
        "fp32",
    )


def picture(model: DiffusionModel, prompt: str, notes: list[str]) -> np.ndarray:
    return paint(model, source_picture(), prompt=prompt, width=64, height=64, note=notes.append)


def test_a_tag_replaces_the_weight_while_its_prompt_is_painted(model: DiffusionModel) -> None:
    notes: list[str] = []
    assert model.loras is not None
    (name,) = model.loras.names
    before = picture(model, "a cat", notes)
    tagged = picture(model, f"a cat <lora:{name.upper()}:0.8>", notes)
    assert model.loras.weights == {name: 0.25}
    assert np.array_equal(picture(model, "a cat", notes), before)
    model.loras.set_weights({name: 0.8})
    assert np.array_equal(picture(model, "a cat", notes), tagged) and not np.array_equal(
        before, tagged
    )
    model.loras.set_weights({name: 0.25})
    assert notes == []
    assert np.array_equal(picture(model, "a cat <lora:gone:1>", notes), before)
    assert notes == [
        f"<lora:gone>: no LoRA of that name, there are {name}; choose it by /sd/lora/1/file, "
        "or at start: --lora PATH, or [[sd.loras]] in "
        "the configuration"
    ]


def test_a_job_paints_with_the_weight_of_its_prompts_tag(model: DiffusionModel) -> None:
    assert model.loras is not None
    (name,) = model.loras.names

    def painted(prompt: str, weights: tuple[float, ...] = ()) -> tuple[np.ndarray, list[str]]:
        painting = Painting(spec=model.spec, prompt=prompt, steps=2, cfg=1.0, lora_weights=weights)
        painter = BatchPainter(model, painting, 64, 64)
        return painter.paint(source_picture()[None])[0], painter.notes

    expected, _ = painted("a cat", (0.8,))
    tagged, notes = painted(f"a cat <lora:{name}:0.8>")
    assert np.array_equal(tagged, expected) and notes == []
    assert np.array_equal(painted(f"a cat <lora:{name}:0.8>", (0.1,))[0], expected)
    plain, notes = painted("a cat <lora:gone>")
    assert len(notes) == 1 and "no LoRA of that name" in notes[0]
    assert np.array_equal(plain, painted("a cat")[0]) and not np.array_equal(plain, expected)


def test_live_the_last_change_applies() -> None:
    faders = LoraFaders(("ink", "clay"), lambda key, line: pytest.fail(line))

    def weights(
        prompt: str, *values: float, prompt_b: str = "", mix: float = 0.0
    ) -> tuple[float, ...]:
        return faders.weights(
            values, PromptSettings(prompt=prompt, negative="", prompt_b=prompt_b, mix=mix)
        )

    assert weights("a cat", 1.0, 0.5) == (1.0, 0.5)
    assert weights("a cat <lora:ink:0.8>", 1.0, 0.5) == (0.8, 0.5)
    assert weights("a cat <lora:ink:0.8>", 1.0, 0.6) == (0.8, 0.6)
    assert weights("a cat <lora:ink:0.8>", 0.3, 0.6) == (0.3, 0.6)  # taken over
    assert weights("a dog <lora:Ink:0.8>", 0.3, 0.6) == (0.3, 0.6)  # the same tag in another prompt
    assert weights("a dog <lora:ink:0.7>", 0.3, 0.6) == (0.7, 0.6)
    assert weights("a dog <lora:ink:0.9>", 0.1, 0.6) == (0.9, 0.6)  # both in one moment
    assert weights("a dog", 0.1, 0.6) == (0.1, 0.6)
    assert weights(
        "a dog", 0.1, 0.6, prompt_b="<lora:ink:1.1><lora:clay:0>", mix=0.5
    ) == pytest.approx((0.6, 0.3))
    assert weights("a dog", 0.1, 0.6, prompt_b="<lora:ink:1.1><lora:clay:0>", mix=1.0) == (1.1, 0.0)


def test_live_an_unknown_name_is_noted_once_per_prompt() -> None:
    notes: list[str] = []
    faders = LoraFaders((), lambda key, line: notes.append(line))
    prompts = PromptSettings(prompt="<lora:ink>", negative="", prompt_b="", mix=0.0)
    for fader in (1.0, 0.5):
        assert faders.weights((fader,), prompts) == (fader,)
    assert len(notes) == 1 and "none was loaded" in notes[0]
