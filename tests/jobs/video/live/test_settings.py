"""Changes by clients are applied, or answered with one line."""

import json
from dataclasses import replace
from typing import Any

import pytest

from engine.jobs.video.live.controls import (
    changed,
    knobs_for,
    painted_size,
    started,
    values_of,
    with_picture,
)
from engine.jobs.video.live.protocol import (
    PROTOCOL,
    Frame,
    ProtocolError,
    pack,
    settings_in,
    unpack,
)
from engine.models.sd.painting import ControlUse, Painting
from engine.models.sd.spec import ModelSpec

SPEC = ModelSpec(
    model="any",
    loras=(("clay.safetensors", 0.5), ("ink.safetensors", 1.0)),
    controlnets=("edges",),
    ip_adapter="ip",
)
START = started(Painting(spec=SPEC, prompt="a house", ip_image="given.png"), 512)
KNOBS = knobs_for(START, longest_side_px=768, lora_names=("clay", "ink"))


def change(**values: Any) -> tuple[Painting, list[str]]:
    settings, wrong = changed(START, KNOBS, values)
    return settings.painting, wrong


def test_every_setting_of_a_painting_can_be_changed() -> None:
    values = {
        "prompt": "a ship",
        "negative": "fog",
        "steps": 8,
        "strength": 0.25,
        "cfg": 2,
        "seed": 77,
        "sampler": "dpm",
        "side_px": 256,
        "lora_1": -1.0,
        "lora_2": 0.25,
        "controlnet_1_sees": "input",
        "controlnet_1_scale": 0.5,
        "ip_image": "none",
        "ip_scale": 1.0,
    }
    assert values.keys() == values_of(START, KNOBS).keys()
    settings, wrong = changed(START, KNOBS, values)
    assert wrong == [] and values_of(settings, KNOBS) == values
    assert settings.side_px == 256
    assert settings.painting == Painting(
        spec=SPEC,
        prompt="a ship",
        negative="fog",
        steps=8,
        strength=0.25,
        cfg=2.0,
        seed=77,
        sampler="dpm",
        lora_weights=(-1.0, 0.25),
        controls=(ControlUse(sees="input", scale=0.5),),
        ip_scale=1.0,
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"steps": 0}', "steps: 0 is not 1 to 50"),
        ('{"steps": true}', "steps: True is not a whole number"),
        ('{"steps": null}', "steps: None is not a whole number"),
        ('{"cfg": {"a": 1}}', "cfg: an object is not a number"),
        ('{"strength": 1.01}', "strength: 1.01 is not 0.05 to 1"),
        (f'{{"seed": {"9" * 300}}}', f"seed: {'9' * 40} is not 0 to 2147483647"),
        ('{"side_px": 100}', "side_px: 100 is not one of 64, 128, …"),
        (
            '{"sampler": "best"}',
            "sampler: 'best' is not one of auto, lcm, turbo, lightning, hyper, tcd, scheduler, "
            "deis, euler, dpm",
        ),
        ('{"prompt": 5}', "prompt: 5 is not a text"),
        (json.dumps({"prompt": "a" * 1001}), "prompt: 1001 characters; at most 1000 are accepted"),
        ('{"ip_image": "/etc/passwd"}', "ip_image: '/etc/passwd' is not one of none, given, mine"),
        (
            '{"ip_image": "mine"}',
            "ip_image: mine: you have not sent a picture yet; choose one first",
        ),
        (
            '{"lora_3": 1}',
            "'lora_3' is not a setting of this server; there are prompt, negative, steps,",
        ),
    ],
)
def test_an_invalid_setting_is_one_line_and_changes_nothing(text: str, line: str) -> None:
    settings, wrong = changed(START, KNOBS, settings_in(f'{{"settings": {text}}}'))
    assert settings == START and len(wrong) == 1
    assert wrong[0].startswith(line)


def test_a_picture_of_the_client_is_followed_and_can_be_put_aside() -> None:
    settings = with_picture(START, "folder/1.jpg")
    assert values_of(settings, KNOBS)["ip_image"] == "mine"
    server_file, _ = changed(settings, KNOBS, {"ip_image": "given"})
    assert server_file.painting.ip_image == "given.png"
    mine, wrong = changed(server_file, KNOBS, {"ip_image": "mine"})
    assert (mine.painting.ip_image, wrong) == ("folder/1.jpg", [])


@pytest.mark.parametrize(
    ("source", "side", "painted"), [((640, 480), 512, (512, 384)), ((9, 900), 512, (64, 512))]
)
def test_painted_sides_are_multiples_of_eight(
    source: tuple[int, int], side: int, painted: tuple[int, int]
) -> None:
    assert painted_size(*source, side) == painted


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"settings": NaN}',
        '{"settings": {"cfg": NaN}}',
        "[]",
        "[" * 100_000,
        '{"settings": {}, "more": 1}',
        '{"settings": {"cfg": 1e999}}',
        json.dumps({"settings": {"prompt": "a" * 65_536}}),
        json.dumps({"settings": dict.fromkeys(map(str, range(257)), 1)}),
    ],
    ids=range(9),
)
def test_a_text_that_is_no_settings_is_one_line(text: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        settings_in(text)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 200


@pytest.mark.parametrize(
    ("at", "bytes_", "line"),
    [
        (0, b"XX", "begins with b'XX'"),
        (2, bytes([PROTOCOL + 1]), "protocol 2: this server supports 1"),
        (3, b"\x09", "of unknown kind 9"),
        (8, b"\x00\x00\x00\x00\x00\x00\xf8\x7f", "its capture time nan"),
        (16, b"\x00\x00", "0 x 48: each side is 1 to 4096"),
        (18, b"\x01\x20", "64 x 8193"),
    ],
)
def test_a_header_that_is_wrong_is_one_line(at: int, bytes_: bytes, line: str) -> None:
    data = bytearray(pack(Frame(index=1, captured_ms=0.0, width=64, height=48, jpeg=b"jpeg")))
    data[at : at + len(bytes_)] = bytes_
    with pytest.raises(ProtocolError, match=line):
        unpack(bytes(data), most_bytes=100)


def test_too_much_and_too_little_is_no_picture() -> None:
    with pytest.raises(ProtocolError, match="31 bytes: a picture begins with 32"):
        unpack(b"MV" + bytes(29), most_bytes=100)
    with pytest.raises(ProtocolError, match="101 bytes: at most 100"):
        unpack(bytes(101), most_bytes=100)


def test_one_wrong_setting_does_not_keep_the_others_back() -> None:
    painting, wrong = change(steps=99, prompt="a ship", seed="x")
    assert painting == replace(START.painting, prompt="a ship")
    assert [line.split(":")[0] for line in wrong] == ["steps", "seed"]
