"""Preset files: readable, safe against crashes and against hostile names."""

import threading
import tomllib
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

import osc_schema
from engine.errors import PresetError
from engine.params import ParamStore, PresetFolder
from engine.params.looks import LOOKS
from engine.params.preset_cache import PresetCache
from engine.system import atomic_file
from engine.system.atomic_file import unfinished_path
from osc_schema import PARAMS, ParamType, Rejected
from osc_schema.live_models import AREAS
from tests.support.long_form import IS_SOAK

BUILT_IN = ("default", "VAV original", *LOOKS)
BRIGHTNESS = "/multiverse/brightness"
STORED = {param.address for param in PARAMS if param.stored}


@pytest.fixture
def presets(tmp_path: Path) -> PresetFolder:
    return PresetFolder(tmp_path / "presets")


def write(presets: PresetFolder, name: str, text: str) -> None:
    presets.path.mkdir(exist_ok=True)
    (presets.path / f"{name}.toml").write_text(text, encoding="utf-8", errors="surrogateescape")


def test_a_saved_look_comes_back_as_it_was(presets: PresetFolder, store: ParamStore) -> None:
    for param in PARAMS:
        if param.type is ParamType.MENU:
            store.set(param.address, param.menu[-1])
        elif param.type in (ParamType.FLOAT, ParamType.STOPS, ParamType.INT):
            store.set(param.address, param.low + (param.high - param.low) / 3)
        elif param.type is ParamType.BOOL:
            store.set(param.address, not param.default)
    presets.save("Nacht über Köln", store.snapshot())
    loaded = presets.load("Nacht über Köln")
    assert loaded.problems == []
    assert loaded.by_address() == {address: store.get(address) for address in STORED}
    other = ParamStore()
    assert not [
        bad
        for bad in other.set_many(loaded.by_address().items(), by="preset")
        if isinstance(bad, Rejected)
    ]
    assert all(other.get(address) == store.get(address) for address in STORED)


def test_a_name_with_other_letters_is_another_preset(presets: PresetFolder) -> None:
    for name in ("Straße", "Strasse"):
        assert not presets.replace(name, {"/mode": "simple"})
    assert {presets.load(name).name for name in ("straße", "STRASSE")} == {"Straße", "Strasse"}


@pytest.mark.only_on("linux", reason="elsewhere both names are one file")
def test_two_presets_that_differ_in_case_stay_apart(presets: PresetFolder) -> None:
    presets.save("Night", {BRIGHTNESS: 1.0})
    write(presets, "night", presets.export_text("Night").replace("= 1.0", "= 2.0"))
    for name in ("night", "Night"):
        presets.save(name, {BRIGHTNESS: 3.0})
    assert presets.restore("night").by_address() == {BRIGHTNESS: 2.0}
    for ask in (presets.load, presets.delete):
        with pytest.raises(PresetError, match="'NIGHT': not found"):
            ask("NIGHT")


def test_a_preset_is_the_same_in_upper_and_lower_case(
    presets: PresetFolder, tmp_path: Path
) -> None:
    """As its file is on Windows and on a Mac."""
    presets.save("Night", {BRIGHTNESS: 1.0})
    presets.save_picture("NIGHT", b"jpeg")
    assert presets.replace("night", {BRIGHTNESS: 2.0})
    assert [path.name for path in presets.path.glob("*.*")] == ["Night.toml"]
    assert presets.load("nighT").by_address() == {BRIGHTNESS: 2.0} and presets.has("NIGHT")
    assert presets.restore("night").by_address() == {BRIGHTNESS: 1.0}
    (tmp_path / "from elsewhere.toml").write_text(
        presets.export_text("Night").replace("Night", "NIGHT")
    )
    with pytest.raises(PresetError, match="exists already"):
        presets.import_file(tmp_path / "from elsewhere.toml")
    presets.delete("night")
    assert not presets.has("Night") and presets.restore("NIGHT").by_address() == {BRIGHTNESS: 1.0}
    assert [path.name for path in presets.path.glob("*.toml")] == ["Night.toml"], "its own spelling"


