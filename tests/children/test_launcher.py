"""Starting processes: forked or spawned, their environment and script, and no side effects."""

import gc
import os
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.children import forked
from engine.children.launcher import Launcher
from engine.children.spec import child_environment
from engine.system.python_process import exit_reason, start_python
from tests.children.toys import FORKS, KILLED, SPEC, processes
from tests.support.long_form import in_long_form

ROOT = Path(__file__).parents[2]


@pytest.fixture
def spawning() -> Iterator[Launcher]:
    """A launcher without forking, as on macOS and Windows. Another user keeps it open."""
    launcher = Launcher(is_forking=False)
    launcher.join((), {})
    yield launcher


def test_a_spawned_child_runs_dies_and_restarts_like_a_forked_one(
    toys: Any, spawning: Launcher
) -> None:
    toy = toys({"grey": 3}, launcher=spawning)
    toy.supervisor.set_values({"/toy/prompt": "a lake"})
    pid = toy.run().pid
    assert toy.grey() == 3
    assert psutil.Process(pid).ppid() == os.getpid()
    psutil.Process(pid).kill()
    toy.until("busy", not_pid=pid)
    assert toy.status.detail == KILLED
    toy.supervisor.stop()
    toy.until("off")
    assert spawning.server_pid == 0


@pytest.mark.parametrize(
    ("event", "starts"),
    [
        ("", ["new", "spare", "spare"]),
        ("killed", ["new", "spare", "new", "spare"]),
        ("no memory", ["new", "new"]),
    ],
)
def test_a_spare_process_imports_for_the_next_child_and_becomes_it(
    event: str, starts: list[str], toys: Any, spawning: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(module: str, call: str, **options: Any) -> Any:
        try:
            return start_python(module, call, **options)
        finally:
            started.append("spare" if "tests.children.toy" in call else "new")

    started: list[str] = []
    monkeypatch.setattr("engine.children.launcher.start_python", start)
    monkeypatch.setattr(
        "engine.children.launcher.SPARE_NEEDS_BYTES", 1 << 60 if event == "no memory" else 0
    )
    before = processes()
    toy = toys({"grey": 3}, launcher=spawning, preload=("no_such_module", "tests.children.toy"))
    pid = toy.run().pid
    toy.wait_for(lambda: started == starts[: 1 + ("spare" in starts)], "the spare process")
    for other in (*(processes() - before - {pid} if event == "killed" else ()), pid):
        # a virtual environment's python.exe ends with the one it started
        with suppress(psutil.NoSuchProcess):
            psutil.Process(other).kill()
            psutil.Process(other).wait(10.0)
    toy.until("busy", not_pid=pid)
    toy.wait_for(lambda: started == starts, "the next one")
    assert toy.grey() == 3


@FORKS
def test_two_supervisors_share_one_server_which_ends_with_the_last(
    toys: Any, launcher: Launcher
) -> None:
    before = processes()
    first, second = (
        toys(preload=("decimal",), name="first"),
        toys(preload=("asyncio",), name="second"),
    )
    first.supervisor.start()
    server = first.until_results() and launcher.server_pid
    second.run()
    assert launcher.server_pid == server
    assert len(processes() - before) == 3
    first.supervisor.close()
    assert launcher.server_pid == server
    second.supervisor.close()
    assert (launcher.server_pid, processes()) == (0, before)
    toys().run()
    assert launcher.server_pid not in (0, server), "several engines in one process"


def test_a_child_has_its_own_environment_from_its_start_and_the_engine_keeps_its_own(
    toys: Any,
) -> None:
    before = dict(os.environ)
    at_start = psutil.Process(
        toys(environment={**child_environment(), "TOY_COLOUR": "green"}).run().pid
    ).environ()
    assert child_environment().items() <= at_start.items()
    assert at_start["TOY_COLOUR"] == "green"
    assert dict(os.environ) == before


@FORKS
def test_children_start_in_new_interpreters_where_an_import_has_opened_cuda(
    toys: Any, launcher: Launcher, caplog: pytest.LogCaptureFixture
) -> None:
    toy = toys(
        preload=("wave", "tests.children.cuda_at_import"), loop="tests.children.toy:report_modules"
    )
    toy.supervisor.start()
    for _ in range(2):
        pid = toy.until("ready").pid
        facts = toy.wait_for(lambda: toy.status.facts, "the facts")
        assert facts == {"wave": False, "argument": "-c", "threads": 2, "from stdin": 0}
        psutil.Process(pid).kill()
        toy.until("ready", not_pid=pid)
    assert toy.status.detail == KILLED
    (line,) = [each for each in caplog.messages if "CUDA" in each]
    assert (
        line == "torch opened CUDA while modules were imported, so children start from nothing: "
        "seconds later"
    )


SCRIPT = """
    import time
    print("ran", flush=True)
    from engine.children.spec import ChildSpec
    from engine.children.supervisor import Supervisor
    supervisor = Supervisor(
        ChildSpec(name="echo", loop="tests.children.echo:run", settings={{"gain": 1.0}}), report=print{more}
    )
    supervisor.start()
    while supervisor.status().state != "ready":
        time.sleep(0.01)
        assert not supervisor.status().detail, supervisor.status()
    supervisor.restart()
    while supervisor.status().restarts != 1 or supervisor.status().state != "ready":
        time.sleep(0.01)
    supervisor.close()
    print("done")
"""


SPAWNING = (
    ", launcher=__import__('engine.children.launcher').children.launcher.Launcher(is_forking=False)"
)


@pytest.mark.parametrize("more", ["", *in_long_form(SPAWNING)])
def test_a_script_without_a_guard_runs_once(more: str, tmp_path: Path) -> None:
    script = tmp_path / "show.py"
    script.write_text(textwrap.dedent(SCRIPT.format(more=more)))
    assert _output_of([str(script)], tmp_path) == "ran\ndone\n"


def test_an_engine_folder_in_the_current_folder_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__init__.py").write_text("raise SystemExit('the wrong engine')")
    code = f"import sys; sys.path[0] = {str(ROOT)!r}; import engine; sys.path.insert(0, '')\n"
    assert (
        _output_of(["-c", code + textwrap.dedent(SCRIPT.format(more=""))], tmp_path)
        == "ran\ndone\n"
    )


def _output_of(arguments: list[str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)} if "-c" not in arguments else None,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stderr == ""
    return done.stdout


@FORKS
def test_a_server_that_takes_long_to_die_is_reaped_all_the_same(
    monkeypatch: pytest.MonkeyPatch, wait_for: Any
) -> None:
    monkeypatch.setattr(forked, "KILL_WAIT_S", 0.0)
    server = forked.ForkServer((), {})
    pid = server.pid
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        server.kill()
        del server
        gc.collect()
        wait_for(lambda: not psutil.pid_exists(pid), "its end, not as a zombie")
    assert [str(each.message) for each in caught] == []


@FORKS
def test_a_dead_server_does_not_wake_who_waits_for_its_child(
    launcher: Launcher, wait_for: Any
) -> None:
    launcher.join((), child_environment())
    process, pipe, output = launcher.launch(SPEC)
    wait_for(lambda: process.has_ended(0.0) or process.pid, "the start")
    psutil.Process(launcher.server_pid).kill()
    wait_for(lambda: process.has_ended(0.0) or process.events is None, "the end of its socket")
    assert not process.has_ended(0.0)
    pipe.close()
    wait_for(lambda: process.has_ended(0.0), "its end")
    assert process.exit_reason == exit_reason(None)
    process.close()
    output.close()
    launcher.leave()
