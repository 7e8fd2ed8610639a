"""A function that breaks an invariant is shown with the reason at the bad line."""

from textwrap import dedent

import numpy as np
import pytest

from tapec.errors import IRError
from tapec.ir import ArrayType, Function, Value
from tapec.primitive import PRIMITIVES
from tapec.text import parse
from tapec.verify import verify

F64 = ArrayType(np.float64)


def param(uid, name=""):
    return Value(None, (), (), F64, uid, name)


def negative(uid, *args, type=F64, attrs=()):
    return Value(PRIMITIVES["negative"], args, attrs, type, uid)


def complaint(fn, after=""):
    with pytest.raises(IRError) as caught:
        verify(fn, after)
    return str(caught.value)


def test_a_good_function_passes():
    verify(
        parse(
            """
            func @f(%x: f64[3], %y: f64[n,1]) {
              %2: f64[n,3] = add %x, %y
              %3: bool[] = const value=True
              check %3 expected=True
              return %2, %x, %2
            }"""
        )
    )


def test_the_bad_line_is_marked():
    fn = parse(
        """
        func @f(%x: f64[3], %y: f64[4]) {
          %2: f64[3] = negative %x
          %3: f64[3] = add %2, %y
          return %3
        }"""
    )
    reason = "ShapeError: add: shapes do not broadcast: f64[3] with f64[4]"
    assert complaint(fn, after="cse") == dedent(
        f"""\
        invalid IR after cse: {reason}
        func @f(%x: f64[3], %y: f64[4]) {{
          %2: f64[3] = negative %x
          %3: f64[3] = add %2, %y
        ;              ^^^ {reason}
          return %3
        }}"""
    )


def test_a_wrong_type():
    x = param(0)
    op = negative(1, x, type=ArrayType(np.float32))
    assert "the type should be f64[]" in complaint(Function("f", [x], [op], [op]))


def test_an_operand_from_nowhere():
    x, y = param(0), param(7, "y")
    op = negative(1, y)
    text = complaint(Function("f", [x], [op], [op]))
    assert "operand %y is not defined before" in text


def test_an_operand_defined_later():
    x = param(0)
    first = negative(1, x)
    second = negative(2, first)
    text = complaint(Function("f", [x], [second, first], [second]))
    assert "operand %1 is not defined before" in text


@pytest.mark.parametrize("twice", [True, False])
def test_defined_twice(twice):
    x = param(0)
    op = negative(1, x)
    other = op if twice else negative(1, op)
    assert "%1 is defined twice" in complaint(Function("f", [x], [op, other], [op]))


def test_parameters():
    x = param(0)
    assert "%0 is defined twice" in complaint(Function("f", [x, x], [], []))
    op = negative(1, x)
    assert "%1 is an op, not a param" in complaint(Function("f", [x, op], [], []))
    assert "is a parameter, not an op" in complaint(Function("f", [], [x], []))


def test_results():
    x = param(0)
    assert "%0 is not defined" in complaint(Function("f", [], [], [x]))
    fn = parse(
        """
        func @f(%x: bool[]) {
          check %x expected=True
          return %x
        }"""
    )
    assert "is an effect" in complaint(fn.with_(results=fn.ops))


def test_attributes_have_a_form_in_the_text():
    x = param(0)
    op = negative(1, x, attrs=(("axis", np.int64(0)),))
    text = complaint(Function("f", [x], [op], [op]))
    assert "attribute axis is a int64, for which the text has no form" in text
    op = negative(1, x, attrs=(("axis", 0), ("axis", 0)))
    assert "stands twice" in complaint(Function("f", [x], [op], [op]))


def test_an_attribute_the_rule_does_not_know():
    x = param(0)
    op = negative(1, x, attrs=(("axis", 0),))
    text = complaint(Function("f", [x], [op], [op]))
    assert "negative got an unexpected keyword argument 'axis'" in text


def test_bodies_are_verified():
    x = param(0)
    bad = Function("bad", [x], [], [param(3)])
    op = negative(1, x, attrs=(("body", bad),))
    with pytest.raises(IRError):
        verify(Function("f", [x], [op], [op]))


def test_a_long_function_is_shown_around_the_bad_line():
    x = param(0)
    ops = [negative(1, x)]
    for i in range(2, 1000):
        ops.append(negative(i, ops[-1]))
    ops[500] = negative(501, param(5000))
    text = complaint(Function("f", [x], ops, []))
    assert len(text.splitlines()) < 50
    assert "%501" in text and "func @f" in text and "ops" in text
