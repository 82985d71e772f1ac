"""Private part of moderngl: the context that glcontext opened for it, which is not public where moderngl opens it."""

from operator import attrgetter

load_of = attrgetter("mglo._context.load")
"""Function of a moderngl.Context that returns the address of an OpenGL function by name, on all systems."""
