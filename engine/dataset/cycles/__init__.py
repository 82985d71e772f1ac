"""Renders with Cycles, Blender's path tracer, in a separate process and usually a separate
environment."""
