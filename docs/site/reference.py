"""The reference: every public name with its signature and docstring.

Docstrings are plain text that reads as Markdown; `>>>` examples and indented code
become blocks. Entries are those of Sphinx's Python domain, so that the index, the
search and other projects' links find them.
"""

from __future__ import annotations

import importlib
import inspect
import io
import pkgutil
import re
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from typing import Any

import tapec
import tapec.numpy
import tapec.scipy
from tapec import cli, ir, passes, text
from tapec.exporting import Exported, Loaded
from tapec.inspect import Inspection
from tapec.primitive import Primitive
from tapec.transform import jit

__all__ = ["GROUPS", "reference"]

GROUPS = {
    "Transforms": "grad value_and_grad jit vjp jvp linearize jacobian jacrev jacfwd "
    "hessian hvp vmap sparse_jacobian sparse_hessian checkpoint recompute_grad "
    "custom_gradient custom_jvp stop_gradient spec",
    "The tape": "GradientTape UnconnectedGradients Variable constant Tensor scope",
    "Control flow": "scan fori_loop while_loop cond switch",
    "Looking inside": "inspect print assert_ check_nan debug diff check_grads",
    "Leaving the process": "export load",
    "Passes and settings": "custom_pass add_pass remove_pass config",
    "Errors": "TapecError TraceError ShapeError DTypeError UnsupportedError IRError "
    "ParseError",
}
"""The names of `tapec.__all__`, as the reference shows them; the rest comes last."""


def reference() -> dict[str, str]:
    """The pages by name."""
    pages = {
        "api-tapec": "\n".join(["# `tapec`\n", *names_of_tapec()]),
        "api-compiled": "\n".join(compiled()),
        "api-numpy": numpy_page(),
        **{page_of(name): module_page(name) for name in modules()},
        "api-ir": "\n".join(for_passes()),
        "api-cli": command_line(),
    }
    listed = "\n".join(pages)
    head = "# API reference\n\nGenerated from the docstrings of all public names.\n"
    return {"api": f"{head}\n```{{toctree}}\n{listed}\n```\n", **pages}


def modules() -> list[str]:
    """Modules of functions that users call, by their full names."""
    scipy = [
        f"tapec.scipy.{m.name}" for m in pkgutil.iter_modules(tapec.scipy.__path__)
    ]
    named = [n for n in tapec.__all__ if inspect.ismodule(getattr(tapec, n))]
    return [*scipy, *(f"tapec.{name}" for name in named), "tapec.tf"]


def page_of(module: str) -> str:
    return module.replace("tapec", "api").replace(".", "-")


def names_of_tapec() -> Iterator[str]:
    public = [n for n in tapec.__all__ if not inspect.ismodule(getattr(tapec, n))]
    groups = {title: names.split() for title, names in GROUPS.items()}
    grouped = {name for names in groups.values() for name in names}
    groups["Further names"] = [name for name in public if name not in grouped]
    for title, names in groups.items():
        here = [name for name in names if name in public]
        if here:
            yield f"\n## {title}\n"
        yield from (entry(f"tapec.{name}", getattr(tapec, name)) for name in here)


def compiled() -> Iterator[str]:
    """What `jit`, `inspect`, `export` and `load` return."""
    yield "# Compiled functions, inspections, exports\n"
    yield "All are made by other functions of tapec.\n"
    yield entry("CompiledFunction", type(jit(lambda x: x)), made=False)
    yield entry("Inspection", Inspection, made=False)
    yield entry("Exported", Exported, made=False)
    yield entry("Loaded", Loaded, made=False)


def numpy_page() -> str:
    said = markdown(inspect.getdoc(tapec.numpy) or "")
    names = [
        n for n in dir(tapec.numpy) if not inspect.ismodule(getattr(tapec.numpy, n))
    ]
    listed = ", ".join(f"`{n}`" for n in names)
    linalg = ", ".join(f"`{n}`" for n in tapec.numpy.linalg.__all__)
    fft = ", ".join(f"`{n}`" for n in tapec.numpy.fft.__all__)
    return (
        f"# `tapec.numpy`\n\n{said}\n\n[What works](coverage.md) has the derivative of "
        f"each, and where it runs.\n\n{listed}\n\n## `tapec.numpy.linalg`\n\n{linalg}\n"
        f"\n## `tapec.numpy.fft`\n\n{fft}\n"
    )


def module_page(title: str) -> str:
    module = importlib.import_module(title)
    parts = [f"# `{title}`\n", markdown(inspect.getdoc(module) or ""), ""]
    for name in sorted(set(module.__all__)):
        what = getattr(module, name)
        if callable(what):
            parts.append(entry(f"{title}.{name}", what))
    return "\n".join(parts)


