"""What prints, parses, to the same text and the same function."""

import time
from contextlib import suppress
from textwrap import dedent

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tapec.errors import ParseError
from tapec.ir import DTYPES, ArrayType, Constant, Dim, Function, Meta, Value
from tapec.primitive import PRIMITIVES
from tapec.text import format_function, format_module, parse, parse_module

CANONICAL = [
    """
    func @loss(%x: f64[3], %w: f64[3]) {
      %2: f64[3] = multiply %x, %w
      %3: f64[3] = negative %2
      return %3, %x
    }
    """,
    """
    func @empty() {
      return
    }
    """,
    """
    func @numbers(%0: f64[], %5: i64[n,3], %x: c128[0,2]) {
      %2: f64[2,2] = const value=[[1.0, 2.5], [nan, -inf]]
      %3: f32[3] = const value=[0.1, 1e-30, -nan]
      %4: c128[] = const value=1.0-2.5j
      %6: c64[2] = const value=[nan+infj, -0.0-0.0j]
      %7: bool[2] = const value=[True, False]
      %8: f64[100] = const value=-0.0
      %9: f64[0,3] = const value=[]
      %10: u64[] = const value=18446744073709551615
      %11: f16[3,1] = const value=[[0.1], [1.0], [6.104e-05]]
      %12: f64[] = const value=bytes"AQAAAAAA+H8="
      return %2
    }
    """,
    """
    func @attributes(%x: f64[3]) {
      %1: f64[3] = negative %x a=-0.0 b=1e-05 c=nan d=-nan e=inf f=1.0+nanj
      %2: f64[3] = negative %x a=1 b=True c=None d=... e="a\\"b;é\\n" f=bytes"AAEC"
      %3: f64[3] = negative %x a=() b=(1,) c=((1, 2), "x") d=(1:5:2, :, -1:, ::-1)
      %4: f64[3] = negative %x a=f32 b=f64[3] c=(n, 3) d=array(i64[2], [1, 2])
      return %4
    }
    """,
    """
    func @several(%x: f64[3]) {
      %1: (f64[3], i64[3]) = negative %x
      %2: i64[3] = item %1 index=1
      %3: bool[] = const value=True
      check %3 expected=True
      print text="done"
      return %2
    }
    """,
    """
    func @body(%0: f64[]) {
      %1: f64[] = negative %0
      return %1
    }

    func @outer(%x: f64[]) {
      %1: f64[] = negative %x body=@body
      %2: f64[] = square %1 body=@body
      return %2
    }

    func @main(%x: f64[]) {
      %1: f64[] = negative %x fn=@outer bodies=3
      return %1
    }
    """,
]


@pytest.mark.parametrize("text", [dedent(t).strip() for t in CANONICAL])
def test_canonical_text_is_a_fixed_point(text):
    fn = parse(text)
    assert format_module(fn) == text
    assert parse(format_module(fn)) == fn


def test_layout_is_free():
    text = """
    ; a comment
    func @f( %x :f64[ 3 ],%y: f64[3]) {   ; here too

      %sum: f64[3] = add %x,%y  ; named
      return %sum
    }
    ; the end"""
    assert format_module(parse(text)) == dedent(
        """\
        func @f(%x: f64[3], %y: f64[3]) {
          %2: f64[3] = add %x, %y
          return %2
        }"""
    )


def test_parse_gives_the_last_function():
    text = "func @a() {\n  return\n}\nfunc @b() {\n  return\n}"
    assert parse(text).name == "b"
    assert [fn.name for fn in parse_module(text)] == ["a", "b"]


def test_uids_are_kept_and_the_missing_ones_do_not_collide():
    text = """
    func @f(%x: f64[], %y: f64[]) {
      %0: f64[] = add %x, %y
      %z: f64[] = negative %0
      %7: f64[] = negative %z
      return %7
    }"""
    fn = parse(text)
    uids = [v.uid for v in (*fn.params, *fn.ops)]
    assert uids[2] == 0 and uids[4] == 7
    assert len(set(uids)) == 5


# --- random values ----------------------------------------------------------

DTYPE = st.sampled_from(list(DTYPES.values()))
SCALAR = (
    st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text()
    | st.binary()
    | st.none()
    | st.just(...)
    | DTYPE
    | st.builds(Dim, st.sampled_from(["n", "batch", "größe"]))
)
BOUND = st.none() | st.integers(-9, 9)
ATTR = st.recursive(
    SCALAR | st.builds(slice, BOUND, BOUND, BOUND),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)
