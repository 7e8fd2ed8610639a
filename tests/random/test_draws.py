"""Random numbers: what they are, and that every form of a program draws the same."""

import numpy as np
import pytest
from scipy import stats

import tapec
from tapec import random
from tapec.ops.random import threefry

KEY = random.key(42)
MANY = 20_000

DRAWS = {
    "bits": lambda k: random.bits(k, (3, 5)),
    "bits of 8": lambda k: random.bits(k, 7, np.uint8),
    "split": lambda k: random.split(k, 3),
    "fold_in": lambda k: random.fold_in(k, 17),
    "uniform": lambda k: random.uniform(k, (4, 3)),
    "uniform between": lambda k: random.uniform(k, low=-np.arange(3.0), high=2.0),
    "uniform f32": lambda k: random.uniform(k, (5,), dtype=np.float32),
    "uniform f16": lambda k: random.uniform(k, (5,), dtype=np.float16),
    "a number": lambda k: random.uniform(k),
    "nothing": lambda k: random.normal(k, (0, 3)),
    "normal": lambda k: random.normal(k, (4, 3), mean=1.0, std=np.arange(3.0)),
    "normal f32": lambda k: random.normal(k, (5,), dtype=np.float32),
    "truncated_normal": lambda k: random.truncated_normal(k, (9,), low=-0.5),
    "exponential": lambda k: random.exponential(k, (6,), scale=2.0),
    "gumbel": lambda k: random.gumbel(k, (6,), loc=1.0),
    "randint": lambda k: random.randint(k, -3, 8, (4, 4)),
    "randint of arrays": lambda k: random.randint(k, np.arange(3), np.arange(3) + 9),
    "bernoulli": lambda k: random.bernoulli(k, np.array([0.0, 0.5, 1.0])),
    "permutation": lambda k: random.permutation(k, 9),
    "permuted": lambda k: random.permutation(k, np.eye(4), axis=1),
    "categorical": lambda k: random.categorical(k, np.arange(8.0).reshape(2, 4)),
    "choice": lambda k: random.choice(k, np.arange(4.0) * 2, (3, 2)),
    "choice by p": lambda k: random.choice(k, 3, (8,), p=np.array([0.1, 0.2, 0.7])),
    "different": lambda k: random.choice(k, 9, (4,), replace=False),
}


def same(found, wanted):
    found = found.numpy() if isinstance(found, tapec.Tensor) else np.asarray(found)
    wanted = np.asarray(wanted)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    exact = wanted.dtype.kind != "f"
    rtol = 0 if exact else 8 * np.finfo(wanted.dtype).eps
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol)


