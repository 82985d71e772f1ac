"""Which index goes with a voice."""

from pathlib import Path

from engine.models.voice.index_choice import configured_for, for_another, index_for


def test_the_index_of_the_same_name_is_used_where_none_is_named(tmp_path: Path) -> None:
    model, beside = tmp_path / "alto.pth", tmp_path / "alto.index"
    model.touch()
    assert index_for(str(model), "") == ""
    beside.touch()
    assert index_for(str(model), "") == str(beside)
    assert index_for(str(model), "other.index") == "other.index"
    assert index_for(str(model), "none") == ""
    assert index_for("random:tiny", "") == index_for("", "") == ""


def test_no_index_by_configuration_is_none_for_any_voice_and_a_named_one_for_its_own() -> None:
    assert (for_another("none"), for_another("alto.index"), for_another("")) == ("none", "", "")
    assert configured_for("alto.pth", "alto.pth", "alto.index") == "alto.index"
    assert configured_for("bass.pth", "alto.pth", "alto.index") == ""
    assert configured_for("bass.pth", "alto.pth", "none") == "none"
