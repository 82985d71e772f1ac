"""The contract of every kind of sink."""

import dataclasses
import inspect
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from engine.errors import SinkError, SinkUnavailableError
from engine.sinks.null import NullSink
from engine.sinks.registry import available_kinds, make_sink, sink_class
from engine.sinks.sink import TITLES, PictureName, Sink, SinkSpec
from osc_schema.sinks import KINDS
from tests.support.ndi_network import NDI_CLOSES

REPOSITORY = Path(__file__).parents[2]
PICTURES = tuple(TITLES)
OWN_FILES = ("window", "virtualcam", "spout")  # they need a screen, and a driver
AVAILABLE = [
    pytest.param(info.kind, marks=NDI_CLOSES) if info.kind == "ndi" else info.kind
    for info in available_kinds()
    if info.is_available and info.kind not in OWN_FILES
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_the_members_of_a_sink_with_the_same_parameters(kind: str) -> None:
    sink = sink_class(kind)
    assert sink.kind == kind
    for name, member in vars(Sink).items():
        if name.startswith("_"):
            continue
        own = getattr(sink, name)
        if isinstance(member, property):
            assert isinstance(own, property)
        else:
            assert inspect.signature(own) == inspect.signature(getattr(NullSink, name))
    assert inspect.signature(sink) == inspect.signature(NullSink)


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("kind", AVAILABLE)
def test_a_sink_survives_changes_of_size_and_closes_twice(
    kind: str, picture: PictureName, make_format, make_frame, tmp_path: Path, wait_for
) -> None:
    make_sink(SinkSpec(kind=kind, picture=picture)).close()  # one that was never started
    argument = {
        "record": str(tmp_path / "life.mp4"),
        "snapshot": str(tmp_path / "life.png"),
        "dmx": "life,to=127.0.0.1:9",
    }.get(kind, "life")
    sink = make_sink(SinkSpec(kind=kind, argument=argument, picture=picture))
    sink.start(make_format())
    for index in range(3):
        sink.publish(make_frame(index))
        sink.pump()
    sink.set_format(make_format(width=32, height=16))
    sink.publish(make_frame(3, np.zeros((16, 32, 4), np.uint8)))
    sink.pump()
    status = sink.status()
    assert (status.kind, status.state, status.dropped) == (kind, "running", 0)
    wait_for(sink.drain, "the sink to finish")
    sink.close()
    sink.close()
    assert sink.status().frames == {"snapshot": 1}.get(kind, 4)


@pytest.mark.parametrize("kind", AVAILABLE)
def test_no_sink_reads_a_frame_after_the_next_one(
    kind: str, make_format, make_frame, tmp_path: Path
) -> None:
    argument = {"record": str(tmp_path / "new.mp4"), "snapshot": str(tmp_path / "new.png")}.get(
        kind, "new"
    )
    sink = make_sink(SinkSpec(kind=kind, argument=argument))
    sink.start(make_format(is_offline=True), may_wait=True)
    newest = 0

    def read_rgba(index: int) -> np.ndarray:
        assert index == newest, "drawn over"
        return np.zeros((48, 64, 4), np.uint8)

    for newest in range(12):
        sink.publish(dataclasses.replace(make_frame(newest), read_rgba=partial(read_rgba, newest)))
        sink.pump()
    sink.close()
    assert sink.status().frames == {"snapshot": 1}.get(kind, 12)


# named at its start: test_four_pictures
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "record"])
def test_without_an_argument_each_picture_has_its_own_name(kind: str) -> None:
    names = [sink_class(kind)("", picture).name for picture in PICTURES]
    if kind == "snapshot":
        assert names == [
            "snapshot",
            "sd:snapshot",
            "sam3:snapshot",
            "sam3_mask:snapshot",
            "2:snapshot",
        ]
    else:
        assert names == [
            "Multiverse",
            "Multiverse SD",
            "Multiverse SAM3",
            "Multiverse SAM3 mask",
            "Multiverse 2",
        ]


def test_a_sink_that_needs_another_system_or_package_is_listed_and_rejected_with_its_reason(
    make_format, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.sinks.registry.PLATFORM", "linux")
    reasons = {info.kind: info.reason for info in available_kinds()}
    assert (reasons["syphon"], reasons["spout"]) == ("needs macOS", "needs Windows")
    with pytest.raises(SinkUnavailableError, match=r"^syphon: unavailable \(needs macOS\)$"):
        make_sink(SinkSpec(kind="syphon"))
    for kind in ("syphon", "spout"):
        sink = sink_class(kind)("")
        with pytest.raises(SinkUnavailableError, match=f"^{kind}: unavailable"):
            sink.start(make_format())
        sink.close()
    monkeypatch.setattr("engine.sinks.registry.PLATFORM", "darwin")
    monkeypatch.setattr(
        "engine.sinks.registry.find_spec", lambda name: None if name == "OpenGL" else object()
    )
    with pytest.raises(
        SinkUnavailableError,
        match=r"syphon: .*OpenGL: .* -m pip install .*'syphon-python\[opengl\]'",
    ):
        make_sink(SinkSpec(kind="syphon"))


def test_a_spec_is_a_kind_and_an_argument_for_one_of_the_pictures() -> None:
    assert SinkSpec.parse("null") == SinkSpec(kind="null", argument="", picture="main")
    assert SinkSpec.parse("record=a=b.mp4") == SinkSpec(kind="record", argument="a=b.mp4")
    assert SinkSpec.parse("sd:record=sd:b.mp4") == SinkSpec(
        kind="record", argument="sd:b.mp4", picture="sd"
    )
    assert SinkSpec.labelled("sd:null", "x") == SinkSpec(kind="null", argument="x", picture="sd")
    for label in ("null", "sd:null"):
        assert SinkSpec.parse(label).label == label
    for label in ("hologram", "sd:hologram", "sd:", "", "main:null"):
        with pytest.raises(SinkError, match=rf"'{label}': .*{', '.join(KINDS)}, .*sd:"):
            SinkSpec.parse(f"{label}=x")


def test_creating_sinks_loads_none_of_their_libraries() -> None:
    code = (
        "import sys; from engine.sinks import registry, sink_set; registry.available_kinds();"
        "print([name for name in ('av', 'cv2', 'syphon', 'SpoutGL', 'cyndilib', 'moderngl') if "
        "name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
