"""Loops whose further rounds nobody can know: right for every call all the same.

Each function has something on Python's side that changes with the number of rounds.
What a call gives must be what plain Python gives, after calls with more rounds and with
fewer.
"""

import itertools
import random

import numpy as np
import pytest

import tapec

STARTS = (60.0, 500.0, 3.0, 1.5, 9.0, 1e5, 0.5, 25.0, 130.0, 7.0)


def counter_read_afterwards(x):
    n = 0
    while x > 1.0:
        x = x / 2.0
        n += 1
    return x * n


def list_grows(x):
    seen = []
    while x > 1.0:
        seen.append(x)
        x = x / 2.0
    return x + len(seen)


def list_grows_and_is_summed(x):
    seen = []
    while x > 1.0:
        seen.append(x)
        x = x / 2.0
    return x + sum(seen)


def list_is_made_anew(x):
    seen = [x]
    while x > 1.0:
        x = x / 2.0
        seen = [*seen, x]
    return sum(seen)


def list_is_extended(x):
    seen = [x]
    while x > 1.0:
        x = x / 2.0
        seen += [x]
    return sum(seen)


def alias_of_a_list(x):
    seen = [0.0, 0.0]
    while x > 1.0:
        x = x / 2.0
        other = seen
        other += [1.0]
        other = x
    return x * len(seen)


def unseen_bound(x):
    for _ in range(7):
        if x < 1.0:
            break
        x = x / 2.0
    return x


def unseen_bound_that_is_long(x):
    steps = [2.0] * 9
    for step in steps:
        if x < 1.0:
            break
        x = x / step
    return x


def steps_differ_late(x):
    for step in [2.0] * 6 + [3.0] * 6:
        if x < 1.0:
            break
        x = x / step
    return x


def bound_in_the_condition(x):
    n = 0
    while x > 1.0 and n < 5:
        x = x / 2.0
        n += 1
    return x


def bound_before_the_condition(x):
    n = 7
    while n and x > 1.0:
        x = x / 2.0
        n -= 1
    return x


def bound_by_a_break(x):
    n = 0
    while x > 1.0:
        x = x / 2.0
        n += 1
        if n >= 6:
            break
    return x


def rest_of_the_last_round(x):
    y = x
    for _ in range(6):
        y = x / 2.0
        if y < 1.0:
            break
        x = y + 0.125
    return x + y


def other_rounds_later(x):
    n = 0
    while x > 1.0:
        x = x / 2.0 if n < 4 else x / 3.0
        n += 1
    return x


def every_other_round(x):
    odd = True
    while x > 1.0:
        x = x / 2.0 if odd else x / 3.0
        odd = not odd
    return x


def counter_in_arithmetic(x):
    n = 1
    while x > 1.0:
        x = x / (n + 1.0)
        n += 1
    return x


def index_advances(x):
    steps = np.linspace(2.0, 4.0, 32)
    n = 0
    while x > 1.0:
        x = x / steps[n]
        n += 1
    return x


class Counting:
    def __init__(self):
        self.n = 0

    def halve(self, x):
        self.n += 1
        return x / 2.0


def object_counts(x):
    c = Counting()
    while x > 1.0:
        x = c.halve(x)
    return x * c.n


def closure_counts(x):
    n = 0

    def halve(x):
        nonlocal n
        n += 1
        return x / 2.0

    while x > 1.0:
        x = halve(x)
    return x * n


def closure_reads_the_counter(x):
    n = 0

    def scaled(x):
        return x * n

    while x > 1.0:
        x = x / 2.0
        n = n + 1
    return scaled(x)


_calls = [0]


def count_call():
    _calls[0] += 1


def global_counts(x):
    _calls[0] = 0
    while x > 1.0:
        count_call()
        x = x / 2.0
    return x * _calls[0]


def iterator_runs_along(x):
    steps = iter([2.0] * 4 + [3.0] * 40)
    while x > 1.0:
        x = x / next(steps)
    return x


def generator_runs_along(x):
    steps = itertools.chain([2.0] * 4, itertools.repeat(3.0))
    while x > 1.0:
        for step in steps:
            x = x / step
            break
    return x


def dictionary_changes(x):
    d = {"n": 0}
    while x > 1.0:
        x = x / 2.0
        d["n"] = d["n"] + 1
    return x * d["n"]


def array_changes(x):
    n = np.zeros(1)
    while x > 1.0:
        x = x / 2.0
        n += 1
    return x * n[0]


def array_is_written(x):
    n = np.zeros(1)
    while x > 1.0:
        x = x / 2.0
        np.add(n, 1, n)
    return x * n[0]


def random_steps(x):
    r = random.Random(1)
    while x > 1.0:
        x = x / (2.0 if r.random() < 0.99 else 3.0)
    return x


def shift_register(x):
    a = b = c = d = x * 0.0
    while x > 1.0:
        a, b, c, d = b, c, d, x
        x = x / 2.0
    return a + 2 * b + 3 * c + 4 * d + 5 * x


def late_use_of_the_register(x):
    a = b = c = x * 0.0
    while x > 1.0:
        x = x / 2.0 + a * 0.001
        a, b, c = b, c, x
    return x


def names_part_late(x):
    y = x
    k = x * 0.0
    while x > 1.0:
        k = k + 1.0
        x = np.where(k > 4.0, x / 3.0, x / 2.0)
        y = np.where(k > 5.0, x, y)
    return x + y


