"""Looking into programs as they run: printing, NaN, a debugger, native against IR.

What is imported with tapec is small; the rest is loaded when it is used.
"""

from __future__ import annotations

from tapec.debugging.printing import assert_, print_

__all__ = ["assert_", "print_"]
