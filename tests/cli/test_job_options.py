"""Options that are built from the fields of a job's dataclass, and from the tables of live
models."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
import typer
from typer.testing import CliRunner

from engine.cli.job_options import job_options
from engine.cli.run import build_settings
from engine.cli.run_options import keys_of, options_of, require_model, settings_from
from engine.config import Config
from engine.errors import UsageError
from engine.jobs.kit.options import OptionInfo, option
from engine.jobs.kit.span import Span, parse_span
from engine.live.kit.opening import live_models


@dataclass(frozen=True, kw_only=True)
class Job:
    source: str
    tags: tuple[str, ...] = option((), "Tags.", flags="--tag")
    sizes: tuple[int, ...] = option((), "Sizes.", flags="--size", parse=int)
    most: int = option(3, "How many.", low=1, high=9)
    edge: Literal["soft", "hard"] = option("soft", "The edge.")
    is_quick: bool = option(False, "Hurry.", flags="--quick")
    device: str = option("auto", "Where.", is_configured=True)
    height: Span | None = option(None, "How high.", parse=parse_span)


@dataclass(frozen=True, kw_only=True)
class Voice:
    pitch: float = 0.0


def answer(*arguments: str) -> tuple[int, Any]:
    app, seen = typer.Typer(), []

    @job_options(Job, tables={Voice: {"pitch": OptionInfo(help="Semitones.")}})
    def command(
        source: str, *, as_json: Annotated[bool, typer.Option("--json")] = False, **options: Any
    ) -> None:
        seen.append((source, as_json, options))

    app.command()(command)
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, seen[0] if seen else result.output


def test_defaults_and_types_are_those_of_the_fields() -> None:
    plain = {"most": 3, "edge": "soft", "is_quick": False, "pitch": 0.0, "height": None}
    assert answer("in") == (0, ("in", False, plain))
    text = (
        "in --tag a --tag b --size 4 --size 5 --most 9 --edge hard --quick --device cpu "
        "--pitch 2 --json"
    )
    code, (source, as_json, options) = answer(*text.split())
    assert (code, source, as_json, options.pop("pitch")) == (0, "in", True, 2.0)
    assert Job(source=source, **options) == Job(
        source="in", tags=("a", "b"), sizes=(4, 5), most=9, edge="hard", is_quick=True, device="cpu"
    )


@pytest.mark.parametrize("text", ["9..2", "high", "nan"])
def test_a_range_that_cannot_be_read_is_refused_with_the_name_of_its_option(text: str) -> None:
    app = typer.Typer()
    app.command()(job_options(Job)(lambda **options: None))
    result = CliRunner().invoke(app, ["--height", text])
    assert isinstance(result.exception, UsageError) and str(result.exception).startswith(
        "--height: "
    )


# -- the live models of `multiverse run`


def test_options_on_the_command_line_are_settings_of_the_table_of_their_model() -> None:
    keys = tuple(keys_of(Config, entries=live_models()))
    options = vars(options_of(keys)(sd="turbo", sd_video="a.mp4"))
    assert settings_from(keys, options) == {"sd.model": "turbo", "sd.video": "a.mp4"}


def test_prompts_are_assigned_and_the_other_prompts_cleared() -> None:
    settings = build_settings(None, {"sam3.model": "model", "sam3.prompt": ("a cat", "a dog")}, [])
    prompts = {
        f"/sam3/prompt/{n}": prompt for n, prompt in enumerate(("a cat", "a dog", "", ""), start=1)
    }
    assert settings.models["sam3"].model == "model" and settings.params == prompts
    with pytest.raises(UsageError, match="--sam3-prompt: at most 4"):
        build_settings(None, {"sam3.prompt": ("a",) * 5}, [])


def test_an_option_without_its_model_is_refused_with_the_option_that_names_one() -> None:
    (voice,) = (entry for entry in live_models() if entry.name == "rvc")
    require_model(voice, {"rvc_output": "default"}, "alto.pth")
    with pytest.raises(
        UsageError, match=r"^--rvc-output is for voice conversion: it needs --rvc MODEL\.pth$"
    ):
        require_model(voice, {"rvc_output": "default"}, "")
