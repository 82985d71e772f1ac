"""One row of the doctor's table, by its name."""

import sys
from typing import Any

from engine.cli import doctor_machine, doctor_probes  # noqa: F401  have the rows
from engine.cli.doctor_checks import ROWS, Check, run_checks


def check(name: str, *answers: Any) -> Check:
    """Judge these answers to the row's questions, as on the system of `sys.platform`."""
    found = checked(name, *answers)
    assert found is not None
    return found


def checked(name: str, *answers: Any) -> Check | None:
    (row,) = (row for row in ROWS if row.name == name and row.system in ("", sys.platform))
    return row.check(*answers)


def first_hour_checks() -> list[Check]:
    """The checks that only this system has, apart from those that ask another process."""
    rows = (row for row in ROWS if row.system)
    return run_checks(
        row for row in rows if not any(isinstance(each, str) for each in row.questions)
    )