ARRAY = DTYPE.flatmap(
    lambda dtype: hnp.arrays(
        dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=9)
    )
)


def with_attr(value):
    type_ = ArrayType(np.float64)
    x = Value(None, (), (), type_, 0, "x")
    op = Value(PRIMITIVES["negative"], (x,), (("a", value),), type_, 1)
    return Function("f", [x], [op], [op])


@given(ATTR)
@settings(max_examples=200, deadline=None)
def test_attributes_round_trip(value):
    fn = with_attr(value)
    text = format_module(fn)
    again = parse(text)
    assert again == fn
    assert format_module(again) == text


@given(ARRAY)
@settings(max_examples=200, deadline=None)
def test_arrays_round_trip_bit_by_bit(array):
    value = Constant(array)
    fn = with_attr(value)
    assert parse(format_module(fn)).ops[0].attr("a") == value
    const = PRIMITIVES["const"]
    op = Value(const, (), (("value", value),), ArrayType(array.dtype, array.shape), 0)
    fn = Function("f", [], [op], [op])
    assert parse(format_module(fn)).ops[0].attr("value") == value


def test_layout_and_byte_order_of_an_array_do_not_matter():
    array = np.arange(200.0).reshape(20, 10)
    for other in (np.asfortranarray(array), array[::-1][::-1], array.astype(">f8")):
        text = format_module(with_attr(Constant(other)))
        assert text == format_module(with_attr(Constant(array.copy())))


def test_attributes_that_python_calls_equal_are_told_apart():
    texts = {format_module(with_attr(v)) for v in (1, 1.0, True, 0.0, -0.0, 0, False)}
    assert len(texts) == 7
    assert with_attr(1) != with_attr(True)
    assert with_attr(0.0) != with_attr(-0.0)
    assert with_attr(float("nan")) == with_attr(float("nan"))


# --- what can be asked for --------------------------------------------------


def chain(*names):
    type_ = ArrayType(np.float64)
    values = [Value(None, (), (), type_, 0, "params['w']")]
    for i, name in enumerate(names, 1):
        meta = Meta(primal=i - 1) if i > 1 else Meta()
        prim = PRIMITIVES["negative"]
        values.append(Value(prim, values[-1:], (), type_, i, name, meta))
    return Function("<lambda>", values[:1], values[1:], values[-1:])


def test_names_are_made_printable_and_unique():
    text = format_function(chain("h", "h", "", "2nd"), names=True)
    assert text.splitlines() == [
        "func @lambda(%params_w: f64[]) {",
        "  %h: f64[] = negative %params_w",
        "  %h.1: f64[] = negative %h",
        "  %3: f64[] = negative %h.1",
        "  %4: f64[] = negative %3",
        "  return %4",
        "}",
    ]
    assert format_function(parse(text), names=True) == text


def test_locations_show_the_primal():
    text = format_function(chain("h", "h"), locations=True)
    assert text.splitlines()[2].endswith("; primal %1")
    assert parse(text) == chain("h", "h")


def test_locations_show_the_line():
    type_ = ArrayType(np.float64)
    code = compile("x\ny + z", "model.py", "exec")
    from tapec.ir import Location

    meta = Meta(loc=Location(((code, 0),)))
    op = Value(PRIMITIVES["const"], (), (("value", Constant(1.0)),), type_, 0, "", meta)
    text = format_function(Function("f", [], [op], [op]), locations=True)
    assert "; model.py:" in text


def test_color_changes_only_the_color():
    import re

    fn = chain("h", "h")
    painted = format_function(fn, color=True, locations=True)
    assert "\x1b[" in painted
    assert re.sub("\x1b\\[[0-9;]*m", "", painted) == format_function(fn, locations=True)


def test_elided_arrays_do_not_parse():
    text = format_module(with_attr(Constant(np.arange(1000.0))), elide=True)
    assert "a=array(f64[1000], ...)" in text
    with pytest.raises(ParseError, match="left out"):
        parse(text)


