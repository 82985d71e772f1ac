"""What Wine's C runtime leaves out, and Python's own modules rely on.

Every interpreter of .ci/windows imports it, unless PYTHONPATH has another sitecustomize first, as a
few tests do.
"""

import errno
import msvcrt
import os

locking_of_wine = msvcrt.locking


def locking(descriptor: int, mode: int, length: int) -> None:
    """As on Windows, a range that another program has locked is EACCES: Wine 8 fails without an
    error number."""
    try:
        locking_of_wine(descriptor, mode, length)
    except OSError as error:
        if error.errno:
            raise
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None


msvcrt.locking = locking
