"""The HuBERT chosen for a voice that names the one it was trained with."""

from typing import Any

import pytest

from engine.errors import ModelError
from engine.models.rvc.content_folder import PUBLISHED, ContentChoice, content_for
from engine.models.rvc.spec import CONTENT

SPIN = PUBLISHED["spin_v2"]


def chosen(said: Any, asked: str = "") -> ContentChoice:
    return content_for("alto.pth", {} if said is None else {"embedder_model": said}, asked)


def test_contentvec_is_used_for_a_voice_that_names_it_or_nothing() -> None:
    for said in (None, "", "contentvec", "ContentVec", "contentvec_base", "hubert_base"):
        assert chosen(said) == ContentChoice(CONTENT), said
        assert chosen(said, "hubert_base.pt") == ContentChoice("hubert_base.pt"), said


def test_naming_the_voices_own_hubert_needs_no_note_and_another_is_obeyed_and_noted() -> None:
    for asked in (SPIN, "models/spin-v2", "spin_v2"):
        assert chosen("spin-v2", asked) == ContentChoice(asked)
    for said, asked in (("spin-v2", CONTENT), ("spin-v2", PUBLISHED["spin"]), ("contentvec", SPIN)):
        note = f"the voice was trained on {said}; {asked} is used instead, as requested"
        assert chosen(said, asked) == ContentChoice(asked, note)


@pytest.mark.parametrize("said", ["mine", "hubert_large", 7, "x" * 500, "two\nlines"])
def test_an_unpublished_hubert_is_refused_in_a_short_line(said: Any) -> None:
    with pytest.raises(ModelError, match=r"alto\.pth: was trained on .*ask its author for that HuBERT") as told:
        chosen(said)
    assert "\n" not in str(told.value) and len(str(told.value)) < 400
