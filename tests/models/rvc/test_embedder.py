"""The HuBERT chosen for a voice that names the one it was trained with."""

from typing import Any

import pytest

from engine.errors import ModelError
from engine.models.rvc.content_folder import PUBLISHED, ContentChoice, content_for
from engine.models.rvc.spec import CONTENT

SPIN = PUBLISHED["spin_v2"]


def chosen(said: Any, asked: str = "") -> ContentChoice:
    return content_for("alto.pth", {} if said is None else {"embedder_model": said}, asked)


@pytest.mark.parametrize("said", [None, "", "contentvec", "ContentVec", "contentvec_base"])
def test_contentvec_is_used_for_a_voice_that_names_it_or_nothing(said: Any) -> None:
    assert chosen(said) == ContentChoice(CONTENT)
    assert chosen(said, "hubert_base.pt") == ContentChoice("hubert_base.pt")


@pytest.mark.parametrize("asked", [SPIN, "models/spin-v2", "spin_v2"])
def test_naming_the_voices_own_hubert_needs_no_note(asked: str) -> None:
    assert chosen("spin-v2", asked) == ContentChoice(asked)


@pytest.mark.parametrize(
    ("said", "asked"), [("spin-v2", CONTENT), ("spin-v2", PUBLISHED["spin"]), ("contentvec", SPIN)]
)
def test_naming_another_hubert_is_obeyed_and_noted(said: str, asked: str) -> None:
    assert chosen(said, asked) == ContentChoice(
        asked, f"the voice was trained on {said}; {asked} is used instead, as requested"
    )


@pytest.mark.parametrize("said", ["mine", "hubert_base", 7, "x" * 500, "two\nlines"])
def test_an_unpublished_hubert_is_refused_in_a_short_line(said: Any) -> None:
    with pytest.raises(ModelError, match=r"alto\.pth: was trained on .*ask its author for that HuBERT") as told:
        chosen(said)
    assert "\n" not in str(told.value) and len(str(told.value)) < 400
