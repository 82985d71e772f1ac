"""Options that are built from the fields of a job's dataclass."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
import typer
from typer.testing import CliRunner

from engine.cli.job_options import job_options, pop_options
from engine.errors import UsageError
from engine.jobs.kit.options import OptionInfo, option
from engine.jobs.kit.span import Span, parse_span


@dataclass(frozen=True, kw_only=True)
class Job:
    source: str
    words: tuple[str, ...] = option((), "Words.", flags="--word")
    sizes: tuple[int, ...] = option((), "Sizes.", flags="--size", parse=int)
    most: int = option(3, "How many.", low=1, high=9)
    edge: Literal["soft", "hard"] = option("soft", "The edge.")
    is_quick: bool = option(False, "Hurry.", flags="--quick")
    device: str = option("auto", "Where.", is_configured=True)
    height: Span | None = option(None, "How high.", parse=parse_span)


@dataclass(frozen=True, kw_only=True)
class Voice:
    pitch: float = 0.0


def answer(*words: str) -> tuple[int, Any]:
    app, seen = typer.Typer(), []

    @job_options(Job, tables={Voice: {"pitch": OptionInfo(help="Semitones.")}})
    def command(source: str, *, as_json: Annotated[bool, typer.Option("--json")] = False, **options: Any) -> None:
        """A command."""
        seen.append((source, as_json, options))

    app.command()(command)
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, seen[0] if seen else result.output


def test_defaults_and_types_are_those_of_the_fields() -> None:
    plain = {"most": 3, "edge": "soft", "is_quick": False, "pitch": 0.0, "height": None}
    assert answer("in") == (0, ("in", False, plain))
    given = "in --word a --word b --size 4 --size 5 --most 9 --edge hard --quick --device cpu --pitch 2 --json".split()
    code, (source, as_json, options) = answer(*given)
    assert (code, source, as_json, options.pop("pitch")) == (0, "in", True, 2.0)
    assert Job(source=source, **options) == Job(
        source="in", words=("a", "b"), sizes=(4, 5), most=9, edge="hard", is_quick=True, device="cpu"
    )


@pytest.mark.parametrize("text", ["9..2", "high", "nan"])
def test_a_range_that_cannot_be_read_is_refused_with_the_name_of_its_option(text: str) -> None:
    app = typer.Typer()
    app.command()(job_options(Job)(lambda **options: None))
    result = CliRunner().invoke(app, ["--height", text])
    assert isinstance(result.exception, UsageError) and str(result.exception).startswith("--height: ")


def test_a_number_out_of_range_is_refused_with_the_limit() -> None:
    code, told = answer("in", "--most", "10")
    assert code == 2 and "less than or equal to 9" in told


def test_the_options_of_one_dataclass_are_taken_out_of_those_of_all() -> None:
    options = {"pitch": 2.0, "most": 5}
    assert pop_options(Voice, options) == Voice(pitch=2.0)
    assert options == {"most": 5}
