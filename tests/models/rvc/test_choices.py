"""The HuBERT and the index that are chosen for a voice, by what it and the files beside it say."""

from pathlib import Path
from typing import Any

import pytest

from engine.errors import ModelError
from engine.models.rvc.content_folder import PUBLISHED, ContentChoice, choose_content
from engine.models.rvc.index_choice import (
    OPTIONS,
    IndexChoice,
    choose_index,
    for_other_voice,
    setting_for,
)
from engine.models.rvc.spec import CONTENT

SPIN = PUBLISHED["spin_v2"]
WEBUI = "added_IVF256_Flat_nprobe_1_{}_v2.index"
ALTO, BASS = WEBUI.format("alto"), WEBUI.format("bass")
TRAINED = ALTO.replace("added", "trained")
LINKED = [
    f"assets/indices/{name}_IVF256_Flat_nprobe_1_{name}_v2.index" for name in ("alto", "bass")
]
ONLY, NAMED, OWN = (
    "the only one beside the voice)",
    "the only one beside the voice with its name",
    "the voice's name)",
)


def chosen(stored_name: Any, requested: str = "") -> ContentChoice:
    return choose_content(
        "alto.pth", {} if stored_name is None else {"embedder_model": stored_name}, requested
    )


def test_contentvec_is_used_for_a_voice_that_names_it_or_nothing() -> None:
    for stored_name in (None, "", "contentvec", "ContentVec", "contentvec_base", "hubert_base"):
        assert chosen(stored_name) == ContentChoice(CONTENT), stored_name
        assert chosen(stored_name, "hubert_base.pt") == ContentChoice("hubert_base.pt"), stored_name


def test_naming_the_voices_own_hubert_needs_no_note_and_another_is_obeyed_and_noted() -> None:
    for requested in (SPIN, "models/spin-v2", "spin_v2"):
        assert chosen("spin-v2", requested) == ContentChoice(requested)
    for stored_name, requested in (
        ("spin-v2", CONTENT),
        ("spin-v2", PUBLISHED["spin"]),
        ("contentvec", SPIN),
    ):
        note = f"the voice was trained on {stored_name}; {requested} is used instead, as requested"
        assert chosen(stored_name, requested) == ContentChoice(requested, note)


@pytest.mark.parametrize("stored_name", ["mine", "hubert_large", 7, "x" * 500, "two\nlines"])
def test_an_unpublished_hubert_is_refused_in_a_short_line(stored_name: Any) -> None:
    with pytest.raises(
        ModelError, match=r"alto\.pth: was trained on .*ask its author for that HuBERT"
    ) as raised:
        chosen(stored_name)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400


@pytest.mark.parametrize(
    ("voices", "files", "chosen_file", "why"),
    [
        ("alto.pth", [], "", ""),
        ("alto.pth", ["alto.index"], "alto.index", OWN),
        (
            "alto_200e_4000s.pth alto_200e_4000s_best_epoch.pth",
            ["alto.index", BASS],
            "alto.index",
            OWN,
        ),  # Applio's
        (
            "alto.pth model.pth alto_e200_s4000.pth Alto.pth",
            [ALTO, TRAINED, "G_2333333.pth"],
            ALTO,
            ONLY,
        ),
        ("alto.pth", [TRAINED], "", ""),  # it holds no vectors
        (
            "alto.pth alto_e200_s4000.pth alto_200e_4000s.pth alto_20e_40s_best_epoch.pth",
            [ALTO, BASS, WEBUI.format("alto2")],
            ALTO,
            NAMED,
        ),
        ("alto.pth", [BASS, WEBUI.format("tenor")], "", "none has the voice's name"),
        ("alto.pth", [ALTO, ALTO.replace("256", "512")], "", "more than one has the voice's name"),
        ("alto.pth", [BASS, "bass.pth"], "", "named for another voice"),
        ("alto.pth", ["some.index"], "", "not the voice's name"),
        ("alto.pth", [WEBUI.format(f"voice{number}") for number in range(9)], "", "and 6 more"),
        (
            "weights/alto_e9_s90.pth assets/weights/alto_e9_s90.pth",
            [f"logs/alto/{ALTO}", f"logs/alto/{TRAINED}"],
            f"logs/alto/{ALTO}",
            "the only one in ",
        ),
        ("assets/weights/alto_e9_s90.pth", LINKED, LINKED[0], "the only one of its name in "),
    ],
)
def test_the_index_that_belongs_to_a_voice_is_chosen_and_doubts_are_noted(
    tmp_path: Path, voices: str, files: list[str], chosen_file: str, why: str
) -> None:
    for number, voice in enumerate(voices.split()):
        folder = tmp_path / str(number)
        for file in (voice, *files):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).touch()
        choice = choose_index(str(folder / voice), "")
        assert choice.index == (str(folder / chosen_file) if chosen_file else ""), voice
        assert why in choice.note and bool(choice.note) == bool(why) and "\n" not in choice.note
        if why and not chosen_file:
            assert choice.note.startswith("no index is used (") and files[0] in choice.note
            assert choice.note.endswith(OPTIONS)


def test_a_named_index_is_used_as_it_is_and_none_for_none(tmp_path: Path) -> None:
    for file in ("alto.pth", "alto.index"):
        (tmp_path / file).touch()
    assert choose_index(str(tmp_path / "alto.pth"), "other.index") == IndexChoice("other.index")
    assert choose_index(str(tmp_path / "alto.pth"), "none") == IndexChoice()
    assert choose_index("random:tiny", "") == choose_index("", "") == IndexChoice()


def test_a_configured_none_applies_to_any_voice_and_a_file_only_to_its_own() -> None:
    assert (for_other_voice("none"), for_other_voice("alto.index"), for_other_voice("")) == (
        "none",
        "",
        "",
    )
    assert setting_for("alto.pth", "alto.pth", "alto.index") == "alto.index"
    assert setting_for("bass.pth", "alto.pth", "alto.index") == ""
    assert setting_for("bass.pth", "alto.pth", "none") == "none"
