"""Fixtures every package's tests share. No fixture sleeps for a fixed time: they wait for
events."""

import ctypes
import functools
import gc
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import engine.models  # noqa: F401  registers the replacement for torchaudio before a test imports transformers
from engine.audio import demo
from engine.params import ParamStore
from engine.system import openmp
from engine.system.clock import SteppedClock
from tests.support import needed
from tests.support.changed import changed_files, own_tests
from tests.support.free_port import free_port as find_free_port
from tests.support.long_form import IS_SOAK, ONLY_SOAK

CEILING_S = 120.0
DATASET_RUNS = ("tests/dataset/running/", "tests/dataset/cli/", "tests/dataset/test_scene_again")

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["MULTIVERSE_PLUGINS"] = (
    "off"  # of this environment: they would be in the help and in the pages
)
# One thread: each test worker and its children share one core, and threads that wait for each other
# spin.
for variable in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
# Importing engine.models made OpenMP's threads spin briefly. Workers and the engines that tests
# start inherit that as the user's choice, so Numba's threads would spin too, for as long as the
# drawing takes.
if not openmp.is_chosen_by_user():
    os.environ.update({**openmp.SLEEP, "GOMP_SPINCOUNT": "0"})
# Hundreds of processes import the engine. Without bytecode each would compile it, a third of its
# start.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Containers set it. Programs of the tests are to write as a person's do: with a buffer, and the
# lock that it has.
os.environ.pop("PYTHONUNBUFFERED", None)
# `auto` is float32 on every CPU: without units for bfloat16, oneDNN emulates it
# (data_type.has_fast_bfloat16).
os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX512_CORE"
# Tests make many objects for moments. What stays is counted by the tests of leaks, which collect it
# themselves.
gc.set_threshold(20_000, 20, 20)
# Most engines of the tests play the demo loop, and synthesising it is a third of their start.
demo.synthesise_loop = functools.cache(demo.synthesise_loop)
# No test cuts the power, and a disk to which others write takes 30 ms and more for each file.
os.fsync = lambda handle: None
# Time proves nothing on a machine with other work: neither that of an example nor that of making
# one. A test that uses one rig for all its examples does so on purpose.
settings.register_profile(
    "tests",
    deadline=None,
    max_examples=100 if IS_SOAK else 30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("tests")
# A shell lets background jobs (`run &`) ignore Ctrl-C, and all programs of the tests would inherit
# that.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda number, frame: None)  # `nohup`: ignored here alone
if sys.platform == "win32":
    # Wine starts explorer.exe with the first window, and it inherits stdout: start it here, or
    # reading an engine's output to its end would wait for it.
    ctypes.WinDLL("user32").GetDesktopWindow()


FILE_LISTS = {
    name: frozenset((Path(__file__).parent / f"{name}.txt").read_text(encoding="utf-8").split())
    for name in ("quick", "system", "bare")
}
"""Test files that `pytest -m quick` and `pytest -m system` run, from the folder of the tests.
`quick`: some of every folder, none of them slow. `system`: what depends on the operating system,
which CI runs on Windows, too. `bare`: what depends on libraries of the system, which CI runs on a
Debian without them, too."""


LONG_FORM = frozenset((Path(__file__).parent / "long.txt").read_text(encoding="utf-8").splitlines())
"""Tests, or cases of them, that run in the long form alone."""


CHANGED_PART: pytest.StashKey[Path | None] = pytest.StashKey()


def chosen_list(config: pytest.Config) -> str | None:
    """The list of files that this run is limited to."""
    expression = config.getoption("markexpr")
    return expression if expression in FILE_LISTS else None


@functools.cache
def is_listed(path: Path, list_name: str) -> bool:
    return path.relative_to(Path(__file__).parent).as_posix() in FILE_LISTS[list_name]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--changed",
        nargs="?",
        const="HEAD",
        metavar="REV",
        help="Run the tests of the part alone (models, dataset) in which all files lie that "
        "differ from REV (HEAD).",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m quick` and `-m system`, leave out the other files: importing them takes longer than
    running these. With `--changed`, those of other parts."""
    if not collection_path.name.startswith("test_"):
        return None
    if (list_name := chosen_list(config)) and not is_listed(collection_path, list_name):
        return True
    part = config.stash.get(CHANGED_PART, None)
    return True if part is not None and part not in collection_path.parents else None


def pytest_report_header(config: pytest.Config) -> str | None:
    if config.getoption("changed") is None:
        return None
    part = config.stash.get(CHANGED_PART, None)
    return (
        f"changed: {'all tests' if part is None else part.relative_to(config.rootpath).as_posix()}"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    found: set[str] = set()
    for item in items:
        for list_name in FILE_LISTS:
            if is_listed(item.path, list_name):
                item.add_marker(list_name)
        case = item.nodeid.removeprefix("tests/")
        listed = LONG_FORM & {case, case.partition("[")[0]}
        found |= listed
        if listed:
            for mark in ONLY_SOAK:
                item.add_marker(mark)
        for mark in item.iter_markers("only_on"):
            if not {"linux", "darwin", "win32"}.issuperset(mark.args):
                raise pytest.UsageError(
                    f"{item.nodeid}: only_on{mark.args}: linux, darwin and win32 exist"
                )
            if sys.platform not in mark.args:
                item.add_marker(
                    pytest.mark.skip(
                        reason=f"only on {', '.join(mark.args)}: {mark.kwargs['reason']}"
                    )
                )
    is_whole = config.args == config.getini("testpaths") and not chosen_list(config)
    unknown = {case for case in LONG_FORM - found if not case.startswith("#")}
    if is_whole and unknown and os.environ.get("MULTIVERSE_REQUIRE_ALL"):
        raise pytest.UsageError(
            f"tests/long.txt names tests that do not exist: {', '.join(sorted(unknown))}"
        )


def pytest_configure(config: pytest.Config) -> None:
    """Give this run presets, autosave and tested shaders of its own, which its workers share: the
    user's are neither used nor changed."""
    if (since := config.getoption("changed")) is not None:
        config.stash[CHANGED_PART] = own_tests(changed_files(since))
    if "PYTEST_XDIST_WORKER" not in os.environ:
        home = tempfile.TemporaryDirectory(prefix="multiverse-tests-", ignore_cleanup_errors=True)
        os.environ["MULTIVERSE_HOME"] = home.name
        config.add_cleanup(home.cleanup)


def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    is_on_workers = config.getoption("numprocesses", None) and not hasattr(config, "workerinput")
    if is_on_workers and not chosen_list(config) and not config.getoption("collectonly"):
        # The code of the Numba renderer and of the dataset's sensor, while the workers start and
        # collect. On a fresh clone the first tests that draw would compile it, several at once, for
        # 14 and 7 s of CPU each. If it fails, those tests tell the reason.
        program = (
            "from engine.render.numba_code import Compilation; Compilation(print).wait()\n"
            "from engine.dataset.sensor.photograph import warm_up; warm_up()"
        )
        # And, apart from it, the constants in our code that Hypothesis tries: on a fresh clone each
        # worker would read all files for itself, for 3 s of CPU. It keeps them on the disk.
        constants = (
            "from pathlib import Path; from types import ModuleType; from hypothesis.internal "
            "import constants_ast\n"
            "for path in [*Path('engine').rglob('*.py'), *Path('osc_schema').rglob('*.py')]:\n"
            "    module = ModuleType('x'); module.__file__ = str(path); "
            "constants_ast.constants_from_module(module)"
        )

        def end(process: subprocess.Popen[bytes]) -> None:
            process.kill()
            process.wait()

        for command in ([sys.executable, "-c", each] for each in (constants, program)):
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            config.add_cleanup(functools.partial(end, process))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Send each file to one worker, and all files of live models to the same: the imports of their
    `fork_server` take 5 s of CPU, and a GB of memory. So do those with runs of datasets, for their
    `warm_processes`."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            if file.startswith(DATASET_RUNS):
                return "dataset"
            return (
                "live" if file.startswith(("tests/live/", "tests/benchmarks/test_on_gpu")) else file
            )

    return Scheduling(config, log)


def import_own_tests(config: pytest.Config) -> None:
    """Import a part of all tests before collecting them, each worker another: on a fresh clone the
    workers would compile every file at the same time, each for itself."""
    worker = getattr(config, "workerinput", None)
    if worker is None or config.args != config.getini("testpaths") or chosen_list(config):
        return
    own = int(worker["workerid"].removeprefix("gw"))
    for file in sorted(Path(__file__).parent.rglob("test_*.py"))[own :: worker["workercount"]]:
        with suppress(Exception, pytest.skip.Exception):  # collecting reports it again
            importlib.import_module(
                ".".join(file.relative_to(config.rootpath).with_suffix("").parts)
            )


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Switch off garbage collection while tests are collected, and exclude these objects from later
    collections: they stay (torch, diffusers, 7000 tests)."""
    gc.disable()
    try:
        import_own_tests(session.config)
        return (yield)
    finally:
        # huggingface_hub writes each configuration as JSON for errors that it drops: two fifths of
        # loading a tiny SAM3.
        if configurations := sys.modules.get("transformers.configuration_utils"):
            configurations.PreTrainedConfig.__repr__ = object.__repr__
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="module", autouse=True)
def freeze_garbage_collector() -> None:
    """Exclude the objects that exist when a file begins from later collections: torch and others
    have a million, which take half a second per full collection. Garbage is collected first, so
    that its warnings appear."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave the test out if the system lacks what it needs. Reset torch to one thread: the first
    parallel loop of Numba sets OpenMP's number of threads for the whole process. Two workers of two
    threads on two cores would spin for each other (a test of 2 s then takes 11)."""
    needed.require_marked(item)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter,
) -> Generator[None, object, object]:
    """Tell, behind all else, what was left out and what brings it."""
    result = yield
    skipped = [report.longrepr for report in terminalreporter.stats.get("skipped", ())]
    for line in needed.left_out_lines(reason[2] for reason in skipped if isinstance(reason, tuple)):
        terminalreporter.write_line(line)
    return result


@pytest.fixture
def wait_for() -> Callable[..., Any]:
    """`wait_for(condition, what="...")` returns the first truthy result; fails after two minutes
    naming `what`."""

    def wait(
        condition: Callable[[], Any],
        what: str | Callable[[], str] = "the condition",
        ceiling_s: float = CEILING_S,
        *,
        rest_s: float = 0.005,
    ) -> Any:
        end_s = time.perf_counter() + ceiling_s
        while True:
            result = condition()
            if result:
                return result
            if time.perf_counter() > end_s:
                pytest.fail(
                    f"waited {ceiling_s:.0f} s for {what if isinstance(what, str) else what()}"
                )
            time.sleep(rest_s)

    return wait


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Finds a port free for UDP and TCP on 127.0.0.1."""
    return find_free_port


@pytest.fixture(scope="session")
def require() -> Callable[[object, str], None]:
    """`require(found, "OpenGL")`: leaves the test out, or fails where CI demands all
    (tests/support/needed.py)."""
    return needed.require


class Reports:
    """A `Report` that records its calls."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, key: str, message: str) -> None:
        self.lines.append((key, message))

    @property
    def keys(self) -> list[str]:
        return [key for key, _ in self.lines]


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def store() -> ParamStore:
    return ParamStore()


@pytest.fixture
def f_card() -> Callable[..., np.ndarray]:
    """(height, width, 4) uint8 RGBA: a grey F on dark ground, corners red, green, blue, white, row
    by row."""

    def draw(width: int = 64, height: int = 48) -> np.ndarray:
        card = np.zeros((height, width, 4), np.uint8)
        card[..., :3] = 20
        card[..., 3] = 255
        stem, bar = width // 8, height // 8
        left, top = width // 3, height // 6
        card[top : height - top, left : left + stem, :3] = 160
        card[top : top + bar, left : left + 3 * stem, :3] = 160
        card[height // 2 - bar // 2 : height // 2 + bar // 2, left : left + 2 * stem, :3] = 160
        corner_w, corner_h = width // 6, height // 6
        card[:corner_h, :corner_w, :3] = (255, 0, 0)
        card[:corner_h, -corner_w:, :3] = (0, 255, 0)
        card[-corner_h:, :corner_w, :3] = (0, 0, 255)
        card[-corner_h:, -corner_w:, :3] = (255, 255, 255)
        return card

    return draw


@pytest.fixture
def fake_cuda() -> Iterator[Any]:
    """Replaces `cuda` by a FakeCuda. Fails if the test has committed a fault on it."""
    import torch

    from tests.support.fake_cuda.installation import installed

    if torch.cuda.is_available():
        pytest.skip("has a CUDA device")
    with installed() as card:
        yield card
    assert not card.faults, "\n".join(map(str, card.faults))


Stats = dict[Path, tuple[int, int]]
TINY_FILES: Stats = {}
"""Size in bytes and modification time in ns of every file of a tiny model after it was built."""


def stats_in(folder: Path) -> Stats:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {file: (stat.st_size, stat.st_mtime_ns) for file in files for stat in [file.stat()]}


@pytest.fixture(scope="module", autouse=True)
def tiny_models_are_left_as_they_are() -> Iterator[None]:
    """Check that no test has changed a tiny model, because all tests of a session share them."""
    yield
    folders = {file.parent for file in TINY_FILES}
    now = {file: stats for folder in folders for file, stats in stats_in(folder).items()}
    changed = {file for file, _ in now.items() ^ TINY_FILES.items()}
    TINY_FILES.clear()
    TINY_FILES.update(now)  # so that the next file does not fail, too
    assert not changed


class TinyModels:
    """Tiny models by their arguments, each written once per session, on demand."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sd(self, **options: Any) -> Path:
        """`build_tiny_sd`: kind, vae, sampler, seed. The diffusers folder."""
        return self._built("tiny_models.build_tiny_sd", "sd", options)

    def controlnet(self, sd: Path, **options: Any) -> Path:
        return self._built("tiny_models.build_tiny_controlnet", "controlnet", options, sd)

    def t2i_adapter(self, **options: Any) -> Path:
        """`build_tiny_t2i_adapter`: channels. Of SDXL."""
        return self._built("tiny_models.build_tiny_t2i_adapter", "t2i", options)

    def depth(self, **options: Any) -> Path:
        return self._built("tiny_detectors.build_tiny_depth", "depth", options)

    def pose(self, **options: Any) -> Path:
        """`build_tiny_pose`: experts."""
        return self._built("tiny_detectors.build_tiny_pose", "pose", options)

    def lora(self, sd: Path, **options: Any) -> Path:
        """`build_tiny_lora`: style, with_text, with_conv, seed. The .safetensors file."""
        return self._built("tiny_models.build_tiny_lora", "lora.safetensors", options, sd)

    def ip_adapter(self, sd: Path, **options: Any) -> Path:
        """`build_tiny_ip_adapter`: kind, seed. The adapter's file; `image_encoder` lies beside
        it."""
        return self._built("tiny_models.build_tiny_ip_adapter", "ip", options, sd)

    def single_file(self, sd: Path) -> Path:
        """`build_tiny_single_file`: the .safetensors file; a folder with its configuration lies
        beside it."""
        return self._built("tiny_single_file.build_tiny_single_file", "single.safetensors", {}, sd)

    def sam3(self, **options: Any) -> Path:
        """`build_tiny_sam3`: kind, seed, side_px. The sam3_video folder with its tokenizer."""
        return self._built("tiny_sam3.build_tiny_sam3", "sam3", options)

    def voice(self, **options: Any) -> Path:
        """`build_tiny_voice`: kind, version, rate_hz, speakers, has_pitch, seed. The folder with
        `voice.pth`."""
        return self._built("tiny_voice.build_tiny_voice", "voice", options)

    def _built(self, builder: str, name: str, options: dict[str, Any], *models: Path) -> Path:
        parts = [
            *(model.name for model in models),
            *(f"{key}={options[key]}" for key in sorted(options)),
            name,
        ]
        path = self._folder / "-".join(parts)
        answer = path / "ip-adapter.safetensors" if name == "ip" else path
        if not answer.exists():
            module, _, function = builder.partition(".")
            # imported here, because it loads torch
            getattr(importlib.import_module(f"tests.support.{module}"), function)(
                path, *models, **options
            )
            TINY_FILES.update(stats_in(self._folder))
        return answer


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> TinyModels:
    import torch

    torch.set_num_threads(1)  # two threads on a shared machine take four times as long
    return TinyModels(tmp_path_factory.mktemp("tiny_models"))


@pytest.fixture(scope="session")
def tiny_sd(tiny_models: TinyModels) -> Path:
    """A diffusers folder: the shape of SD 1.5, LCM scheduler, analytic VAE."""
    return tiny_models.sd()


@pytest.fixture(scope="session")
def tiny_sam3(tiny_models: TinyModels) -> Path:
    """A sam3_video folder of random weights: every prompt finds more than 16 objects in any
    picture."""
    return tiny_models.sam3()


@pytest.fixture(scope="session")
def seeing_sam3(tiny_models: TinyModels) -> Path:
    """A sam3_video folder that finds and tracks white or red, green and blue objects on dark ground
    for any prompt."""
    return tiny_models.sam3(kind="seeing")


@pytest.fixture(scope="session")
def small_sam3(tiny_models: TinyModels) -> Path:
    """As `tiny_sam3`, with windows of 112 x 112 px: a picture of one is a ninth of the work."""
    return tiny_models.sam3(side_px=112, seed=4)  # as many objects are found in noise as at 336


@pytest.fixture(scope="session")
def small_seeing_sam3(tiny_models: TinyModels) -> Path:
    """As `seeing_sam3`, with windows of 112 x 112 px."""
    return tiny_models.sam3(kind="seeing", side_px=112)


@pytest.fixture(scope="session")
def tiny_voice(tiny_models: TinyModels) -> Path:
    """A folder with voice.pth, voice.index and content/: random weights, v2 at 40 kHz, two
    speakers."""
    return tiny_models.voice()


@pytest.fixture(scope="session")
def singing_voice(tiny_models: TinyModels) -> Path:
    """Like tiny_voice, but its output is a sine at the given pitch."""
    return tiny_models.voice(kind="singing")


@pytest.fixture(scope="session")
def fork_server() -> Iterator[None]:
    """Keeps the fork server of all children with models alive, because its imports take seconds."""
    from engine.children.launcher import LAUNCHER
    from engine.children.spec import child_environment
    from engine.live.rvc.settings import PRELOAD as RVC_PRELOAD
    from engine.live.sam3.link import PRELOAD as SAM3_PRELOAD
    from engine.live.sd.link import PRELOAD as SD_PRELOAD

    LAUNCHER.join((*SD_PRELOAD, *SAM3_PRELOAD, *RVC_PRELOAD), child_environment())
    yield
    LAUNCHER.leave()


@pytest.fixture
def certificate() -> tuple[Path, Path]:
    """A self-signed certificate for localhost, valid from 2020 to 2070, and its key: for tests
    alone."""
    folder = Path(__file__).parent / "support" / "tls"
    return folder / "certificate.pem", folder / "key.pem"
