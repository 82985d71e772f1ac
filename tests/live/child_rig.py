"""A child under test: a real supervisor and process, and what it says."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import osc_schema
from engine.children.policy import Deadlines
from engine.children.spec import ChildSpec, ChildStatus
from engine.children.supervisor import Supervisor
from engine.ipc import Gate

QUICK = Deadlines(first_delay_s=0.02, max_delay_s=0.1)


def defaults_of(child: str) -> dict[str, Any]:
    return {param.address: param.default for param in osc_schema.PARAMS if param.child == child}


class ChildRig:
    NAME: ClassVar[str]
    PRELOAD: ClassVar[tuple[str, ...]]
    VALUES: ClassVar[Mapping[str, Any]]
    """Those that `reset` restores."""

    def __init__(
        self,
        spec: Mapping[str, Any],
        *,
        loop: str = "",
        settings: Mapping[str, Any] | None = None,
        values: Mapping[str, Any] | None = None,
        times: Deadlines = QUICK,
        gate: Gate | None = None,
    ) -> None:
        """`spec`: the model's. `settings`: of the child, besides the usual ones; `values`: besides
        VALUES."""
        self.reports: list[tuple[str, str]] = []
        usual = {"spec": spec, "device": "cpu", "dtype": "auto", "threads": 1}
        loop = loop or f"engine.live.{self.NAME}.loop:run"
        whole = usual | dict(settings or {})
        self.supervisor = Supervisor(
            ChildSpec(name=self.NAME, loop=loop, settings=whole, preload=self.PRELOAD, niceness=0),
            report=lambda key, line: self.reports.append((key, line)),
            times=times,
            gate=gate,
        )
        self.reset(values or {})

    def set(self, values: Mapping[str, Any]) -> None:
        self.supervisor.set_values(values)

    def reset(self, values: Mapping[str, Any]) -> None:
        self.set({**self.VALUES, **values})

    @property
    def status(self) -> ChildStatus:
        return self.supervisor.status()

    def fact(self, name: str) -> Any:
        return self.status.facts.get(name)

    def last_report(self, key: str) -> str:
        """The child's newest note with this key, or ""."""
        return next(
            (line for name, line in reversed(self.reports) if name == f"child.{self.NAME}.{key}"),
            "",
        )

    def wait_until_applied(
        self, wait_for: Callable[..., Any], look: Callable[[], Any] = lambda: None
    ) -> None:
        """Wait until the child has applied all values: commands after them are answered. Calls
        `look` meanwhile."""
        answers: list[str] = []
        self.supervisor.call("anything", on_answer=lambda is_done, text: answers.append(text))
        wait_for(lambda: (look(), answers)[1], "the child's answer")

    def failure(self, wait_for: Callable[..., Any], look: Callable[[], Any] = lambda: None) -> str:
        """The line with the reason why the child is not restarted. Calls `look` meanwhile."""
        wait_for(lambda: (look(), self.status.state == "failed")[1], "the failure")
        assert "\n" not in self.status.detail
        assert self.status.restarts == 0
        return self.status.detail

    @property
    def facts_for_people(self) -> list[object]:
        """What helps to find out why a test failed."""
        return [self.status, *self.reports]

    def close(self) -> None:
        self.supervisor.close()
