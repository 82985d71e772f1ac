"""Over OSC only the voices of this run can be chosen."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.config import Config
from engine.live.kit.opening import model_lists
from engine.live.rvc.entry import RvcConfig, files_named
from engine.live.rvc.link import AS_DECLARED, spec_of
from engine.models.rvc.index_choice import IndexChoice
from osc_schema import Rejected
from tests.conftest import TinyModels
from tests.live.stores import store_for
from tests.support.links import link_or_copy


@pytest.fixture
def folders(tmp_path: Path) -> RvcConfig:
    """Two folders with voices, one of which has an index, and a secret beside them."""
    for folder, names in {"a": ("alto.pth", "alto.index"), "b": ("alto.pth", "bass.pth")}.items():
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).touch()
    (tmp_path / "secret.pth").touch()
    (tmp_path / "a" / "folder.pth").mkdir()
    return RvcConfig(
        model="/given.pth", index="/given.index", folders=(str(tmp_path / "a"), str(tmp_path / "b"))
    )


@pytest.mark.parametrize(
    ("address", "value"),
    [("/rvc/enable", 1), ("/rvc/channel", 2), ("/rvc/model", "alto.pth"), ("/rvc/channel", 4)],
)
def test_values_that_need_a_model_are_refused_with_the_option_to_use(
    address: str, value: object
) -> None:
    store = store_for("rvc", RvcConfig())
    before = store.get(address)
    with pytest.raises(Rejected, match=address) as refusal:
        store.set(address, value)
    assert "multiverse run --rvc MODEL.pth" in str(refusal.value) and "\n" not in str(refusal.value)
    assert store.get(address) == before


def test_voices_are_found_only_in_their_folders_with_the_index_next_to_them(
    folders: RvcConfig, tmp_path: Path
) -> None:
    alto = tmp_path / "a" / "alto.pth"
    model, its_index = files_named(folders, "alto.pth")
    assert (model, its_index.index) == (str(alto), str(alto.with_suffix(".index")))
    assert (
        spec_of(folders, AS_DECLARED | {"/rvc/model": "alto.pth"}).index_note
        == its_index.note
        != ""
    )
    assert files_named(folders, "bass.pth") == (str(tmp_path / "b" / "bass.pth"), IndexChoice())
    assert files_named(folders, "") == ("/given.pth", IndexChoice("/given.index"))
    none = replace(folders, index="none")
    assert files_named(none, "alto.pth") == (str(alto), IndexChoice())
    assert files_named(none, "") == ("/given.pth", IndexChoice())
    store = store_for("rvc", folders)
    for name in ("alto.pth", ""):
        store.set("/rvc/model", name)
        assert store.get("/rvc/model") == name
    for name in (
        "../secret.pth",
        str(tmp_path / "secret.pth"),
        "..",
        "secret.pth",
        "alto",
        "folder.pth",
    ):
        with pytest.raises(Rejected, match=r"/rvc/model: .* (is not in|a name)"):
            store.set("/rvc/model", name)


def test_paths_are_absolute_so_that_a_child_in_another_folder_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "voice.pth").touch()
    spec = spec_of(
        RvcConfig(model="voice.pth", content="owner/id"), AS_DECLARED | {"/rvc/f0": "yin"}
    )
    assert (spec.model, spec.index, spec.content, spec.pitch) == (
        str(tmp_path / "voice.pth"),
        "",
        "owner/id",
        "yin",
    )
    (tmp_path / "voice.index").touch()
    assert spec_of(RvcConfig(model="voice.pth")).index == str(tmp_path / "voice.index")
    assert spec_of(RvcConfig(model="voice.pth", index="none")).index == ""


def test_the_list_of_voices_says_what_each_is(tmp_path: Path, tiny_models: TinyModels) -> None:
    """Read from headers; what is no voice is listed with the reason."""
    voice_file = tiny_models.voice()
    for name, source in {
        "alto.pth": voice_file / "voice.pth",
        "alto.index": voice_file / "voice.index",
    }.items():
        link_or_copy(tmp_path / name, source)
    link_or_copy(
        tmp_path / "refined.pth",
        tiny_models.voice(vocoder="RefineGAN", rate_hz=48_000) / "voice.pth",
    )
    (tmp_path / "broken.pth").write_bytes(b"PK")
    table = RvcConfig(model="/given.pth", folders=(str(tmp_path),))
    config = replace(Config(), models={**Config().models, "rvc": table})
    first, *found = model_lists(config, store_for("rvc", table), ())["/rvc"]()
    titles = {key: title for key, title, is_on in found if not is_on}
    assert first == ("", "as configured: given.pth", True)
    assert titles["alto.pth"] == "alto.pth (v2, 40 kHz, with index)"
    assert titles["refined.pth"] == "refined.pth (v2, 48 kHz, RefineGAN, no index)"
    assert (
        titles["broken.pth"].startswith("broken.pth (cannot be used: ")
        and "\n" not in titles["broken.pth"]
    )
