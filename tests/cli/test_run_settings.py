"""The options of `multiverse run` become settings."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.cli.run import _without_effect, build_settings, window_sink, with_window_argument
from engine.config import Config
from engine.errors import UsageError
from tests.support.needed import quick_renderer

MULTIVERSE = [sys.executable, "-m", "engine.cli.main"]
SIZE = ["--size", "160x90", "--fps", "30"]
SMALL = [*SIZE, "--renderer", quick_renderer()]


def test_lan_opens_everything_to_the_local_network_and_to_nothing_else(
    tmp_path: Path, monkeypatch: Any
) -> None:
    from ipaddress import ip_network

    show = tmp_path / "show.toml"
    show.write_text('web = "127.0.0.1:7000"\n[osc]\nlisten = "127.0.0.1:7001"\n')
    alone = build_settings(show, {}, [])
    assert (alone.web, alone.osc.listen, alone.announce) == (
        "127.0.0.1:7000",
        "127.0.0.1:7001",
        False,
    )
    opened = build_settings(show, {}, [], is_open_to_lan=True)
    assert (opened.web, opened.osc.listen, opened.announce) == (
        "0.0.0.0:9001",
        "0.0.0.0:9000",
        True,
    )
    assert "192.168.0.0/16" in opened.osc.allow and "0.0.0.0/0" not in opened.osc.allow
    monkeypatch.setattr(
        "engine.system.network_interfaces.own_networks",
        lambda: (ip_network("2.0.0.0/8"), ip_network("10.0.0.0/24")),
    )
    on_artnet = build_settings(show, {}, [], is_open_to_lan=True)
    assert set(on_artnet.osc.allow) - set(opened.osc.allow) <= {"2.0.0.0/8", "10.0.0.0/24"}
    assert "2.0.0.0/8" in on_artnet.osc.allow, "the network this machine is in"
    for host in ("[::1]", "localhost"):
        reason = f"--web {host}:80 is local only; for the network, use --web 0.0.0.0:80"
        with pytest.raises(UsageError, match=re.escape(reason)):
            build_settings(show, {"web": f"{host}:80"}, [], is_open_to_lan=True)
    assert build_settings(show, {"osc.allow": ["10.0.0.7"]}, [], is_open_to_lan=True).osc.allow == (
        "10.0.0.7",
    )
    chosen = build_settings(
        show, {"web": "0.0.0.0:80", "web_token": "opensesame"}, [], is_open_to_lan=True
    )
    assert (chosen.web, chosen.web_token) == ("0.0.0.0:80", "opensesame")


def test_a_voice_from_the_command_line_does_not_use_the_configured_index(home: Path) -> None:
    show = home / "show.toml"
    show.write_text('[rvc]\nmodel = "alto.pth"\nindex = "alto.index"\n')
    assert build_settings(show, {}, []).models["rvc"].index == "alto.index"
    assert build_settings(show, {"rvc.model": "alto.pth"}, []).models["rvc"].index == "alto.index"
    assert build_settings(show, {"rvc.model": "bass.pth"}, []).models["rvc"].index == ""
    assert (
        build_settings(show, {"rvc.model": "bass.pth", "rvc.index": "b.index"}, [])
        .models["rvc"]
        .index
        == "b.index"
    )
    show.write_text('[rvc]\nmodel = "alto.pth"\nindex = "none"\n')
    assert build_settings(show, {"rvc.model": "bass.pth"}, []).models["rvc"].index == "none"


def test_set_takes_words_for_switches_and_patterns() -> None:
    params = build_settings(
        None, {}, ["/layer/[12]/mute=on", "/layer/1/angle=-45", "/sd/prompt=a=b"]
    ).params
    assert params == {
        "/layer/1/mute": 1,
        "/layer/2/mute": 1,
        "/layer/1/angle": -45,
        "/sd/prompt": "a=b",
    }


def test_offline_the_sinks_of_a_configuration_file_are_kept_and_no_others(tmp_path: Path) -> None:
    show = tmp_path / "show.toml"
    show.write_text('sinks = ["record=out.mp4"]\n')
    sinks = [build_settings(path, {"offline": True}, []).sinks for path in (show, None)]
    assert sinks == [("record=out.mp4",), ()]


def test_a_video_without_an_end_is_refused() -> None:
    for audio in (None, "demo"):
        refused = _without_effect(Config(offline=True, audio=audio), {}, has_end=False)
        assert "--offline needs --frames N or --seconds S" in next(refused)


def test_only_a_size_that_nobody_chose_may_become_smaller_in_software() -> None:
    ways: list[tuple[dict[str, Any], list[str]]] = [
        ({}, []),
        ({"width": 640}, []),
        ({}, ["/engine/height=90"]),
    ]
    assert [build_settings(None, *way).is_size_free for way in ways] == [True, False, False]


def test_a_window_is_a_sink_on_the_named_display_or_alone() -> None:
    assert [window_sink(text) for text in ("", "HDMI", "sd:2", "2:HDMI", "DP:1")] == [
        *("window=", "window=HDMI", "sd:window=2", "2:window=HDMI", "window=DP:1")
    ]
    assert with_window_argument(["run", "--window", "--fullscreen"]) == [
        "run",
        "--window",
        "",
        "--fullscreen",
    ]
    assert with_window_argument(["run", "--window", "2", "--window"]) == [
        "run",
        "--window",
        "2",
        "--window",
        "",
    ]
