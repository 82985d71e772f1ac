"""Syphon and Spout cannot run here, so fakes that accept only their published interfaces take every
call of our sinks.

A member, an argument or a type that the libraries do not have fails in the fake (`fake_syphon`,
`fake_spout`). The interfaces were read from the wheels that `published_api/*.json` name, without
running them: from Python's sources by `ast`, from compiled modules by the signature texts of
pybind11. `published_api/record.py` reads them for a new pinned version.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import SinkError
from engine.sinks import syphon
from engine.sinks.spout import SpoutSink
from engine.sinks.syphon import SyphonSink
from engine.values import TextureRef
from osc_schema.sinks import KINDS

SINKS = Path(__file__).parents[2] / "engine/sinks"
TEXTURE = TextureRef(glo=7, width=64, height=48)


def test_we_install_and_pass_what_syphons_gl_server_requires(published_api) -> None:
    api = published_api("syphon")
    demands = api["modules"]["syphon.server"]["classes"]["SyphonOpenGLServer"]["constructor_calls"]
    assert {"SyphonOpenGLServer", "SyphonMetalServer"} <= set(api["exported"])
    assert "opengl._require_pyopengl" in demands and "opengl" in api["extras"]
    assert ("OpenGL", "pip install 'syphon-python[opengl]'") in KINDS["syphon"].packages
    assert "syphon-python[opengl]" in (SINKS.parents[1] / "pyproject.toml").read_text()
    assert api["cgl_context_encoding"].encode() == syphon.CGL_CONTEXT_ENCODING


def test_syphon_publishes_the_texture_flipped_with_its_size(
    fake_syphon, make_format, make_frame
) -> None:
    sink = SyphonSink("")
    sink.start(make_format())
    assert fake_syphon.named("NSProcessInfo.setProcessName_") == [{"name": "Multiverse"}]
    assert fake_syphon.named("SyphonOpenGLServer.__init__")[0]["name"] == "Multiverse"
    assert fake_syphon.named("SyphonOpenGLServer.__init__")[0]["cgl_context_obj"] == (
        "CGLContextObj",
        0xC0FFEE,
    )
    reads: list[int] = []
    for index in range(3):
        sink.publish(make_frame(index, texture=TEXTURE, reads=reads))
        sink.pump()
    published = fake_syphon.named("SyphonOpenGLServer.publish_frame_texture")
    assert len(published) == 3
    assert published[0]["texture"] == 7
    assert (published[0]["size"], published[0]["is_flipped"], published[0]["target"]) == (
        (64, 48),
        True,
        0x0DE1,
    )
    assert (
        fake_syphon.named("CoreFoundation.CFRunLoopRunInMode")
        == [{"argument_0": "kCFRunLoopDefaultMode", "argument_1": 0, "argument_2": True}] * 3
    )
    pools = fake_syphon.named("objc.autorelease_pool.__enter__")
    assert len(pools) == len(fake_syphon.named("objc.autorelease_pool.__exit__")) == 6
    assert reads == []
    assert (sink.status().frames, sink.status().detail) == (
        3,
        "on the GPU; application name: Python",
    )
    sink.publish(make_frame(3))  # the renderer could not draw
    assert len(fake_syphon.named("SyphonOpenGLServer.publish_frame_texture")) == 3
    sink.close()
    sink.close()
    assert len(fake_syphon.named("SyphonOpenGLServer.stop")) == 1


@pytest.mark.parametrize(
    ("running", "listed"),
    [("Python", "Python"), ("python3.12", "python3.12"), (None, "Multiverse")],
)
def test_syphon_reports_its_application_name_for_receivers(
    fake_syphon, make_format, running, listed
) -> None:
    """SyphonServerBase.m: NSRunningApplication's name has priority; ours counts only if there is
    none."""
    fake_syphon.answers["NSRunningApplication.localizedName"] = lambda: running
    sink = SyphonSink("")
    sink.start(make_format())
    assert sink.status().detail == f"on the GPU; application name: {listed}"
    sink.close()
    assert syphon.application_name() == listed
    assert fake_syphon.named("SyphonMetalServer.__init__")[0]["is_private"] is True
    assert len(fake_syphon.named("SyphonMetalServer.stop")) == 1


def test_syphon_restores_the_context_after_publishing_and_after_the_end_of_its_server(
    fake_syphon, make_format, make_frame
) -> None:
    current = [0xC0FFEE]
    fake_syphon.answers["CGLGetCurrentContext"] = lambda: current[0]
    fake_syphon.answers["SyphonOpenGLServer.stop"] = lambda: current.insert(0, 0xDEAD)
    sink = SyphonSink("")
    sink.start(make_format())
    current[0] = 0xBAD
    sink.publish(make_frame(0, texture=TEXTURE))
    current[0] = 0xBEEF  # of a later renderer
    sink.close()
    assert fake_syphon.named("CGLSetCurrentContext") == [{"args": (0xC0FFEE,)}, {"args": (0xBEEF,)}]


def test_syphon_changes_to_metal_after_three_gl_errors_in_a_row(
    fake_syphon, make_format, make_frame, f_card
) -> None:
    errors: list[int] = []
    fake_syphon.answers["glGetError"] = lambda: errors.pop() if errors else 0
    fake_syphon.answers["SyphonOpenGLServer.publish_frame_texture"] = lambda **_: errors.extend(
        to_come.pop(0)
    )
    fake_syphon.answers["syphon.utils.raw.create_mtl_texture"] = lambda width, height, **_: object()
    to_come = [[], [0x502], [0x502], [], [0x502], [0x502, 0x506], [0x502]]
    sink = SyphonSink("wall")
    sink.start(make_format())
    card = f_card(64, 48)
    for index in range(7):
        errors.append(0x501)  # an old one of the renderer does not count as Syphon's
        sink.publish(make_frame(index, card, texture=TEXTURE))
    assert sink.status().detail.startswith("through Metal, after GL error 0x502 3 times in a row; ")
    assert len(fake_syphon.named("SyphonOpenGLServer.stop")) == 1
    assert fake_syphon.named("SyphonMetalServer.__init__")[0]["name"] == "wall"
    for index in range(7, 11):
        sink.publish(make_frame(index, card, texture=TEXTURE))
    copied = fake_syphon.named("syphon.utils.numpy.copy_image_to_mtl_texture")
    published = fake_syphon.named("SyphonMetalServer.publish_frame_texture")
    assert [np.array_equal(copy["image"], card) for copy in copied] == [True] * 4
    textures = [entry["texture"] for entry in published]
    assert [copy["texture"] for copy in copied] == textures
    assert len(set(map(id, textures))) == 3 and textures[0] is textures[3]
    assert {(entry["size"], entry["is_flipped"]) for entry in published} == {((64, 48), True)}
    sink.close()


def test_syphon_without_gl_takes_pixels_through_metal_and_follows_their_size(
    fake_syphon, make_format, make_frame, f_card
) -> None:
    fake_syphon.answers["CGLGetCurrentContext"] = lambda: None
    sink = SyphonSink("")
    sink.start(make_format())
    assert fake_syphon.named("SyphonOpenGLServer.__init__") == []
    sink.publish(make_frame(0, f_card(64, 48)))
    sink.publish(make_frame(1, f_card(100, 50)))
    textures = fake_syphon.named("syphon.utils.raw.create_mtl_texture")
    assert {(entry["width"], entry["height"]) for entry in textures} == {(64, 48), (100, 50)}
    assert textures[0]["device"] == "the default device"
    sink.close()
    assert len(fake_syphon.named("SyphonMetalServer.stop")) == 1


def test_a_server_or_context_that_cannot_be_made_is_one_clear_line(
    fake_syphon, fake_spout, make_format, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise RuntimeError("Syphon could not create the server")

    fake_syphon.answers["SyphonOpenGLServer.__init__"] = refuse
    spout_answers(fake_spout)
    fake_spout.answers |= {
        "wglGetCurrentContext": lambda: None,
        "SpoutSender.createOpenGL": lambda: False,
    }
    for kind, sink, line in (
        ("syphon", SyphonSink(""), "^syphon: Syphon could not create the server$"),
        ("spout", SpoutSink(""), "could not make an OpenGL context"),
    ):
        monkeypatch.setattr("engine.sinks.registry.PLATFORM", KINDS[kind].platform)
        with pytest.raises(SinkError, match=line):
            sink.start(make_format())


def spout_answers(library: Any, *, name: str = "Multiverse") -> None:
    """Two other senders; ours appears under `name` with its first picture."""
    senders = ["Arena - Composition", "Multiverse_7"]
    library.answers["SpoutReceiver.getSenderList"] = lambda: list(senders)

    def send(*_: Any) -> bool:
        if name not in senders:
            senders.append(name)
        return True

    for method in ("sendTexture", "sendImage"):
        library.answers[f"SpoutSender.{method}"] = send
    library.answers["SpoutSender.isGLDXReady"] = lambda: True
    library.answers["SpoutSender.getCPUshare"] = lambda: False
    library.answers["SpoutSender.createOpenGL"] = lambda: True


def test_spout_sends_the_texture_unflipped_and_reports_the_sharing_mode(
    fake_spout, make_format, make_frame
) -> None:
    spout_answers(fake_spout)
    sink = SpoutSink("")
    sink.start(make_format())
    reads: list[int] = []
    sink.publish(make_frame(0, texture=TEXTURE, reads=reads))
    sink.publish(make_frame(1, texture=TextureRef(glo=8, width=100, height=50), reads=reads))
    sink.publish(make_frame(2))  # the renderer could not draw
    assert [call["args"] for call in fake_spout.named("SpoutSender.sendTexture")] == [
        (7, 0x0DE1, 64, 48, False, 0),
        (8, 0x0DE1, 100, 50, False, 0),
    ]
    assert reads == []
    status = sink.status()
    assert (status.name, status.frames, status.detail) == (
        "Multiverse",
        2,
        "GL/DX interop ready, CPU share off",
    )
    sink.close()
    sink.close()
    assert len(fake_spout.named("SpoutSender.releaseSender")) == 1
    assert fake_spout.named("SpoutSender.closeOpenGL") == []


def test_spout_without_gl_makes_its_own_context_and_takes_pixels_upright(
    fake_spout, make_format, make_frame, f_card
) -> None:
    spout_answers(fake_spout)
    fake_spout.answers["wglGetCurrentContext"] = lambda: None
    sink = SpoutSink("wall")
    sink.start(make_format())
    card = f_card(64, 48)
    sink.publish(make_frame(0, card))
    ((pixels, *rest),) = (call["args"] for call in fake_spout.named("SpoutSender.sendImage"))
    assert np.array_equal(pixels, card)
    assert rest[:2] == [64, 48] and rest[3:] == [False, 0]
    sink.close()
    assert len(fake_spout.named("SpoutSender.closeOpenGL")) == 1


def test_where_numba_draws_beside_the_context_of_its_shaders_receivers_get_pixels(
    fake_spout, fake_syphon, make_format, make_frame, f_card, monkeypatch: pytest.MonkeyPatch
) -> None:
    spout_answers(fake_spout)
    card = f_card(64, 48)
    sinks: list[tuple[str, SpoutSink | SyphonSink]] = [
        ("spout", SpoutSink("")),
        ("syphon", SyphonSink("")),
    ]
    for kind, sink in sinks:
        monkeypatch.setattr("engine.sinks.registry.PLATFORM", KINDS[kind].platform)
        sink.start(make_format())
        sink.publish(make_frame(0, card))
        sink.publish(make_frame(1, card))
        assert sink.status().frames == 2
    sent = [call["args"][0] for call in fake_spout.named("SpoutSender.sendImage")]
    copied = [
        call["image"] for call in fake_syphon.named("syphon.utils.numpy.copy_image_to_mtl_texture")
    ]
    assert [np.array_equal(pixels, card) for pixels in (*sent, *copied)] == [True] * 4
    assert "Numba draws: through Metal" in sinks[1][1].status().detail


def test_two_spout_senders_share_the_context_that_spout_makes(
    fake_spout, make_format, make_frame
) -> None:
    spout_answers(fake_spout)
    current: list[int] = []
    fake_spout.answers["wglGetCurrentContext"] = lambda: current[0] if current else None
    fake_spout.answers["SpoutSender.createOpenGL"] = lambda: not current.append(0xC0FFEE)
    fake_spout.answers["SpoutSender.closeOpenGL"] = lambda: not current.clear()
    for order in (0, 1), (1, 0):
        sinks = SpoutSink(""), SpoutSink("", "sd")
        for sink in sinks:
            sink.start(make_format())
            sink.publish(make_frame())
            # as pixels: Spout's context is not mistaken for a renderer's
            assert sink.status().frames == 1
        sinks[order[0]].close()
        sinks[order[1]].publish(make_frame())
        assert current, "the other sender still needs it"
        sinks[order[1]].close()
        assert not current
    for call in ("createOpenGL", "closeOpenGL"):
        assert len(fake_spout.named(f"SpoutSender.{call}")) == 2


def test_spout_fails_when_three_pictures_in_a_row_are_refused_and_shows_the_number_of_a_used_name(
    fake_spout, make_format, make_frame
) -> None:
    spout_answers(fake_spout, name="Multiverse_1")
    sink = SpoutSink("")
    sink.start(make_format())
    sink.publish(make_frame(0, texture=TEXTURE))
    assert sink.status().name == "Multiverse_1"
    answers = [False, False, True, False, False, False]
    fake_spout.answers["SpoutSender.sendTexture"] = lambda *_: answers.pop(0)
    for index in range(1, 6):
        sink.publish(make_frame(index, texture=TEXTURE))
    with pytest.raises(SinkError, match=r"3 pictures in a row were refused .*same graphics card"):
        sink.publish(make_frame(6, texture=TEXTURE))
    assert sink.status().frames == 2
