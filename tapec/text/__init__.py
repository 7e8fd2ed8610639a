"""The IR as text: one op per line, and what prints, parses. Grammar: docs/ir.md."""

from tapec.text.parser import parse, parse_module
from tapec.text.printer import (
    format_function,
    format_module,
    function_lines,
    module_lines,
    painted,
)

__all__ = [
    "format_function",
    "format_module",
    "function_lines",
    "module_lines",
    "painted",
    "parse",
    "parse_module",
]
