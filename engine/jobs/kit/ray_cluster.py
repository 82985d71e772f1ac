"""Connects to a Ray cluster (`--cluster`), or starts one on this machine alone, which ends with the
run.

Ray's own `auto` joins any Ray process on the machine, even the private cluster of another run, with
which our run would die. So our `auto` uses only a cluster the user has named: RAY_ADDRESS, or the
last `ray start`.
"""

import contextlib
import importlib.util
import logging
import os
import re
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from engine.errors import ChildError, UsageError
from engine.system.installing import install_line

HOME = Path(__file__).resolve().parents[3]  # the folder that this package is imported from
ANSWER_S = ENDING_S = 5.0
MIN_STORE_BYTES, MAX_STORE_BYTES = 80 * 2**20, 2 * 2**30  # Ray refuses less than 75 MiB
MAX_STORE_FRACTION = 0.3  # of the main memory, Ray's own default
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # without this Ray prints dead workers on stdout, into our JSON
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
}
ALONE = QUIET | {
    # with multi-node clusters off, Ray binds 127.0.0.1, on Linux too
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # without this it starts one process per core, even for one actor
    "RAY_prestart_worker_first_driver": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),  # Ray itself would store one in the user's home
}
MAX_REASON = 240
REASONS = (  # Ray's wording and ours
    ("its node has died", "its machine is gone"),
    ("running low on memory", "its machine ran out of memory"),
    ("its worker process has died", "its process was killed or crashed"),
    ("is temporarily unavailable", "its machine does not answer"),
)
LACKS_MODULE = re.compile(
    r"\bip=(?P<address>[^,)]+).*No module named '(?P<module>[^']+)'", re.DOTALL
)
COLOURS = re.compile("\x1b\\[[0-9;]*m")
WANTS_TOKEN = (
    "it requires a token: run `ray get-auth-token` on its head node, store the output in "
    "~/.ray/auth_token here, "
    "and set RAY_AUTH_MODE=token"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Connection:
    ray: Any
    cluster_name: str
    ending: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    """Disconnects; stops our own cluster and deletes its files."""

    def close(self) -> None:
        """Disconnect from the Ray cluster. Idempotent. Does nothing if another part of this process
        had connected."""
        self.ending.close()

    def machines(self) -> list[dict[str, float]]:
        """Resources (CPU, GPU and so on) of each live machine."""
        return [node["Resources"] for node in self.ray.nodes() if node["Alive"]]


def require_ray() -> None:
    """Raise UsageError if Ray is not installed. Does not import Ray."""
    if importlib.util.find_spec("ray") is None:
        raise UsageError(f"--cluster needs ray; get it with: {install_line('[cluster]')}")


def connect(cluster: str, *, cpus: int | None = None, actor_bytes: int = 0) -> Connection:
    """Connect to `cluster`, auto or HOST:PORT. UsageError or ChildError, in one line, if there is
    none. For our own cluster: `cpus`, None for all; `actor_bytes`, the space each actor needs in
    the object store."""
    require_ray()
    address = cluster
    named = f"--cluster {cluster}"
    if cluster == "auto":
        address, named_by = running_address(os.environ)
        named = f"--cluster auto: {named_by} {address}"
    if address or cluster != "auto":
        check_answer(address, named)
        # Without an address Ray finds the same cluster and sends its token; to an explicit address
        # it sends none.
        options: dict[str, Any] = {"address": None if cluster == "auto" else address}
    else:
        default_bytes = int(psutil.virtual_memory().total * MAX_STORE_FRACTION)
        store_bytes = min(
            actor_bytes * (cpus or os.cpu_count() or 1), default_bytes, MAX_STORE_BYTES
        )
        options = {"address": "local", "num_cpus": cpus, "include_dashboard": False}
        options["object_store_memory"] = max(store_bytes, MIN_STORE_BYTES)
    earlier = set(psutil.Process().children())
    ending = contextlib.ExitStack()
    with _preserve_process_state(QUIET if address else ALONE) as captured_text:
        try:
            import ray.exceptions
        except ImportError as error:
            raise UsageError(f"--cluster: ray cannot be imported: {ray_reason(error)}") from error
        # by another part of this process, which can have only one connection
        if ray.is_initialized():
            return Connection(
                ray=ray, cluster_name="the Ray cluster that this program is already connected to"
            )
        try:
            context: Any = ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
        except (ray.exceptions.RayError, OSError, RuntimeError, TypeError, ValueError) as error:
            if not address:
                raise ChildError(
                    f"--cluster auto: Ray does not start here: {ray_reason(error)}"
                ) from error
            hint = f"this machine must be part of it: ray start --address={address}"
            reason = (
                WANTS_TOKEN if "AuthToken" in captured_text() else f"{ray_reason(error)} ({hint})"
            )
            raise ChildError(f"{named}: {reason}") from error
        except KeyboardInterrupt:  # ray.shutdown does not know the started processes yet
            if not address:
                sessions = ray_folder(os.environ).glob(f"session_*_{os.getpid()}")
                _end_own_cluster(
                    ray, set(psutil.Process().children()) - earlier, [*sessions], grace_s=0.0
                )
            raise
    if address:
        ending.callback(ray.shutdown)
        return Connection(ray=ray, cluster_name=f"the Ray cluster at {address}", ending=ending)
    session = Path(context.address_info["session_dir"])
    ending.callback(_end_own_cluster, ray, set(psutil.Process().children()) - earlier, [session])
    description = (
        "a Ray cluster of this machine alone, because neither RAY_ADDRESS nor `ray "
        "start` names another"
    )
    return Connection(ray=ray, cluster_name=description, ending=ending)


def running_address(environment: Mapping[str, str]) -> tuple[str, str]:
    """The address of the cluster that the user has named, and the setting it comes from; both "" if
    there is none."""
    named = environment.get("RAY_ADDRESS", "")
    if named == "local":
        return "", ""
    if named not in ("", "auto"):
        return named, "RAY_ADDRESS is"
    file = ray_folder(environment) / "ray_current_cluster"  # `ray start` stores the address there
    try:
        left = file.read_text(encoding="utf-8").strip()
    except OSError:
        return "", ""
    return (left, f"{file} (`ray stop` removes it) says") if left else ("", "")


def check_answer(address: str, named: str) -> None:
    """UsageError unless `address` is HOST:PORT, ChildError if nothing answers there."""
    host, _, port = address.rpartition(":")
    if "//" in address:
        hint = (
            "make this machine part of the cluster (ray start --address=HOST:6379), then give "
            "--cluster auto"
        )
        raise UsageError(f"{named}: Ray Client addresses are not supported; {hint}")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise UsageError(f"{named}: neither auto nor HOST:PORT (for example 10.0.0.1:6379)")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()
    except OSError as error:
        dead = f"nothing answers there ({error.strerror or error})"
        raise ChildError(
            f"{named}: {dead}; start it with: ray start --head --port={port}"
        ) from None
    except ValueError:  # such as two dots in a row or a label of more than 63 characters
        raise UsageError(f"{named}: not a host name") from None


def ray_reason(error: BaseException) -> str:
    """The root cause of an error of Ray in one line: in our words, or Ray's, at most MAX_REASON
    characters."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = str(error)
    for ray_text, ours in REASONS:
        if ray_text in text:
            return ours
    if lacking := LACKS_MODULE.search(text):
        return (
            f"the Python of {lacking['address']} lacks {lacking['module']}: install the engine "
            "there as it is here"
        )
    text = " ".join(COLOURS.sub("", text).partition("Traceback")[0].split()) or type(error).__name__
    return text if len(text) <= MAX_REASON else f"{text[:MAX_REASON].rsplit(' ', 1)[0]} ..."


def ray_folder(environment: Mapping[str, str]) -> Path:
    """Ray's folder for temporary files; RAY_TMPDIR overrides the default."""
    default = environment.get("TMPDIR", "/tmp") if sys.platform == "linux" else "/tmp"
    return (
        Path(
            environment.get(
                "RAY_TMPDIR", tempfile.gettempdir() if sys.platform == "win32" else default
            )
        )
        / "ray"
    )


def _end_own_cluster(
    ray: Any, processes: set[psutil.Process], sessions: list[Path], *, grace_s: float = ENDING_S
) -> None:
    """Disconnect, end `processes` and all their descendants, and delete the `sessions`, folders of
    logs and sockets."""
    family = [*processes]
    for process in processes:
        with contextlib.suppress(psutil.Error):
            family += process.children(recursive=True)
    if grace_s:
        ray.shutdown()
    _, left = psutil.wait_procs(family, timeout=grace_s)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=ENDING_S)
    ray.shutdown()  # idempotent
    for session in sessions:
        shutil.rmtree(session, ignore_errors=True)
        latest = session.parent / "session_latest"
        if latest.is_symlink() and not latest.exists():
            latest.unlink(missing_ok=True)


@contextlib.contextmanager
def _preserve_process_state(variables: Mapping[str, str]) -> Iterator[Callable[[], str]]:
    """Preserve signals and stderr around Ray's import and start. Adds these variables to the
    user's. Yields a function that returns what was written to stderr, by Python or C++, so far."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    added = {name: value for name, value in variables.items() if name not in os.environ}

    def restore() -> None:
        for name in added:
            os.environ.pop(name, None)
        for number, handler in handlers.items():
            # None: set in C
            if handler is not None and threading.current_thread() is threading.main_thread():
                signal.signal(number, handler)

    with contextlib.ExitStack() as undo:
        undo.callback(restore)
        os.environ.update(added)
        # Ray puts the working directory first on its workers' path: another `engine` there would
        # shadow ours.
        undo.enter_context(contextlib.chdir(HOME))
        captured = undo.enter_context(tempfile.TemporaryFile())
        with contextlib.suppress(OSError):  # a program without a console has no stderr
            stderr = os.dup(2)
            undo.callback(os.close, stderr)
            undo.callback(os.dup2, stderr, 2)
            os.dup2(captured.fileno(), 2)

        def captured_text() -> str:
            captured.seek(0)
            return captured.read().decode(errors="replace")

        yield captured_text
