"""Configuration: every mistake is one line that names file, key path, value and what is allowed."""

import os
from pathlib import Path

import pytest

from engine import open_engine
from engine.config import Config, build_config, read_config_file, split_host_port
from engine.errors import ConfigError
from osc_schema.plugins import declared
from tests.support.cases import cases_of

MISTAKES = {
    **dict(cases_of(__file__)["mistakes"]),
    "width = " + "9" * 5000: "is not valid TOML: Exceeds the limit",
    "width = " + "[" * 50_000: "is not valid TOML: nested too deeply",
    "a." * 20_000 + "b = 1": "is not valid TOML: line 1: a key of more than 64 parts",
    "#" * (1 << 20) + "\n": "cannot be read (larger than 1 MiB)",
    'width = "' + "k" * 100_000 + '"': "kkk... is not allowed (expected int, got str)",
}


@pytest.mark.parametrize("text", MISTAKES, ids=lambda text: text[:24])
def test_a_mistake_is_one_line_with_file_and_key_path(tmp_path: Path, text: str) -> None:
    path = tmp_path / "show.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_config_file(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert MISTAKES[text] in line
    assert "\n" not in line and "nearest: )" not in line and len(line) < 1000


def test_the_known_keys_are_those_that_a_user_may_write() -> None:
    with pytest.raises(ConfigError) as caught:
        build_config({"wdth": 8})
    known = str(caught.value).partition("known: ")[2].rstrip(")").split(", ")
    assert "is_size_free" not in known
    assert set(known) == {*Config.__struct_encode_fields__, *declared("multiverse.models")} - {
        "is_size_free",
        "models",
    }


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        read_config_file(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xff")
    with pytest.raises(ConfigError, match=r"bytes\.toml: is not UTF-8 text"):
        read_config_file(tmp_path / "bytes.toml")


@pytest.mark.only_on("linux", "darwin", reason="Windows has no such files")
def test_a_fifo_in_place_of_the_file_is_refused_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "show.toml")
    with pytest.raises(
        ConfigError, match=r"show\.toml: cannot be read \(a FIFO, where a file is needed\)"
    ):
        read_config_file(tmp_path / "show.toml")


def test_a_good_file_sets_every_key(tmp_path: Path) -> None:
    path = tmp_path / "show.toml"
    path.write_text(
        'width = 640\nsinks = ["null"]\n[osc]\nlisten = "127.0.0.1:9100"\n[[osc.feedback]]\nport '
        "= 9200\n"
    )
    config = build_config(read_config_file(path))
    assert (config.width, config.height, config.sinks) == (640, 720, ("null",))
    assert [(target.host, target.port) for target in config.osc.feedback] == [("127.0.0.1", 9200)]


def test_size_and_rate_may_be_parameters() -> None:
    config = build_config(
        {"params": {"/engine/width": 640, "/engine/fps": 25, "/layer/1/curve": 0.5}}
    )
    assert (config.width, config.height, config.fps) == (640, 720, 25.0)
    assert config.params == {"/layer/1/curve": 0.5}


def test_a_configuration_alone_opens_nothing() -> None:
    config = Config()
    assert (config.osc.listen, config.web, config.sinks, config.autosave) == (
        "off",
        "off",
        (),
        False,
    )


@pytest.mark.parametrize(
    "text",
    [
        "9000",
        "host",
        "host:",
        "host:99999",
        ":9000",
        "a:b:9000",
        "192.168..5:9000",
        "a" * 64 + ".de:9000",
    ],
)
def test_a_malformed_host_and_port_names_the_option(text: str) -> None:
    with pytest.raises(ConfigError, match="--osc"):
        split_host_port(text, "--osc")


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert split_host_port("[::1]:9000", "--osc") == ("::1", 9000)


@pytest.mark.parametrize(
    "changes", [{"fps": -1}, {"fps": float("nan")}, {"params": {"/nope": 1}}, {"width": 8}]
)
def test_a_configuration_made_in_python_is_checked_when_it_is_opened(changes: dict) -> None:
    with pytest.raises(ConfigError, match="Config: "), open_engine(Config(**changes)):
        pass
