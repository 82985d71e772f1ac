"""Tests that every regular expression of the engine takes linear time for hostile texts, since
texts come from anybody.

The texts repeat one or two letters of the expression, before and behind others. Processor time of
n, 2n and 4n letters is compared: from n to 4n, a quadratic expression takes sixteen times as long,
a linear one four times.
"""

import ast
import importlib
import re
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import pytest

from tests.support.long_form import IS_SOAK

ROOT = Path(__file__).parent.parent
METHODS = ("match", "fullmatch", "search", "sub", "finditer", "findall", "split")
LETTERS = 1500
MAX_GROWTH = 9.0  # from n to 4n: between 4 and 16
NOTICED_S = 0.004  # a text of 4n letters that takes less is not slow
COMMON = tuple("a0 _.,:;/\\\"'\n\t-[]{}()<>*#e@=x")


def sources() -> list[Path]:
    return sorted(
        path for folder in ("engine", "osc_schema") for path in (ROOT / folder).rglob("*.py")
    )


@cache
def found() -> dict[str, tuple[re.Pattern[str], frozenset[str]]]:
    """Find the expressions with the methods that use them, by file and line."""
    expressions = {}
    for path in sources():
        text = path.read_text(encoding="utf-8")
        if "re." not in text:
            continue
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if not (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args
            ):
                continue
            if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "re"):
                continue
            name, location = node.func.attr, f"{path.relative_to(ROOT)}:{node.lineno}"
            if name in METHODS:
                pattern = literal(node)
                if pattern is not None:
                    expressions[location] = (pattern, frozenset((name,)))
            elif name == "compile":
                target = name_of(next((each for each in tree.body if node in ast.walk(each)), None))
                used = {
                    method for method in METHODS if target and f"{target}.{method}(" in text
                } or {"search"}
                pattern = literal(node)
                if pattern is None and target:
                    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                    pattern = getattr(importlib.import_module(module), target, None)
                if isinstance(pattern, re.Pattern) and isinstance(pattern.pattern, str):
                    expressions[location] = (pattern, frozenset(used))
    return expressions


def name_of(owner: ast.stmt | None) -> str:
    """Return the module's constant that stores the expression; "" for none."""
    if isinstance(owner, ast.Assign) and isinstance(owner.targets[0], ast.Name):
        return owner.targets[0].id
    if isinstance(owner, ast.AnnAssign) and isinstance(owner.target, ast.Name):
        return owner.target.id
    return ""


def literal(call: ast.Call) -> re.Pattern[str] | None:
    """Return the expression if it is written out in the call."""
    try:
        pattern = ast.literal_eval(call.args[0])
        flags = [
            ast.unparse(each)
            for each in (*call.args[1:], *(keyword.value for keyword in call.keywords))
        ]
        flag_values = [
            getattr(re, name) for each in flags for name in re.findall(r"re\.([A-Z]+)\b", each)
        ]
        return re.compile(pattern, sum(flag_values)) if isinstance(pattern, str) else None
    except ValueError:
        return None


def hostile_texts(pattern: str) -> Iterator[Callable[[int], str]]:
    """Yield functions that create hostile texts of a given length."""
    names = [name for name in re.findall(r"[A-Za-z_]{2,}", pattern) if len(name) > 2][:6]
    for letter in dict.fromkeys([*re.sub(r"\\[a-zA-Z]", "", pattern)[:24], *COMMON]):
        yield lambda count, unit=letter: unit * count
        yield lambda count, unit=letter: "a" + unit * count + "\u00a7"
    for first in ('"', '\\"', "/*", "[", "{", "<", "(", ",", "a.", "a_", "0.", "\\", ",  ", *names):
        for last in ("", "\u00a7"):
            yield lambda count, unit=first, end=last: unit * (count // len(unit)) + end
            yield lambda count, unit=first, end=last: unit + " " * count + end
            yield (
                lambda count, unit=first, end=last: (unit + "a") * (count // (len(unit) + 1)) + end
            )


def used_s(pattern: re.Pattern[str], method: str, text: str) -> float:
    began_s = time.process_time()
    if method == "sub":
        pattern.sub("", text)
    elif method == "finditer":
        for _ in pattern.finditer(text):
            pass
    else:
        getattr(pattern, method)(text)
    return time.process_time() - began_s


def grows_too_fast(pattern: re.Pattern[str], method: str, text_of: Callable[[int], str]) -> bool:
    text = text_of(4 * LETTERS)
    if used_s(pattern, method, text) < NOTICED_S:
        return False
    times_s = [
        min(used_s(pattern, method, text_of(count * LETTERS)) for _ in range(3))
        for count in (1, 2, 4)
    ]
    return times_s[2] > MAX_GROWTH * max(times_s[0], 1e-6) and times_s[2] > 2.5 * times_s[1]


@pytest.mark.only_on("linux", "darwin", reason="Windows counts processor time in steps of 15.6 ms")
def test_no_text_makes_an_expression_slow() -> None:
    assert len(found()) > 80
    slow = []
    for at, (location, (pattern, methods)) in enumerate(found().items()):
        for method in sorted(methods):
            makers = hostile_texts(pattern.pattern)
            if not IS_SOAK:  # a fifth of the texts, others for each expression
                makers = islice(makers, at % 5, None, 5)
            # Three times: once may be a busy machine.
            bad = next(
                (
                    each
                    for each in makers
                    if all(grows_too_fast(pattern, method, each) for _ in range(3))
                ),
                None,
            )
            if bad is not None:
                slow.append(f"{location}: {pattern.pattern[:60]} .{method} of {bad(12)!r}")
    assert slow == []


@pytest.mark.parametrize("pattern", [r'"(?:[^"\\]|\\.)*"', r"\s+$", r"/\*.*?\*/"])
def test_an_expression_that_is_quadratic_is_found(pattern: str) -> None:
    compiled = re.compile(pattern, re.DOTALL)
    assert any(grows_too_fast(compiled, "search", text_of) for text_of in hostile_texts(pattern))
