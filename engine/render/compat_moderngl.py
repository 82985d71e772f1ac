"""Private part of moderngl: the context of glcontext, which is not public if moderngl opened it."""

from operator import attrgetter

load_of = attrgetter("mglo._context.load")
"""Function of a moderngl.Context that returns the address of an OpenGL function by name, on all
systems."""
