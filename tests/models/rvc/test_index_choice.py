"""The index chosen for a voice, and the note about it."""

from pathlib import Path

import pytest

from engine.models.rvc.index_choice import OPTIONS, IndexChoice, configured_for, for_another, index_for

WEBUI = "added_IVF256_Flat_nprobe_1_{}_v2.index"
ALTO, BASS = WEBUI.format("alto"), WEBUI.format("bass")


def chosen(folder: Path, *files: str, voice: str = "alto.pth") -> IndexChoice:
    """The choice for the voice, with these files in its folder."""
    for file in (voice, *files):
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return index_for(str(folder / voice), "")


def test_the_index_of_the_same_name_is_used_where_none_is_named(tmp_path: Path) -> None:
    model, beside = tmp_path / "alto.pth", tmp_path / "alto.index"
    model.touch()
    assert index_for(str(model), "") == IndexChoice()
    beside.touch()
    assert index_for(str(model), "") == IndexChoice(str(beside), "index: alto.index (it has the voice's name)")
    assert index_for(str(model), "other.index") == IndexChoice("other.index")
    assert index_for(str(model), "none") == IndexChoice()
    assert index_for("random:tiny", "") == index_for("", "") == IndexChoice()


@pytest.mark.parametrize("voice", ["alto.pth", "model.pth", "alto_e200_s4000.pth", "Alto.pth"])
def test_the_only_added_index_beside_the_voice_is_taken_and_never_a_trained_one(tmp_path: Path, voice: str) -> None:
    trained = ALTO.replace("added", "trained")
    choice = chosen(tmp_path, ALTO, trained, "G_2333333.pth", voice=voice)
    assert choice == IndexChoice(str(tmp_path / ALTO), f"index: {ALTO} (the only one beside the voice)")


def test_a_trained_index_alone_is_not_used(tmp_path: Path) -> None:
    assert chosen(tmp_path, ALTO.replace("added", "trained")) == IndexChoice()


@pytest.mark.parametrize(
    "voice", ["alto.pth", "alto_e200_s4000.pth", "alto_200e_4000s.pth", "alto_20e_40s_best_epoch.pth"]
)
def test_of_several_the_one_named_after_the_voice_is_taken(tmp_path: Path, voice: str) -> None:
    choice = chosen(tmp_path, ALTO, BASS, WEBUI.format("alto2"), voice=voice)
    assert choice.index == str(tmp_path / ALTO) and "only one beside the voice with its name" in choice.note


@pytest.mark.parametrize("voice", ["alto_200e_4000s.pth", "alto_200e_4000s_best_epoch.pth"])
def test_applios_index_is_named_as_the_training_without_epoch_and_step(tmp_path: Path, voice: str) -> None:
    assert chosen(tmp_path, "alto.index", BASS, voice=voice).index == str(tmp_path / "alto.index")


def test_a_name_inside_another_word_does_not_count(tmp_path: Path) -> None:
    choice = chosen(tmp_path, WEBUI.format("contralto"), BASS)
    assert choice.index == "" and "none has the voice's name" in choice.note


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ((BASS, WEBUI.format("tenor")), "none has the voice's name"),
        ((ALTO, ALTO.replace("256", "512")), "more than one has the voice's name"),
        ((BASS, "bass.pth"), "named for another voice"),
        (("some.index",), "not the voice's name"),
    ],
)
def test_ambiguous_indices_are_named_and_not_used(tmp_path: Path, files: tuple[str, ...], why: str) -> None:
    choice = chosen(tmp_path, *files)
    assert choice.index == "" and "\n" not in choice.note
    assert choice.note.startswith("no index is used (") and files[0] in choice.note and why in choice.note
    assert choice.note.endswith(OPTIONS)


def test_of_many_only_a_few_are_named(tmp_path: Path) -> None:
    note = chosen(tmp_path, *(WEBUI.format(f"voice{number}") for number in range(9))).note
    assert note.count(".index") == 3 and "and 6 more" in note


@pytest.mark.parametrize("weights", ["weights", "assets/weights"])
def test_the_webui_keeps_the_index_of_a_voice_in_its_logs(tmp_path: Path, weights: str) -> None:
    file = f"logs/alto/{ALTO}"
    choice = chosen(tmp_path, file, f"logs/alto/{ALTO.replace('added', 'trained')}", voice=f"{weights}/alto_e9_s90.pth")
    assert choice.index == str(tmp_path / file) and f"the only one in {tmp_path / 'logs' / 'alto'}" in choice.note

    elsewhere = chosen(tmp_path, voice="voices/alto.pth")
    assert elsewhere == IndexChoice()


def test_a_configured_none_applies_to_any_voice_and_a_file_only_to_its_own() -> None:
    assert (for_another("none"), for_another("alto.index"), for_another("")) == ("none", "", "")
    assert configured_for("alto.pth", "alto.pth", "alto.index") == "alto.index"
    assert configured_for("bass.pth", "alto.pth", "alto.index") == ""
    assert configured_for("bass.pth", "alto.pth", "none") == "none"


def test_the_webui_links_all_indices_into_one_folder(tmp_path: Path) -> None:
    alto, bass = (f"assets/indices/{name}_IVF256_Flat_nprobe_1_{name}_v2.index" for name in ("alto", "bass"))
    choice = chosen(tmp_path, alto, bass, voice="assets/weights/alto_e9_s90.pth")
    assert choice.index == str(tmp_path / alto) and "the only one of its name" in choice.note
    assert chosen(tmp_path, alto, bass, voice="assets/weights/tenor.pth") == IndexChoice()
