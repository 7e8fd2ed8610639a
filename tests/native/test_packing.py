"""Layouts of the arena: nothing overlaps, little is wasted, long programs are fast."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapec.native.packing import Span, packed


def bound(spans):
    """The most bytes in use at once."""
    change = {}
    for span in spans:
        change[span.first] = change.get(span.first, 0) + span.size
        change[span.last + 1] = change.get(span.last + 1, 0) - span.size
    return max(itertools.accumulate(change[t] for t in sorted(change)), default=0)


def assert_apart(spans, offsets, total):
    for (a, i), (b, j) in itertools.combinations(zip(spans, offsets, strict=True), 2):
        together = a.first <= b.last and b.first <= a.last
        assert not together or i + a.size <= j or j + b.size <= i
    for span, offset in zip(spans, offsets, strict=True):
        assert offset >= 0
        assert offset + span.size <= total


SPANS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 12), st.integers(1, 9)).map(
        lambda row: Span(row[0], row[0] + row[1], row[2] * 64)
    ),
    max_size=60,
)


@given(SPANS)
def test_what_lives_at_the_same_time_lies_apart(spans):
    total, offsets = packed(spans)
    assert_apart(spans, offsets, total)
    assert total >= bound(spans)


def test_many_buffers_of_many_sizes():
    draw = random.Random(0)
    firsts = [draw.randint(0, 900) for _ in range(1200)]
    spans = [
        Span(t, t + draw.randint(0, 90), 64 * draw.choice([1, 1, 2, 9, 500]))
        for t in firsts
    ]
    total, offsets = packed(spans)
    assert_apart(spans, offsets, total)
    assert total <= 1.1 * bound(spans)


def perceptron(layers, batch=64):
    """Forward values live until the backward half has passed them."""
    draw = random.Random(layers)
    widths = [draw.choice([64, 128, 256, 512]) for _ in range(layers + 1)]
    end, spans = 6 * layers, []
    for i in range(layers):
        size, following = 8 * batch * widths[i], 8 * batch * widths[i + 1]
        late = end - 3 * i
        spans += [
            Span(3 * i, late - 1, size),
            Span(3 * i + 1, late, size),
            Span(3 * i + 1, 3 * i + 2, following),
            Span(late - 2, late + 1, size),
            Span(late - 1, late - 1, size),
            Span(late - 2, late - 1, 8 * widths[i] * widths[i + 1]),
        ]
    return spans


@pytest.mark.parametrize("layers", [1, 2, 3, 8, 40, 300])
def test_networks_waste_little(layers):
    spans = perceptron(layers)
    assert packed(spans)[0] <= 1.1 * bound(spans)


def test_a_long_program_of_numbers():
    """With a search among all buffers in use this takes minutes."""
    draw = random.Random(0)
    firsts = range(20_000)
    spans = [Span(t, t + draw.randint(0, 20_000), 64) for t in firsts]
    total, _ = packed(spans)
    assert total == bound(spans)
