"""Options of `multiverse run` as settings, and those that are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Said

SIZE = ["--size", "160x90", "--fps", "30"]

SMALL = [*SIZE, "--renderer", "gl"]  # starts in half the time


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's data folder and the working folder for the commands of a test."""
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path / "home"))
    return tmp_path


def test_sd_options_without_sd_and_unknown_samplers_are_refused(say: Callable[..., Said]) -> None:
    done = say("run", *SMALL, "--sd-video", "loop.mp4", "--frames", "1")
    assert done.code == 2 and "--sd MODEL" in done.err
    for option, value in [("--sd-sampler", "turbo"), ("--sd-prediction", "v")]:
        done = say("run", *SMALL, option, value, "--frames", "1")
        assert (done.code, done.err) == (2, f"multiverse: {option} is for Stable Diffusion: it needs --sd MODEL\n"), (
            value
        )
    done = say("run", *SMALL, "--sd", "m", "--sd-sampler", "ddim", "--frames", "1")
    assert done.code != 0 and "sd.sampler: 'ddim' is not allowed" in done.err and "lightning, hyper, tcd" in done.err


def test_lan_opens_everything_to_the_local_network_and_to_nothing_else(tmp_path: Path, monkeypatch: Any) -> None:
    from ipaddress import ip_network

    from engine.cli.run import build_settings

    show = tmp_path / "show.toml"
    show.write_text('web = "127.0.0.1:7000"\n[osc]\nlisten = "127.0.0.1:7001"\n')
    alone = build_settings(show, {}, [])
    assert (alone.web, alone.osc.listen, alone.announce) == ("127.0.0.1:7000", "127.0.0.1:7001", False)
    opened = build_settings(show, {}, [], is_open_to_lan=True)
    assert (opened.web, opened.osc.listen, opened.announce) == ("0.0.0.0:9001", "0.0.0.0:9000", True)
    assert "192.168.0.0/16" in opened.osc.allow and "0.0.0.0/0" not in opened.osc.allow
    monkeypatch.setattr(
        "engine.system.network_interfaces.own_networks", lambda: (ip_network("2.0.0.0/8"), ip_network("10.0.0.0/24"))
    )
    on_artnet = build_settings(show, {}, [], is_open_to_lan=True)
    assert set(on_artnet.osc.allow) - set(opened.osc.allow) <= {"2.0.0.0/8", "10.0.0.0/24"}
    assert "2.0.0.0/8" in on_artnet.osc.allow, "the network this machine is in"
    strict = build_settings(show, {"osc.allow": ["10.0.0.7"]}, [], is_open_to_lan=True)
    assert strict.osc.allow == ("10.0.0.7",)
    chosen = build_settings(show, {"web": "0.0.0.0:80", "web_token": "opensesame"}, [], is_open_to_lan=True)
    assert (chosen.web, chosen.web_token) == ("0.0.0.0:80", "opensesame")


def test_a_rate_is_a_number_or_a_fraction_and_universes_are_numbers_and_ranges() -> None:
    for written in ["29.97", "30000/1001"]:
        from engine.cli.run import build_settings, parse_rate

        assert build_settings(None, {"fps": parse_rate(written)}, []).fps == 30000 / 1001, written
    from engine.cli.run import build_settings, parse_universes

    given = {"dmx.listen": "both", "dmx.universes": parse_universes("1-4, 7")}
    assert build_settings(None, given, []).dmx.universes == (1, 2, 3, 4, 7)
    assert build_settings(None, {}, []).dmx.listen == "off", "it opens ports of the network: never unasked"


def test_universes_without_a_protocol_or_more_than_64_are_refused(say: Callable[..., Said]) -> None:
    done = say("run", "--offline", "--frames", "1", "--sink", "null", "--dmx-universes", "1")
    assert done.code == 2 and "add --dmx artnet, sacn or both" in done.err
    done = say("run", "--offline", "--frames", "1", "--sink", "null", "--dmx", "sacn", "--dmx-universes", "1-60,61-70")
    assert done.code != 0 and "dmx.universes" in done.err


def test_universes_that_are_none_are_refused(say: Callable[..., Said]) -> None:
    for written in ["", "a", "1-", "4-1", "1-65", "1;2"]:
        done = say("run", "--offline", "--frames", "1", "--sink", "null", "--dmx-universes", written)
        assert done.code == 2 and "is not a universe or a range of at most 64" in done.err, written


def test_lan_offline_and_a_loopback_address_are_refused(say: Callable[..., Said]) -> None:
    done = say("run", "--offline", "--frames", "1", "--lan")
    assert (done.code, done.err) == (2, "multiverse: --lan: has no effect with --offline\n")
    from engine.cli.run import build_settings
    from engine.errors import UsageError

    for option, address, instead in [
        ("--osc", "127.0.0.1:7001", "--osc 0.0.0.0:7001"),
        ("--web", "localhost:80", "--web 0.0.0.0:80"),
        ("--web", "[::1]:80", "--web 0.0.0.0:80"),
    ]:
        key = {"--osc": "osc.listen", "--web": "web"}[option]
        with pytest.raises(UsageError) as caught:
            build_settings(None, {key: address}, [], is_open_to_lan=True)
        local = f"--lan opens the engine to the network, but {option} {address} is local only"
        assert str(caught.value) == f"{local}; for the network, use {instead}"


def test_a_short_token_and_an_announcement_without_a_page_are_refused(home: Path, say: Callable[..., Said]) -> None:
    done = say("run", *SMALL, "--web-token", "short", "--frames", "1")
    assert done.code == 1 and "web_token: 'short' is not allowed" in done.err
    show = home / "show.toml"
    show.write_text("announce = true\n")
    done = say("run", *SMALL, "--config", show, "--web", "off", "--osc", "off", "--sink", "null", "--frames", "1")
    assert done.code == 1 and "\nmultiverse: announce: " in done.err


def test_a_voice_from_the_command_line_does_not_use_the_configured_index(home: Path) -> None:
    from engine.cli.run import build_settings

    show = home / "show.toml"
    show.write_text('[rvc]\nmodel = "alto.pth"\nindex = "alto.index"\n')
    assert build_settings(show, {}, []).models["rvc"].index == "alto.index"
    assert build_settings(show, {"rvc.model": "alto.pth"}, []).models["rvc"].index == "alto.index"
    assert build_settings(show, {"rvc.model": "bass.pth"}, []).models["rvc"].index == ""
    assert build_settings(show, {"rvc.model": "bass.pth", "rvc.index": "b.index"}, []).models["rvc"].index == "b.index"
    show.write_text('[rvc]\nmodel = "alto.pth"\nindex = "none"\n')
    assert build_settings(show, {"rvc.model": "bass.pth"}, []).models["rvc"].index == "none"