def bound_first_in_the_loop(x):
    y = None
    while x > 1.0:
        y = x
        x = x / 2.0
    return x if y is None else x + y


def left_and_entered_again(x):
    n = 0
    for _ in [0, 0, 0]:
        n = 0
        while x > 1.0 and n < 3:
            x = x / 2.0
            n += 1
    return x


def hidden_budget(x):
    budget = 9
    for _ in [0] * 3:
        while budget % 4 and x > 1.0:
            x = x / 2.0
            budget -= 1
        budget -= 1
        x = x * 1.0
    return x


def two_ways_out(x):
    k = x * 0.0
    while x > 1.0 and k < 5.0:
        x = x / 2.0
        k = k + 1.0
    return x + k


def return_in_the_middle(x):
    n = 0
    while True:
        x = x / 2.0
        if x < 1.0:
            return x + n
        n += 1


def an_else(x):
    for _ in range(6):
        x = x / 2.0
        if x < 1.0:
            break
    else:
        x = x * 10.0
    return x


def with_a_try(x):
    n = 0
    while x > 1.0:
        try:
            n += 1
            x = x / 2.0
        finally:
            n += 1
    return x + n


def all_names(x):
    n = 0
    while x > 1.0:
        x = x / 2.0
        n += 1
    return x + locals()["n"]


def alias_outside(x):
    y = np.stack([x, x])
    first = y
    while x > 1.0:
        y[0] = y[0] / 2.0
        y = y * 1.0
        x = x / 2.0
    return np.sum(first) + np.sum(y)


def integer_from_the_trace(x):
    k = np.floor(x * 0.0).astype(int)
    total = 0
    while x > 1.0:
        x = x / 2.0
        k = k + 1
        total = total + k.item()
    return x + total


def chained(x):
    while 1.0 < x < 1e9:
        x = x / 2.0
    return x


def with_or(x):
    n = 0
    while x > 8.0 or n < 2:
        x = x / 2.0
        n += 1
    return x


FUNCTIONS = [
    f
    for f in list(globals().values())
    if getattr(f, "__module__", "") == __name__
    and getattr(getattr(f, "__code__", None), "co_varnames", ("",))[:1] == ("x",)
]


def plain(f, x):
    return float(f(np.float64(x)))


@pytest.mark.filterwarnings("ignore:.*versions were compiled")
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("order", [STARTS, STARTS[::-1]], ids=["long", "short"])
def test_python_decides(f, order):
    compiled = tapec.jit(f)
    for x in order:
        assert float(compiled(x)) == pytest.approx(plain(f, x), rel=1e-13), x
    assert float(compiled(order[0])) == pytest.approx(plain(f, order[0]), rel=1e-13)


@pytest.mark.filterwarnings("ignore:.*versions were compiled")
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_gradients(f):
    compiled = tapec.value_and_grad(f)
    for x in STARTS[:7]:
        value, slope = compiled(x)
        fresh = tapec.value_and_grad(lambda x: f(x))  # traced for this call alone
        assert value == pytest.approx(plain(f, x), rel=1e-13)
        assert slope == pytest.approx(fresh(x)[1], rel=1e-12)
        assert slope == pytest.approx(difference(f, x), rel=1e-5, abs=1e-9)


def difference(f, x):
    h = 1e-7 * x
    return (plain(f, x + h) - plain(f, x - h)) / (2 * h)


def test_vmap_of_a_loop_of_which_an_early_round_is_kept():
    with pytest.raises(tapec.TraceError, match="differs between the elements"):
        tapec.vmap(alias_outside)(np.array([60.0, 500.0, 3.0]))
    found = tapec.vmap(lambda x, y: alias_outside(x) * y, (None, 0))(60.0, np.arange(3))
    np.testing.assert_allclose(found, plain(alias_outside, 60.0) * np.arange(3))


def test_what_is_said_of_loops_that_stay():
    def why(f):
        (line,) = tapec.inspect(f, 60.0).why_not_rolled.splitlines()
        place, _, reason = line.partition(": the rounds that end here stay: ")
        assert place.startswith(f"{__file__}:")
        return reason

    assert why(counter_read_afterwards) == "n changes and may be read after the loop"
    assert why(closure_counts).endswith(": a nonlocal statement")
    assert why(object_counts).endswith(": an attribute is set")
    assert why(two_names_of_one_value) == "too few rounds tell what becomes of a, b"
    assert tapec.inspect(two_ways_out, 60.0).why_not_rolled == ""


def two_names_of_one_value(x):
    a = b = c = x * 0.0
    while x > 20.0:
        a, b, c = b, c, x
        x = x / 2.0
    return a + 2 * b + 3 * c


def test_what_is_said_of_versions():
    f = tapec.jit(unseen_bound_that_is_long)
    f(9.0)
    f(1e5)
    second = f.explain_retrace().splitlines()[1:]
    assert second[0] == "2. a loop ran for more rounds than were known, at"
    assert second[2].strip() == "if x < 1.0:"
    g = tapec.jit(guarded)
    g(60.0)
    g(5e3)
    second = g.explain_retrace().splitlines()[1:]
    assert second[0] == "2. another branch was taken in a round of a loop, at"
    assert second[2].strip() == "if x > 1e3:"


def guarded(x):
    while x > 1.0:
        if x > 1e3:
            x = x - 500.0
        x = x * 0.5
    return x