def for_passes() -> Iterator[str]:
    """What passes of one's own are written with."""
    yield "# `tapec.ir`, `tapec.text`, `tapec.passes`\n"
    yield "For passes of your own and for tools; [Passes](passes.md) has examples.\n"
    for module in (ir, text, passes):
        yield f"\n## `{module.__name__}`\n\n{markdown(inspect.getdoc(module) or '')}\n"
        for name in sorted(getattr(module, "__all__", ())):
            what = getattr(module, name)
            if callable(what) and getattr(what, "__module__", "").startswith("tapec"):
                yield entry(f"{module.__name__}.{name}", what)


def command_line() -> str:
    parts = ["# The command line\n\n`python -m tapec COMMAND`\n"]
    for command in cli.COMMANDS:
        out = io.StringIO()
        with redirect_stdout(out), suppress(SystemExit):
            cli.main([command.name, "--help"])
        parts.append(f"## `{command.name}`\n\n```text\n{out.getvalue()}```\n")
    return "\n".join(parts)


# --- entries ------------------------------------------------------------------


def entry(name: str, what: Any, made: bool = True) -> str:
    """One name; a class with its public methods."""
    kind = "class" if isinstance(what, type) else "function"
    if not callable(what):
        kind, called = "data", ""
    else:
        called = signature(what) if made else ""
    body = with_names(markdown(own_doc(what)), called)
    if isinstance(what, type):
        kind = "exception" if issubclass(what, Exception) else kind
        body += "".join(f"\n\n{member(n, m)}" for n, m in members(what))
    return f"``````{{py:{kind}}} {name}{called}\n{body}\n``````\n"


def members(what: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties that the class itself documents."""
    for name in sorted(dir(what)):
        found = inspect.getattr_static(what, name)
        here = any(name in vars(c) for c in what.__mro__ if c.__module__ != "builtins")
        if not name.startswith("_") and here and own_doc(found):
            yield name, found


def member(name: str, what: Any) -> str:
    if isinstance(what, (staticmethod, classmethod)):
        what = what.__func__
    if callable(what):
        kind, called = "method", signature(what, skip=1)
    else:
        kind, called = "property", ""
    body = with_names(markdown(own_doc(what)), called)
    return f"`````{{py:{kind}}} {name}{called}\n{body}\n`````"


def own_doc(what: Any) -> str:
    if isinstance(what, Primitive):
        return what.doc
    return inspect.cleandoc(getattr(what, "__doc__", None) or "")


def signature(what: Any, skip: int = 0) -> str:
    """The parameters, without annotations."""
    try:
        found = list(inspect.signature(what).parameters.values())[skip:]
    except (TypeError, ValueError):
        return "()"
    empty = inspect.Parameter.empty
    plain = [p.replace(annotation=empty) for p in found]
    return re.sub(r"<[^>]*>", "...", str(inspect.Signature(plain)))


def with_names(body: str, called: str) -> str:
    """`body` with the parameters that it explains set as code."""
    names = "|".join(re.findall(r"\w+(?==|,|\))", called)) or "-"
    said = rf"(?m)(^|\. )((?:(?:{names}), )*(?:{names})): "
    return re.sub(said, lambda m: f"{m[1]}{_code(m[2])}: ", body)


def _code(names: str) -> str:
    return ", ".join(f"`{name}`" for name in names.split(", "))


# --- docstrings ---------------------------------------------------------------


def markdown(doc: str) -> str:
    """A docstring as Markdown: examples and indented code become blocks."""
    out: list[str] = []
    fence = ""
    previous = ""
    for line in doc.splitlines():
        wanted = fence
        if line.startswith(">>>"):
            wanted = "pycon"
        elif not line.strip():
            wanted = fence if fence == "python" else ""
        elif fence != "pycon" and line.startswith("    ") and not previous.strip():
            wanted = "python"
        elif fence == "python" and not line.startswith("    "):
            wanted = ""
        if wanted != fence:
            out += ["```"] if fence else []
            out += [f"```{wanted}"] if wanted else []
            fence = wanted
        if fence == "python":
            line = line.removeprefix("    ")
        out.append(line if fence else quoted(line))
        previous = line
    return "\n".join([*out, "```"] if fence else out)


def quoted(line: str) -> str:
    """A line of text in which nothing is a mark of MyST's."""
    return re.sub(r"^(\s*)([%+(])", r"\1\\\2", line).replace("**", r"\*\*")
