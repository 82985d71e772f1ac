"""The Ray cluster that a run paints on: one that is there, or one of this machine alone, which ends with the run.

Ray's own search for `auto` takes any Ray process it finds on the machine, also the private one of another run, with
which it would then die. So `auto` is what the user has told: RAY_ADDRESS, or the last `ray start`.
"""

import contextlib
import importlib.util
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from engine.errors import ChildError, UsageError

INSTALL = '--cluster needs ray; get it with: pip install "multiverse-engine[cluster]"'
ANSWER_S = 5.0
ADDRESS_FILE = "ray_current_cluster"  # in Ray's folder: where `ray start` leaves the address
LEAST_STORE_BYTES, MOST_STORE_BYTES = 80 * 2**20, 2 * 2**30  # Ray takes no less than 75 MiB
LARGEST_STORE_SHARE = 0.3  # of the main memory, as Ray itself
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # or it prints on stdout, among our JSON, that a worker has died
}
ALONE = QUIET | {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # without clusters Ray stays on 127.0.0.1; on Linux too
    "RAY_prestart_worker_first_driver": "0",  # or it starts a process for each core, however few actors there are
}
LONGEST_REASON = 240


@dataclass(slots=True, kw_only=True, eq=False)
class Connection:
    ray: Any
    words: str
    """What cluster it is, for a line that the user reads."""
    is_joined: bool
    """By us: another part of this process may have been on it before."""
    session: Path | None = None
    """Where a cluster of our own keeps its logs and sockets."""

    def close(self) -> None:
        """Off the cluster; one of our own ends, and its files are gone. Twice is once."""
        if not self.is_joined:
            return
        self.is_joined = False
        self.ray.shutdown()
        if self.session is not None:
            shutil.rmtree(self.session, ignore_errors=True)
            latest = self.session.parent / "session_latest"
            if latest.is_symlink() and not latest.exists():
                latest.unlink(missing_ok=True)


def demand_ray() -> None:
    """UsageError where Ray is not installed. Loads nothing."""
    if importlib.util.find_spec("ray") is None:
        raise UsageError(INSTALL)


def connect(cluster: str, *, cpus: int | None = None, actor_bytes: int = 0) -> Connection:
    """`cluster`: auto or HOST:PORT. UsageError or ChildError, in one line, where there is none.

    Of a cluster of our own: `cpus`, None for all, and `actor_bytes`, what each actor has in the object store at once.
    """
    demand_ray()
    if cluster != "auto":
        return _joined(cluster, f"--cluster {cluster}")
    address, told_by = running_address(os.environ)
    return _joined(address, f"--cluster auto: {told_by} {address}") if address else _own(cpus, actor_bytes)


def running_address(environment: Mapping[str, str]) -> tuple[str, str]:
    """Of the cluster that the user has told this machine of, and what tells it; both "" where there is none."""
    named = environment.get("RAY_ADDRESS", "")
    if named == "local":
        return "", ""
    if named not in ("", "auto"):
        return named, "RAY_ADDRESS is"
    file = ray_folder(environment) / ADDRESS_FILE
    try:
        left = file.read_text(encoding="utf-8").strip()
    except OSError:
        return "", ""
    return (left, f"{file} (`ray stop` removes it) says") if left else ("", "")


def ray_folder(environment: Mapping[str, str]) -> Path:
    """Where Ray keeps what it keeps, unless it is told otherwise."""
    if sys.platform == "win32":
        folder = environment.get("RAY_TMPDIR", tempfile.gettempdir())
    else:
        default = environment.get("TMPDIR", "/tmp") if sys.platform == "linux" else "/tmp"
        folder = environment.get("RAY_TMPDIR", default)
    return Path(folder) / "ray"


def _joined(address: str, named: str) -> Connection:
    host, port = host_and_port(address, named)
    try:
        socket.create_connection((host, port), ANSWER_S).close()
    except OSError as error:
        start = f"ray start --head --port={port}"
        raise ChildError(f"{named}: nobody answers there ({error.strerror or error}); start it with: {start}") from None
    with _ray_signals_undone(), _environment(QUIET):
        ray = _imported()
        if present := _present(ray):
            return present
        try:
            with contextlib.chdir(_home()):
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (*_init_errors(ray),) as error:
            join = f"ray start --address={address}"
            raise ChildError(f"{named}: {ray_reason(error)} (this machine must be part of it: {join})") from error
    return Connection(ray=ray, words=f"the Ray cluster at {address}", is_joined=True)


def _own(cpus: int | None, actor_bytes: int) -> Connection:
    wanted = actor_bytes * (cpus or os.cpu_count() or 1)
    share = int(psutil.virtual_memory().total * LARGEST_STORE_SHARE)
    store_bytes = max(min(wanted, share, MOST_STORE_BYTES), LEAST_STORE_BYTES)
    # Ray puts the current folder before all others on its workers' path: ours there, no `engine` can stand before it.
    with _ray_signals_undone(), _environment(ALONE), contextlib.chdir(_home()):
        ray = _imported()
        if present := _present(ray):
            return present
        try:
            context = ray.init(
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                object_store_memory=store_bytes,
            )
        except (*_init_errors(ray),) as error:
            raise ChildError(f"--cluster auto: Ray does not start here: {ray_reason(error)}") from error
    words = "a Ray cluster of this machine alone, for none was told of by RAY_ADDRESS or `ray start`"
    return Connection(ray=ray, words=words, is_joined=True, session=Path(context.address_info["session_dir"]))


def host_and_port(address: str, named: str) -> tuple[str, int]:
    """UsageError for what is no HOST:PORT."""
    host, _, port = address.rpartition(":")
    if "//" in address:
        raise UsageError(
            f"{named}: Ray clients are not served; make this machine part of the cluster "
            "(ray start --address=HOST:6379), then give --cluster auto"
        )
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise UsageError(f"{named}: neither auto nor HOST:PORT, as 10.0.0.1:6379 is")
    return host.strip("[]"), int(port)


def ray_reason(error: BaseException) -> str:
    """What Ray says of it, in one line and no longer than a line may be; of an error's causes the first."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON].rsplit(' ', 1)[0]} ..."


def _home() -> Path:
    """The folder that this package is imported from."""
    return Path(__file__).resolve().parents[2]


def _imported() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UsageError(f"--cluster: ray cannot be imported: {ray_reason(error)}") from error
    return ray


def _present(ray: Any) -> Connection | None:
    """What another part of this process has joined, which there can be one of."""
    if not ray.is_initialized():
        return None
    return Connection(ray=ray, words="the Ray cluster that this program is on already", is_joined=False)


def _init_errors(ray: Any) -> tuple[type[Exception], ...]:
    return ray.exceptions.RayError, ConnectionError, OSError, RuntimeError, TimeoutError, TypeError, ValueError


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Over the process's own, which it has back afterwards; a value that the user has set stays."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _ray_signals_undone() -> Iterator[None]:
    """Ray takes SIGTERM when it is imported, and when it starts; it is the command line's."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            if handler is not None:  # None: set by somebody in C, whom Python cannot put back
                signal.signal(number, handler)