def test_the_file_reads_like_the_controls(presets: PresetFolder) -> None:
    text = presets.save("night", ParamStore().snapshot()).read_text(encoding="utf-8")
    assert text.startswith(
        '[preset]\nname = "night"\nschema = 4\n\n[values]\n"/mode" = "multiverse"\n'
    )
    assert '"/layer/1/curve" = 1.0\n' in text
    assert '"/layer/1/mute" = false\n' in text
    assert tomllib.loads(text)["values"].keys() == STORED


def test_invalid_entries_are_listed_one_by_one_and_the_rest_is_applied(
    presets: PresetFolder,
) -> None:
    write(
        presets,
        "old",
        '[preset]\nname = "else"\nschema = 99\n[values]\n'
        '"/multiverse/brightness" = 9\n"/layr/1/angle" = 1\n"/layer/1/curve" = '
        'nan\n"/layer/1/angle" = 30\n'
        '"/master/fade" = 0.0\n"/mode" = 1979-05-27\n"/mirror/mode" = [1, 2]\n"/layer/2/curve" = '
        "{x = 1}\n",
    )
    loaded = presets.load("old")
    assert loaded.name == "old", "the name of a preset is that of its file"
    assert loaded.by_address() == {"/multiverse/brightness": 4.0, "/layer/1/angle": 30.0}
    assert loaded.problems == [
        "written by a newer version (schema 99, here 4)",
        "/multiverse/brightness: 9 is outside 0..4 (clipped to 4)",
        "/layr/1/angle: no such parameter (nearest: /layer/1/angle, /layer/4/angle, "
        "/layer/3/angle) (left out)",
        "/layer/1/curve: nan is not a finite number (left out)",
        "/master/fade: is never stored in such a file (left out)",
        "/mode: a value of type date is not a number (left out)",
        "/mirror/mode: a list of 2 is not a number (left out)",
        "/layer/2/curve: a value of type dict is not a number (left out)",
    ]


def test_the_energy_of_a_preset_stays_when_it_is_saved_again_and_a_wrong_one_is_one_line(
    presets: PresetFolder,
) -> None:
    write(presets, "Calm", "[preset]\nenergy = 0.2\n[values]\n")
    cache = PresetCache(presets)
    cache.poll()
    cache.write(cache.save("Calm", ParamStore().snapshot()))
    assert presets.load("Calm").energy == 0.2 and "energy = 0.2" in presets.export_text("Calm")
    write(presets, "Wild", "[preset]\nenergy = 3\n[values]\n")
    assert presets.load("Wild").energy is None
    assert presets.load("Wild").problems == ["energy: 3 is not a number 0..1 (left out)"]


def test_a_corrupt_file_is_one_clear_line(presets: PresetFolder) -> None:
    for text, message in [
        ("[values\n", "is not valid TOML"),
        ("\udcff\udcfe\0", "is not valid TOML"),
        ("x = " + "9" * 5000, "is not valid TOML"),
        ("x = " + "[" * 50_000, "is not valid TOML"),
        ("mode = 1\n", "has no [values] table"),
        ("values = 1\n", "has no [values] table"),
        ("#" * (1 << 20) + "\n[values]\n", "larger than 1 MiB"),
    ]:
        write(presets, "bad", text)
        with pytest.raises(PresetError) as error:
            presets.load("bad")
        assert (
            message in str(error.value)
            and "bad.toml" in str(error.value)
            and "\n" not in str(error.value)
        ), text


def test_a_preset_from_before_the_colour_parameters_keeps_its_look(presets: PresetFolder) -> None:
    values = '"/colour/mode" = "pitch"\n"/colour/base_hue" = 0.5\n'
    write(presets, "old", f"[preset]\nschema = 2\n[values]\n{values}")
    write(presets, "new", f"[preset]\nschema = 4\n[values]\n{values}")
    write(presets, "of the mirror", '[preset]\nschema = 2\n[values]\n"/mirror/mode" = "x"\n')
    as_before = {
        "/colour/glide_ms": 0.0,
        "/colour/spread": 1.0,
        "/colour/shift": 0.0,
        "/colour/map": 0.0,
    }
    assert (
        presets.load("old").by_address()
        == {"/colour/mode": "pitch", "/colour/base_hue": 0.5} | as_before
    )
    assert not presets.load("new").by_address().keys() & as_before
    assert not presets.load("of the mirror").by_address().keys() & as_before
    assert all(
        osc_schema.accept(address, value).value == value
        for address, (_, _, value) in osc_schema.ADDED.items()
    )


