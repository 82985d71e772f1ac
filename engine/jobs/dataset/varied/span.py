"""Ranges given on the command line; see engine/jobs/kit/span.py."""

from engine.jobs.kit.span import Span, between, check_span, parse_span

__all__ = ["Span", "between", "check_span", "parse_span"]