def test_equal_bodies_are_printed_once_and_others_renamed():
    one, same, other = chain("h"), chain("h"), chain("h", "h")
    type_ = ArrayType(np.float64)
    x = Value(None, (), (), type_, 0, "x")
    attrs = (("a", one), ("b", same), ("c", other), ("d", chain("q")))
    op = Value(PRIMITIVES["negative"], (x,), attrs, type_, 1)
    fn = Function("lambda", [x], [op], [op])
    text = format_module(fn)
    assert "a=@lambda.1 b=@lambda.1 c=@lambda.2 d=@lambda.1" in text
    assert text.count("func @") == 3
    assert parse(text) == fn


def test_repr_of_a_function_is_its_text():
    fn = chain("h")
    assert repr(fn) == format_function(fn)


# --- errors -----------------------------------------------------------------

HEAD = "func @f(%x: f64[3]) {\n  "
ERRORS = [
    ("", "1:1: expected `func` but found the end of the text"),
    ("func f", "1:6: expected a name such as `@f` but found `f`"),
    (HEAD + "%1: f64[3] = negatve %x", "`negatve`; did you mean `negative`?"),
    (HEAD + "%1: f64[3] = add %x, %y", "2:24: expected a value defined above"),
    (HEAD + "%1: f99[3] = add %x, %x", "2:7: expected a type such as `f64[3]`"),
    (HEAD + "%x: f64[3] = add %x, %x", "2:3: expected a name that is not taken"),
    (HEAD + "%1: f64[3] = add %x %x", "2:23: expected the end of the line"),
    (HEAD + "%1: f64[3] = add %x a=[1]", "2:25: expected a value but found `[`"),
    (HEAD + "%1: f64[3] = add %x a=@g", "2:25: expected a function defined above"),
    (HEAD + "%1: f64[3] = add %x a=1.5:", "2:25: expected an integer"),
    (HEAD + "%1: f64[3] = add %x a=", "2:25: expected a value but found the end"),
    (HEAD + "%1: f64[3] = const value=[1.0]", "the literal has shape (1,)"),
    (HEAD + "%1: i64[] = const value=1.5", "an element is no i64"),
    (HEAD + "%1: i8[] = const value=300", "2:26: expected an array of type i8[]"),
    (HEAD + '%1: f64[] = const value=bytes"a"', "expected a string of base64"),
    (HEAD + '%1: f64[] = const value=bytes"AA=="', "expected an array of type f64[]"),
    (HEAD + "%1: f64[2] = const value=[[1.0], 2.0]", "an array of type f64[2]"),
    (HEAD + "%1: f64[3] = add %x, %x\n", "3:1: expected"),
    (HEAD + "return %x", "2:12: expected the end of the line but found the end of"),
    (HEAD + "return %x\n} x", "3:3: expected the end of the line but found `x`"),
    (HEAD + 'print text="\\q"', "expected a string with JSON's escapes"),
    (HEAD + "print text='a'", "expected a value but found `'`"),
    ("func @f(%3: f64[], %03: f64[]) {", "expected a number that is not taken"),
]


@pytest.mark.parametrize(("text", "message"), ERRORS)
def test_errors_say_where_and_what(text, message):
    with pytest.raises(ParseError) as caught:
        parse(text, "f.tir")
    assert str(caught.value).startswith("f.tir:")
    assert message in str(caught.value)


def test_an_error_shows_the_line_with_a_caret():
    with pytest.raises(ParseError) as caught:
        parse(HEAD + "%1: f64[3] = add %x, %yy ; sum")
    assert str(caught.value) == dedent(
        """\
        <text>:2:24: expected a value defined above but found `%yy`
            %1: f64[3] = add %x, %yy ; sum
                                 ^^^"""
    )


def test_a_function_name_is_used_once():
    with pytest.raises(ParseError, match="a function name that is not taken"):
        parse("func @a() {\n  return\n}\nfunc @a() {\n  return\n}")


@given(st.text(alphabet='func @a%1:f64[]=(){}\n,;"add.-einv', max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_parses_or_is_a_parse_error(text):
    for source in (text, HEAD + text):
        with suppress(ParseError):
            parse(source)


def test_a_long_function_takes_linear_time():
    ops = "".join(
        f"  %{i}: f64[3] = add %{i - 1}, %{i - 1}\n" for i in range(1, 100_000)
    )
    text = f"func @f(%0: f64[3]) {{\n{ops}  return %99999\n}}"
    start = time.process_time()
    assert format_module(parse(text)) == text
    assert time.process_time() - start < 20
