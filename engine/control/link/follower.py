"""Follows a Link session while `/tempo/source` is link.

    /tempo/source link ─► process (program.py) ──reports, 25 per second──► Tempo.follow
    /tempo/bpm, beats_a_bar, start_stop_sync set by someone ──orders──► the session

The process may be missing, hang or die: then the beat runs on at its last tempo, and the process is
started again with growing delays. All waiting is done on a thread of its own, which exists only
while Link is the source.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Final

import osc_schema
from engine.control.link.messages import (
    MISSING,
    LinkState,
    LinkStatus,
    Order,
    SessionReport,
    line_of,
    message_of,
)
from engine.errors import ChildError
from engine.params import ParamStore
from engine.params.store import Change, Snapshot
from engine.system.backoff import next_delay_s
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard
from engine.system.installing import install_line
from engine.system.reporting import Report
from engine.system.worker_process import WorkerProcess

log = logging.getLogger(__name__)

SOURCE: Final = "link"
ENGINE: Final = "tempo"  # the author of values of /tempo/bpm that no person set
HUNG_S: Final = 5.0  # without a report; the first one takes the start of a Python process
MAX_START_S: Final = 30.0
MAX_END_S: Final = 2.0  # then it is killed
WAIT_S: Final = 0.5  # for a report, before it looks whether following has ended
MAX_AGE_S: Final = 5.0  # of a report; one out of this range comes from another clock than ours
ORDERED: Final = ("/tempo/bpm", "/tempo/beats_a_bar", "/tempo/start_stop_sync")


class Orders:
    """Decides which parameter values are sent to the Link session, and which of its reports count
    meanwhile. Pure. Anyone in a Link session may change its tempo, so a new value of `/tempo/bpm`
    changes it for all; values that the engine itself wrote there do not count. Reports from before
    the session adopted it would pull the beat back, so orders are numbered, and a report names the
    newest one that it includes."""

    def __init__(self) -> None:
        self._newest = 0

    def of_changes(self, changes: Iterable[Change], values: Snapshot) -> Order | None:
        """The order that follows from changes of parameters, or None. `values`: all parameters."""
        set_by_someone = {
            each.address: each.value
            for each in changes
            if each.by != ENGINE and each.address in ORDERED
        }
        if not set_by_someone:
            return None
        self._newest += 1
        bpm = set_by_someone.get("/tempo/bpm")
        return Order(
            bpm=None if bpm is None else osc_schema.as_number(bpm),
            beats_a_bar=int(values.number("/tempo/beats_a_bar")),
            start_stop_sync=bool(values["/tempo/start_stop_sync"]),
            order=self._newest,
        )

    def are_in(self, report: SessionReport) -> bool:
        """True if the session has adopted every order."""
        return report.order >= self._newest


class LinkFollower:
    """Follows a Link session through its process. `poll` on any one thread; `close` waits for the
    process to end."""

    def __init__(
        self,
        store: ParamStore,
        follow: Callable[..., None],
        *,
        clock: Clock,
        report: Report,
        notice: Callable[[str], None],
    ) -> None:
        """`follow`: `Tempo.follow`. `clock` must be real time: its seconds are those of
        `time.perf_counter`."""
        self._store = store
        self._follow = follow
        self._clock = clock
        self._report = report
        self._notice = notice
        self._guard = Guard(log, report, "link.error", "link")
        self._status = LinkStatus()
        self._is_enabled = False
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._has_reported = False

    def poll(self, now_s: float) -> bool:
        """Start or end following as `/tempo/source` says. Never waits; returns False."""
        is_enabled = self._store.get("/tempo/source") == SOURCE
        if (
            is_enabled
            and not self._is_enabled
            and (self._thread is None or not self._thread.is_alive())
        ):
            self._is_enabled = True
            self._end = threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(self._end,), name="link", daemon=True
            )
            self._thread.start()
        elif not is_enabled and self._is_enabled:
            self._is_enabled = False
            self._end.set()
            if self._status.state == "missing":  # its thread has ended
                self._status = LinkStatus()
        return False

    def status(self) -> LinkStatus:
        """The state of the session. Any thread."""
        return self._status

    def close(self) -> None:
        """End the Link process; it gets 2 s."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(MAX_END_S + 1.0)

    # -- the thread ----------------------------------------------------------------------------

    def _run(self, end: threading.Event) -> None:
        failures = 0
        while not end.is_set():
            self._status = LinkStatus(state="starting", detail=self._status.detail)
            self._has_reported = False
            fault = (
                self._guard.attempt(lambda: self._session(end)) or "its thread failed (see the log)"
            )
            failures = 1 if self._has_reported else failures + 1
            if self._status.state == "missing":
                return
            if not end.is_set():
                delay_s = next_delay_s(failures)
                detail = f"Ableton Link: {fault}; the beat runs on, next try in {delay_s:g} s"
                self._status = LinkStatus(state="failed", detail=detail)
                self._report("link", detail)
                end.wait(delay_s)
        self._status = LinkStatus()

    def _session(self, end: threading.Event) -> str:
        """Run the process until its end or `end`; returns why it ended."""
        values = self._store.snapshot()
        first = tuple(values[address] for address in ORDERED)
        try:
            process = WorkerProcess("engine.control.link.program", f"main{first!r}")
        except (ChildError, OSError) as error:
            return f"its process cannot be started ({error})"
        try:
            self._read_reports(process, end, values.version)
        except EOFError:
            log.debug("link: its process has ended")
        finally:
            process.end(MAX_END_S)
        return process.reason

    def _read_reports(self, process: WorkerProcess, end: threading.Event, version: int) -> None:
        """Follow the reports until `end`. EOFError when the process ends, and for one that hangs,
        which is killed."""
        orders = Orders()
        peers = 0
        received_s = self._clock.now_s()
        while not end.is_set():
            if self._clock.now_s() - received_s > (HUNG_S if self._has_reported else MAX_START_S):
                process.kill()
                raise EOFError
            line = process.receive(WAIT_S)
            if line is None:
                continue
            if line == MISSING:
                missing = (
                    f"Ableton Link is not installed; {install_line('[link]')}, then "
                    "/tempo/source link again"
                )
                self._status = LinkStatus(state="missing", detail=missing)
                self._report("link", missing)
                return
            report = message_of(line, SessionReport)
            now_s = self._clock.now_s()
            if report is None or not -MAX_AGE_S <= report.at_s - now_s <= MAX_AGE_S:
                self._report(
                    "link",
                    f"Ableton Link: report {line[:80]!r} left out (is another clock in use?)",
                )
                continue
            received_s = now_s
            self._has_reported = True
            changes, version = self._store.changes_since(version)
            order = orders.of_changes(changes, self._store.snapshot())
            if order is not None:
                process.send(line_of(order))
            if not orders.are_in(report):
                continue
            self._follow(
                SOURCE,
                beat=report.beat,
                bpm=report.bpm,
                at_s=report.at_s,
                is_playing=report.is_playing,
                count=report.count,
            )
            state: LinkState = (
                "alone" if not report.peers else "following" if report.is_playing else "stopped"
            )
            self._status = LinkStatus(state=state, peers=report.peers, bpm=report.bpm)
            self._log_peers(report, peers)
            peers = report.peers

    def _log_peers(self, report: SessionReport, before: int) -> None:
        """Log when the first other program joins and the last one leaves."""
        if report.peers and not before:
            others = "1 other program" if report.peers == 1 else f"{report.peers} other programs"
            self._notice(f"Ableton Link: in a session with {others}, {report.bpm:.2f} beats/min")
        elif before and not report.peers:
            self._notice(f"Ableton Link: alone in its session, {report.bpm:.2f} beats/min")