def test_a_preset_of_an_older_schema_keeps_its_look(presets: PresetFolder) -> None:
    for schema, values, loaded in [
        (
            3,
            {"/layer/2/curve": 0.5, "/multiverse/blend": 1.0},
            {"/layer/2/shape": "stripes", "/multiverse/light": "classic"},
        ),
        (3, {"/colour/mode": "scheme"}, {"/colour/mode": "fixed"}),
        (1, {"/mirror": "xy"}, {"/mirror/mode": "xy"}),
    ]:
        write(presets, "old", tomli_w.dumps({"preset": {"schema": schema}, "values": values}))
        found = presets.load("old")
        assert found.by_address().items() >= loaded.items() and found.problems == [], schema


def test_a_built_in_look_leaves_camera_prompt_regions_and_sound_alone(
    presets: PresetFolder,
) -> None:
    for name in BUILT_IN[1:]:
        store = ParamStore()
        own = [
            ("/layer/5/intensity", 0.7),
            ("/sd/prompt", "a forest"),
            ("/sam3/prompt/2", "a guitar"),
            ("/region/enable", True),
            ("/audio/1/decay_ms", 50.0),
            ("/text/2/text", "Anna"),
            ("/logo/file", "anna.png"),
        ]
        store.set_many(own, by="test")
        store.set_many(presets.load(name).by_address().items(), by="preset")
        assert [(address, store.get(address)) for address, _ in own] == own, name
        models = {param.area for area in AREAS for param in area.params if param.stored}
        left = {
            address.split("/")[1] for address in STORED - presets.load(name).by_address().keys()
        }
        assert left == {"layer", "text", "logo", "region", "audio", "contour", *models}, name


def test_built_in_presets_are_a_fresh_start_and_cannot_be_overwritten_or_deleted(
    presets: PresetFolder,
) -> None:
    assert presets.load("default").by_address() == {
        param.address: param.default for param in PARAMS if param.stored
    }
    for change in (lambda: presets.save("vav ORIGINAL", {}), lambda: presets.delete("default")):
        with pytest.raises(PresetError, match="is built in"):
            change()


def test_presets_are_listed_and_deleted_by_name(presets: PresetFolder) -> None:
    assert presets.list() == BUILT_IN
    for name in ("b", "A", "Ü"):
        presets.save(name, {"/mode": "simple"})
    (presets.path / ".hidden.toml").write_text("")
    (presets.path / "notes.txt").write_text("")
    (presets.path / "folder.toml").mkdir()
    write(presets, "Default", "[values]\n")
    assert presets.list() == (*BUILT_IN, "A", "b", "Ü")
    presets.delete("A")
    assert presets.list() == (*BUILT_IN, "b", "Ü")
    for ask in (presets.load, presets.delete):
        with pytest.raises(
            PresetError,
            match=r"preset 'A': not found in .* \(known: default, .*, Ravine and 8 more\)",
        ):
            ask("A")


