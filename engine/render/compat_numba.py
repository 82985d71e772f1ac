"""Private parts of Numba: its public cache keeps code for this processor only; signatures are only
compiled."""

import pickle
from typing import Any

from numba.core import sigutils
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

WITHOUT_REFERENCES = {"_nrt": False}
"""Option of njit for a function that makes no array: it counts no references. No public option says
so."""


def parse_types(signature: str) -> tuple[Any, ...]:
    """Types of arguments, as Numba writes them."""
    arg_types, _ = sigutils.normalize_signature(f"void({signature})")  # type: ignore[no-untyped-call]
    return tuple(arg_types)


def target(dispatcher: Any) -> tuple[str, ...]:
    """System, processor and its features that it compiles for."""
    system, processor, features = dispatcher.targetctx.codegen().magic_tuple()
    return str(system), str(processor), str(features)


def code_of(dispatcher: Any, types: tuple[Any, ...]) -> bytes:
    """The compiled code for these types, as Numba's own cache keeps it."""
    return bytes(dumps(dispatcher.overloads[types]._reduce()))  # type: ignore[no-untyped-call]


def add_code(dispatcher: Any, code: bytes) -> None:
    """Add what `code_of` returned, as Numba does from its own cache."""
    context = dispatcher.targetctx
    context.refresh()
    compiled: Any = CompileResult._rebuild(context, *pickle.loads(code))  # type: ignore[no-untyped-call]
    context.insert_user_function(compiled.entry_point, compiled.fndesc, [compiled.library])
    dispatcher.add_overload(compiled)


def native_address(dispatcher: Any, types: tuple[Any, ...]) -> int:
    """Address of the compiled function. That of a `cfunc` has another calling convention, and no
    errors."""
    compiled = dispatcher.overloads[types]
    address: int = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    return address
