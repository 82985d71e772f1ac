"""Private parts of libraries that `compat` files in the engine use still exist, with the parameters
that we pass."""

import inspect
from importlib.metadata import version
from operator import attrgetter
from pkgutil import resolve_name

import pytest
from numba import njit
from psutil import Process

from engine.render.context import open_context
from tests.support.cases import cases_of

CASES = cases_of(__file__)
MODULES, EACH = CASES["modules"], CASES["parts"]
OF_OBJECTS = {
    "numba _cache._cache_file._source_stamp": lambda: njit(cache=True)(lambda: None),
    "numba targetctx.codegen": lambda: njit(lambda: None),
    "moderngl mglo._context.load": open_context,
    "psutil _ident": Process,
}


@pytest.mark.parametrize("part", [*EACH, *OF_OBJECTS])
def test_a_private_part_is_as_we_use_it(part: str) -> None:
    name, _, signature = part.partition("(")
    module, _, inner = name.partition("." if part in EACH else " ")
    path = f"{MODULES.get(module, module)}.{inner}"
    library = path.partition(".")[0]
    problem = f"{library} {version(library)} has another {path}: look into its compat file"
    try:
        found = resolve_name(path) if part in EACH else attrgetter(inner)(OF_OBJECTS[part]())
    except (ImportError, AttributeError) as error:
        pytest.fail(f"{problem} ({error})")
    if signature:
        there, ours = ", ".join(inspect.signature(found).parameters), signature.rstrip("*), ")
        assert there.startswith(ours) if signature.endswith("*)") else there == ours, (
            f"{problem} ({there})"
        )
