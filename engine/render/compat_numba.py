"""Private parts of Numba: its public cache depends on one file and cannot be queried; signatures are only compiled."""

from typing import Any

from numba.core import sigutils
from numba.core.caching import NullCache

WITHOUT_REFERENCES = {"_nrt": False}
"""Option of njit for a function that makes no array: it counts no references. No public option says so."""


def parse_types(signature: str) -> tuple[Any, ...]:
    """Types of arguments, as Numba writes them."""
    arg_types, _ = sigutils.normalize_signature(f"void({signature})")  # type: ignore[no-untyped-call]
    return tuple(arg_types)


def is_cached(dispatcher: Any, types: tuple[Any, ...]) -> bool:
    """True if the code for these types is on the disk."""
    cache = dispatcher._cache
    if isinstance(cache, NullCache):
        return False
    try:
        return cache._index_key(types, dispatcher.targetctx.codegen()) in cache._cache_file._load_index()
    except OSError:  # another user's files
        return False


def stamp_cache(dispatcher: Any, stamp: tuple[int, ...]) -> None:
    """Let cached code be used while `stamp` is the same, instead of the time and size of the function's file."""
    dispatcher._cache._cache_file._source_stamp = stamp


def disable_cache(dispatcher: Any) -> None:
    dispatcher._cache = NullCache()


def native_address(dispatcher: Any, types: tuple[Any, ...]) -> int:
    """Address of the compiled function. That of a `cfunc` has another calling convention, and no errors."""
    compiled = dispatcher.overloads[types]
    address: int = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    return address