BAD_NAMES = [
    *(
        "",
        " ",
        " a",
        "a ",
        ".",
        "..",
        ".a",
        "a.",
        "../a",
        "a/b",
        "a\\b",
        "/etc/passwd",
        "C:a",
        "a:b",
        "a|b",
    ),
    *(
        "a\0b",
        "a\nb",
        "a*",
        "a?",
        '"a"',
        "<a>",
        "CON",
        "con.old",
        "nul",
        "Lpt1",
        "COM¹",
        "\ud800",
        "a" * 65,
    ),
    "ü" * 60 + "\U0001f300" * 60,
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_a_name_that_is_invalid_on_any_system_is_refused(presets: PresetFolder, name: str) -> None:
    for ask in (
        lambda: presets.save(name, {}),
        lambda: presets.load(name),
        lambda: presets.delete(name),
    ):
        with pytest.raises(PresetError) as error:
            ask()
        assert "\n" not in str(error.value)
        str(error.value).encode("utf-8")
    assert not presets.path.exists()


@settings(max_examples=150 if IS_SOAK else 30)
@given(
    name=st.one_of(
        st.text(st.characters(codec=None), max_size=70), st.text("./\\ nul:co1", max_size=6)
    )
)
def test_no_name_writes_outside_the_folder(tmp_path: Path, name: str) -> None:
    presets = PresetFolder(tmp_path / "presets")
    try:
        path = presets.save(name, {"/mode": "simple"})
    except PresetError:
        pass
    else:
        assert path.parent == presets.path and path.is_file()
        assert presets.load(name).by_address() == {"/mode": "simple"}
        presets.delete(name)
    assert [entry.name for entry in tmp_path.iterdir()] in ([], ["presets"])
    assert not presets.path.exists() or {entry.name for entry in presets.path.iterdir()} <= {
        "replaced"
    }


def test_overwritten_presets_are_kept_with_their_picture_ten_of_a_name_at_most(
    presets: PresetFolder,
) -> None:
    for brightness in range(13):
        presets.save("night", {"/multiverse/brightness": brightness / 10})
        presets.save_picture("night", b"picture %d" % brightness)
    stored = sorted(path.name for path in (presets.path / "replaced").iterdir())
    assert stored == sorted(
        f"{n:06} night{suffix}" for n in range(3, 13) for suffix in (".toml", ".jpg")
    )
    presets.restore("night")
    assert presets.load("night").by_address() == {"/multiverse/brightness": 1.1}
    assert Path(presets.pictures()["night"].path).read_bytes() == b"picture 11"
    presets.delete("night")
    assert not presets.has("night") and presets.pictures() == {}
    presets.restore("night")
    assert Path(presets.pictures()["night"].path).read_bytes() == b"picture 11"
    presets.save("night", {"/mode": "simple"})
    for has_picture in (True, False):
        presets.restore("night")
        assert ("night" in presets.pictures()) is has_picture


@pytest.mark.only_on(
    "linux", "darwin", reason="Windows lets administrators make links, Wine makes none"
)
def test_a_preset_behind_a_link_stays_as_it_was(presets: PresetFolder, tmp_path: Path) -> None:
    link, file = presets.save("night", {"/mode": "simple"}), tmp_path / "shared.toml"
    link.rename(file)
    link.symlink_to(file)
    presets.save("night", {"/mode": "multiverse"})
    file.write_text("[values]\n")  # by another program
    presets.restore("night")
    assert presets.load("night").by_address() == {"/mode": "simple"}


def test_repeated_failing_saves_remove_no_backup(
    presets: PresetFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    # on Windows a folder there looks like a file in use
    monkeypatch.setattr(atomic_file, "MAX_LIVE_WAIT_S", 0.0)
    for mode in ("simple", "multiverse"):
        presets.save("night", {"/mode": mode})
    unfinished_path(presets.path / "night.toml", threading.get_ident()).mkdir()
    for _ in range(12):
        with pytest.raises(PresetError, match="cannot be written"):
            presets.save("night", {"/mode": "simple", "/layer/1/mute": True})
    assert len(list((presets.path / "replaced").glob("*.toml"))) == 2
    assert presets.load("night").by_address() == {"/mode": "multiverse"}


def test_a_preset_that_cannot_be_backed_up_is_not_overwritten(presets: PresetFolder) -> None:
    presets.save("night", {"/mode": "simple"})
    (presets.path / "replaced").write_text("a file where the folder should be")
    for act in (
        lambda: presets.save("night", {"/mode": "multiverse"}),
        lambda: presets.delete("night"),
    ):
        with pytest.raises(PresetError, match="not changed: it cannot be copied"):
            act()
    assert presets.load("night").by_address() == {"/mode": "simple"}
