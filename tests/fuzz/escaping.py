"""Programs with hostile names and strings, drawn and written in every format.

A picture must be well-formed, and what is in a name must stay a name: no element, no
attribute, no script that a tame program would not have.
"""

from __future__ import annotations

import json
import random
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

from tapec.debugging.printing import escaped
from tapec.inspect import Inspection
from tapec.ir import Function, Meta, Value
from tapec.primitive import PRIMITIVES as P
from tapec.text import format_module, parse
from tapec.viz.engine import graphviz
from tests.fuzz.grow import grow

__all__ = ["HOSTILE", "check_pictures", "hostile"]

HOSTILE = (
    "<script>alert(1)</script>", "</script><script>alert(1)//", "]]>", "<![CDATA[",
    "-->", "<!--", '" onload="alert(1)', "' onclick='alert(1)", "&lt;", "&#0;", "&",
    "&amp;&quot", "javascript:alert(1)", "\\", '\\"', '"', "'", "`${x}`", "\\N",
    "\\l\\r", "a\nb", "\r", "\t", "\x00", "\x0b", "\x1b[31m", "\x7f", "\ud800",
    "\ufffe", "\uffff", "\u2028", "\u202e", "é", "漢字", "\U0001f600", "a" * 3000, "%0",
    "{x}", "{data}", "{script}", "[b]", "|", ";", "->", "--", "}", "digraph{",
    "label=<b>", "<TABLE>", "#quot;", "end", "subgraph", "", " ", "</style>",
    "</title><img src=x onerror=alert(1)>", "%%{init: {}}%%", "click n0 call x()",
)  # fmt: skip
ELEMENTS = {
    "svg", "g", "path", "rect", "text", "tspan", "title", "desc", "style", "defs",
    "line", "marker", "polygon", "polyline", "ellipse", "circle", "use", "metadata",
    "a", "clipPath", "linearGradient", "stop", "pattern", "symbol", "mask", "switch",
}  # fmt: skip


def hostile(seed):
    """A small grown program whose names, scopes and strings are hostile."""
    r = random.Random(seed)
    fn = grow(seed, ops=6).fn

    def name():
        return "".join(r.choice(HOSTILE) for _ in range(r.randint(1, 3)))

    env, ops = {}, []
    params = [Value(None, (), (), p.type, p.uid, name()) for p in fn.params]
    env.update(zip(fn.params, params, strict=True))
    for op in fn.ops:
        scope = "/".join(name() for _ in range(r.randint(0, 2)))
        args = tuple(env[a] for a in op.args)
        attrs = tuple(
            (k, v.with_(name=name()) if isinstance(v, Function) else v)
            for k, v in op.attrs
        )
        env[op] = Value(
            op.prim, args, attrs, op.type, op.uid, name(), Meta(None, scope)
        )
        ops.append(env[op])
    attrs = (("text", escaped(name())),)
    shown = Value(
        P["print"], (), attrs, P["print"].type_rule(text=attrs[0][1]), fn.next_uid
    )
    return Function(name(), params, [*ops, shown], [env[v] for v in fn.results])


def check_pictures(seed):
    """Every format of one hostile program."""
    fn = hostile(seed)
    seen = Inspection(fn)
    text = format_module(fn)
    assert format_module(parse(text)) == text
    check_xml(seen.svg(engine="mirror", stage="recorded"), ELEMENTS)
    check_xml(seen.graphml(stage="recorded"), None)
    dot = seen.dot(stage="recorded")
    check_dot(dot)
    if seed % 8 == 0:
        check_graphviz(dot)
    check_mermaid(seen.mermaid(stage="recorded"))
    document = seen.json(stage="recorded")
    assert json.loads(document)["name"] == fn.name
    document.encode("utf-8")
    check_html(seen.html())


def check_xml(text, elements):
    """Well-formed, of these elements, without handlers, scripts or foreign links."""
    for node in ElementTree.fromstring(text.encode("utf-8")).iter():
        tag = str(node.tag).rpartition("}")[2]
        assert elements is None or tag in elements, tag
        for key, value in node.attrib.items():
            key = key.rpartition("}")[2].lower()
            assert not key.startswith("on"), key
            assert key not in ("href", "src") or value.startswith("#"), (key, value)


# --- DOT ----------------------------------------------------------------------------

TOKENS = re.compile(
    r'\s+|//[^\n]*|/\*.*?\*/|"(?:[^"\\]|\\.)*"|[A-Za-z_\x80-\U0010ffff][\w]*'
    r"|-?(?:\.\d+|\d+(?:\.\d*)?)|->|--|[{}\[\];,=:]",
    re.DOTALL,
)
LABEL = {"r", "b", "i", "br", "font", "u", "sub", "sup"}


def check_dot(text):
    """It is made of DOT's tokens; what is in <> is well-formed and of few elements."""
    text.encode("utf-8")
    place, depth = 0, 0
    while place < len(text):
        if text[place] == "<":
            place = _label_end(text, place)
            continue
        m = TOKENS.match(text, place)
        assert m, f"no token of DOT: {text[place : place + 40]!r}"
        depth += {"{": 1, "}": -1}.get(m[0], 0)
        assert depth >= 0
        assert "\x00" not in m[0]
        place = m.end()
    assert depth == 0


def _label_end(text, start):
    depth = 0
    for place in range(start, len(text)):
        depth += {"<": 1, ">": -1}.get(text[place], 0)
        if not depth:
            break
    check_xml(f"<r>{text[start + 1 : place]}</r>", LABEL)
    return place + 1


def check_graphviz(text):
    """Graphviz reads it, and its picture is well-formed."""
    check_xml(graphviz(text, "svg", timeout=60.0), ELEMENTS)


# --- Mermaid and HTML ---------------------------------------------------------------

BOX = re.compile(r'\s*n\d+(?:\(\[|\[)"[^"]*"(?:\]\)|\]):::\w+')
ARROW = re.compile(r"\s*n\d+ (?:-->|-\.->|==>|---|-\.-)(?:\|[^|]*\|)? n\d+")
REST = re.compile(
    r'\s*(?:subgraph s\d+\["[^"]*"\]|end|classDef .*|flowchart \w+|---|title: .*|%%.*)'
)


def check_mermaid(text):
    """Each line is of a known form."""
    for line in text.strip().split("\n"):
        assert any(p.fullmatch(line) for p in (BOX, ARROW, REST)), line
        assert "<script" not in line.lower()


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes = [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.update(name for name, _ in attrs)


def tags_of(text):
    """The elements of a page, in order, and the attributes."""
    found = _Tags()
    found.feed(text)
    found.close()
    return found.tags, found.attributes


def check_html(text):
    """The same elements as the page of a tame program has."""
    tame = tags_of(Inspection(parse("func @f(%x: f64[]) {\n  return %x\n}")).html())
    assert tags_of(text) == tame
    text.encode("utf-8")
