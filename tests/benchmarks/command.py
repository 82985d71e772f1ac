"""Makes the commands of `python -m tests.benchmarks` from the options of each measurement."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.job_options import job_options
from engine.cli.progress import parts_bar
from engine.errors import ModelError
from engine.jobs.kit.options import JSON

if TYPE_CHECKING:
    from tests.benchmarks.measuring import Progress


def bench_commands(benches: Mapping[str, tuple[str, type]], help: str) -> typer.Typer:
    """A command for each bench, by name: (module, class of its options); the docstring of the class
    is its help.

    `run(options, progress)` of the module measures. It is imported when the command runs."""
    app = typer.Typer(help=help, no_args_is_help=True)
    for name, (module, kind) in benches.items():
        app.command(name, help=kind.__doc__)(_command(module, kind))
    return app


def _command(module: str, kind: type) -> Callable[..., None]:
    @job_options(kind)
    def measure(
        *, as_json: Annotated[bool, typer.Option("--json", help=JSON)] = False, **options: Any
    ) -> None:
        with _progress(as_json) as progress:
            result = import_module(module).run(kind(**options), progress)
        _show(result, as_json)
        if "failed" in result:
            raise ModelError("{part}: {reason}".format_map(result["failed"]))

    return measure


@contextmanager
def _progress(is_json: bool) -> "Iterator[Progress]":
    """The progress bar. If a part fails, or at Ctrl-C, what was found before is printed, then the
    error is raised."""
    from tests.benchmarks.measuring import Progress

    with parts_bar(is_json) as show:
        progress = Progress(show)
        try:
            try:
                yield progress
            except KeyboardInterrupt:
                raise ModelError("interrupted") from None
        except Exception as error:
            if found := progress.failed(error):
                _show(found, is_json)
            raise


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(result))
    elif "markdown" in result:
        print(result["markdown"])
    else:
        for name, value in _flatten(result):
            print(f"{name:<40} {value}")


def _flatten(result: dict[str, Any], prefix: str = "") -> "Iterator[tuple[str, Any]]":
    for key, value in result.items():
        if isinstance(value, dict) and set(value) == {"ms", "share"}:
            yield f"{prefix}{key}", f"{value['ms']} ms, {value['share']:.1%}"
        elif isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