@pytest.mark.parametrize(
    ("counter", "key", "wanted"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_known_answers(counter, key, wanted):
    """The vectors for threefry2x32 with 20 rounds that Random123 publishes."""
    words = [np.array([w], np.uint32) for w in (*key, *counter)]
    assert [int(x[0]) for x in threefry(*words)] == list(wanted)


def test_bits_are_encrypted_counters():
    key = np.uint64(0x0370734413198A2E)
    k0, k1 = (np.array([w], np.uint32) for w in (0x13198A2E, 0x03707344))
    for i, found in enumerate(random.bits(key, (5,))):
        zero, counter = np.zeros(1, np.uint32), np.array([i], np.uint32)
        low, high = (int(x[0]) for x in threefry(k0, k1, counter, zero))
        assert int(found) == low | high << 32
    assert random.bits(key, (5,), np.uint16)[3] == int(random.bits(key, (5,))[3]) >> 48


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_numbers_in_every_form(name):
    f = DRAWS[name]
    wanted = f(KEY)
    assert not isinstance(wanted, tapec.Tensor)
    same(f(KEY), wanted)
    same(f(tapec.constant(KEY)), wanted)
    same(tapec.jit(f)(KEY), wanted)
    same(tapec.jit(lambda: f(KEY))(), wanted)
    for _ in range(2):  # the second program is compiled
        with tapec.GradientTape():
            found = f(KEY)
        same(found, wanted)


@pytest.mark.parametrize("name", DRAWS)
def test_vmap_draws_for_each_key(name):
    f = DRAWS[name]
    keys = random.split(KEY, 3)
    same(tapec.vmap(f)(keys), np.stack([f(k) for k in keys]))
    shared = tapec.vmap(lambda x, k: x + f(k), in_axes=(0, None))
    x = np.zeros(2, f(KEY).dtype)
    same(shared(x, KEY), np.stack([f(KEY)] * 2))


def test_in_a_loop():
    def walk(key, steps):
        def step(x, i):
            x = x + random.normal(random.fold_in(key, i), (3,))
            return x, x[0]

        return tapec.scan(step, np.zeros(3), np.arange(steps))

    x = np.zeros(3)
    for i in range(6):
        x = x + random.normal(random.fold_in(KEY, i), (3,))
    same(tapec.jit(lambda k: walk(k, 6)[0])(KEY), x)

    def plain(key):
        total = 0.0
        for _ in range(5):
            key, now = random.split(key)
            total = total + random.uniform(now)
        return total

    same(tapec.jit(plain)(KEY), plain(KEY))


def test_keys_and_draws_differ():
    keys = [random.key(0), random.key(1), random.key(-1), *random.split(random.key(0))]
    keys += [random.fold_in(random.key(0), i) for i in (0, 1, -1)]
    keys += [*random.bits(random.key(0), (3,))]
    assert len(set(map(int, keys))) == len(keys)
    assert tapec.jit(random.key)(7) == random.key(7)
    assert tapec.jit(random.key)(-7) == random.key(-7)


def test_equal_draws_are_merged_and_others_not():
    f = tapec.jit(
        lambda k: random.uniform(k, (3,)) + random.uniform(k, (3,))
        - random.uniform(random.fold_in(k, 1), (3,))
    )  # fmt: skip
    text = str(f.inspect(KEY).stage("optimized"))
    assert text.count("random_bits") == 3


def test_draws_are_native_and_fused():
    f = tapec.jit(lambda k, x: np.sum(x * random.normal(k, (100,))))
    program = f.inspect(KEY, np.ones(100)).program
    assert [step.kind for step in program.steps] == ["kernel"]


# --- distributions --------------------------------------------------------------------


DISTRIBUTIONS = {
    "uniform": (lambda k: random.uniform(k, MANY, 1.0, 3.0), stats.uniform(1, 2)),
    "normal": (lambda k: random.normal(k, MANY, 1.0, 2.0), stats.norm(1, 2)),
    "normal f32": (
        lambda k: random.normal(k, MANY, dtype=np.float32), stats.norm(),
    ),
    "truncated": (
        lambda k: random.truncated_normal(k, MANY, -1.0, 2.0), stats.truncnorm(-1, 2),
    ),
    "upper tail": (
        lambda k: random.truncated_normal(k, MANY, 9.0, 12.0), stats.truncnorm(9, 12),
    ),
    "exponential": (lambda k: random.exponential(k, MANY, 2.0), stats.expon(0, 2)),
    "gumbel": (lambda k: random.gumbel(k, MANY, 1.0, 2.0), stats.gumbel_r(1, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_continuous_distributions(name):
    draw, distribution = DISTRIBUTIONS[name]
    assert stats.kstest(draw(KEY), distribution.cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("draw", "probabilities"),
    [
        (lambda k: random.randint(k, 0, 5, MANY), np.full(5, 0.2)),
        (lambda k: random.bernoulli(k, 0.3, MANY).astype(int), [0.7, 0.3]),
        (lambda k: random.choice(k, 4, MANY), np.full(4, 0.25)),
        (
            lambda k: random.choice(k, 3, MANY, p=np.array([0.2, 0.5, 0.3])),
            [0.2, 0.5, 0.3],
        ),
        (
            lambda k: random.categorical(k, np.log([0.2, 0.5, 0.3]), shape=MANY),
            [0.2, 0.5, 0.3],
        ),
        (lambda k: random.bits(k, MANY, np.uint8) & 3, np.full(4, 0.25)),
        (lambda k: random.bits(k, MANY) % np.uint64(4), np.full(4, 0.25)),
    ],
)
def test_discrete_distributions(draw, probabilities):
    found = np.bincount(np.asarray(draw(KEY)).astype(int), minlength=len(probabilities))
    expected = np.asarray(probabilities) * MANY
    assert stats.chisquare(found, expected).pvalue > 1e-3


def test_without_replacement_by_weight():
    p = np.array([0.5, 0.25, 0.25, 0.0])
    draws = [random.choice(k, 4, 2, replace=False, p=p) for k in random.split(KEY, 800)]
    assert all(len(set(d.tolist())) == 2 and 3 not in d for d in draws)
    first = np.bincount([d[0] for d in draws], minlength=4)[:3]
    assert stats.chisquare(first, p[:3] * 800).pvalue > 1e-3


def test_large_ranges():
    info = np.iinfo(np.int64)
    x = random.randint(KEY, info.min, info.max, MANY)
    assert stats.kstest(x / 2.0**63, stats.uniform(-1, 2).cdf).pvalue > 1e-3
    same(tapec.jit(lambda k: random.randint(k, info.min, info.max, MANY))(KEY), x)
    bounds = np.array(info.min), np.array(info.max)
    same(tapec.jit(lambda k, a, b: random.randint(k, a, b, MANY))(KEY, *bounds), x)
    small = random.randint(KEY, 0, 10, 50)
    same(random.randint(KEY, np.int64(0), np.array(10), 50), small)
    assert random.randint(KEY, 0, 1 << 63, dtype=np.uint64).dtype == np.uint64


# --- derivatives ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "draw",
    [
        lambda a, b: random.uniform(KEY, (5,), a, a + b),
        lambda a, b: random.normal(KEY, (5,), a, b),
        lambda a, b: random.truncated_normal(KEY, (5,), -b, b + 1.0, a, b),
        lambda a, b: random.truncated_normal(KEY, (5,), b + 2.0, b + 3.0),
        lambda a, b: random.exponential(KEY, (5,), b),
        lambda a, b: random.gumbel(KEY, (5,), a, b),
    ],
)
def test_parameters_have_gradients(draw):
    tapec.check_grads(lambda a, b: np.sum(np.sin(draw(a, b))), (0.3, 1.7))


def test_a_sample_is_the_path():
    z = random.normal(KEY, (4,))
    f = tapec.grad(lambda m, s: np.sum(random.normal(KEY, (4,), m, s) ** 2), (0, 1))
    m, s = f(np.ones(4), 2.0)
    same(m, 2 * (1 + 2 * z))
    np.testing.assert_allclose(s, np.sum(2 * (1 + 2 * z) * z))
    assert tapec.grad(lambda a: np.sum(random.choice(KEY, a, 7)))(np.ones(3)).sum() == 7


def test_dtypes_of_results():
    std = np.ones(3)
    assert random.normal(KEY, std=std, dtype=np.float32).dtype == np.float32
    assert random.uniform(KEY, high=np.float32(2)).dtype == np.float64
    assert random.randint(KEY, 0, 3, 2, np.int8).dtype == np.int8


# --- errors ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "error", "text"),
    [
        (lambda: random.normal(0), tapec.DTypeError, r"made by tapec.random.key.*int"),
        (lambda: random.bits(np.zeros(2, np.uint64)), tapec.ShapeError, "tapec.vmap"),
        (lambda: random.key(1.5), tapec.DTypeError, "the seed must be one integer"),
        (lambda: random.key(1 << 64), ValueError, "more than 64 bits"),
        (lambda: random.bits(KEY, 2, int), tapec.DTypeError, "no unsigned integer"),
        (lambda: random.uniform(KEY, 2, dtype=int), tapec.DTypeError, "no real float"),
        (
            lambda: random.normal(KEY, 2, np.ones(3)),
            tapec.ShapeError,
            "do not broadcast",
        ),
        (lambda: random.normal(KEY, (), np.ones(3)), tapec.ShapeError, r"shape=\(\)"),
        (lambda: random.randint(KEY, 3, 3), ValueError, "no integer between low=3"),
        (lambda: random.randint(KEY, 0.5, 3), tapec.DTypeError, "bounds are integers"),
        (lambda: random.bernoulli(KEY, np.ones(3), ()), tapec.ShapeError, "p of shape"),
        (lambda: random.choice(KEY, 3, 4, False), ValueError, "4 entries of 3"),
        (
            lambda: random.categorical(KEY, np.ones((2, 3)), shape=(3,)),
            tapec.ShapeError,
            r"does not end in \(2,\)",
        ),
    ],
)
def test_errors(draw, error, text):
    with pytest.raises(error, match=text):
        draw()
