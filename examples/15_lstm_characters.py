"""An LSTM that learns a rhyme, letter by letter: plain loops over layers and letters.

python examples/15_lstm_characters.py

Tracing unrolls both loops; the one over the letters becomes a native loop again.
"""

import numpy as np

import tapec

TEXT = """\
the tape runs on, the tape runs back,
it leaves a number at each track;
and where the forward numbers go
the backward numbers follow slow.
a loop goes round, a branch goes through,
the tape remembers both for you;
and when the last of them is read
the slope of all comes out instead.
"""

LETTERS = sorted(set(TEXT))
CODES = np.array([LETTERS.index(letter) for letter in TEXT])
ONE_HOT = np.eye(len(LETTERS))
LAYERS, SIZE, LENGTH = 2, 48, 40

rng = np.random.default_rng(0)
weights = {}
for i in range(LAYERS):
    inputs = SIZE + (SIZE if i else len(LETTERS))
    weights[f"w{i}"] = rng.standard_normal((inputs, 4 * SIZE)) / np.sqrt(inputs)
    weights[f"b{i}"] = np.repeat([0.0, 1.0, 0.0, 0.0], SIZE)  # remember at first
weights["w"] = rng.standard_normal((SIZE, len(LETTERS))) / np.sqrt(SIZE)
weights["b"] = np.zeros(len(LETTERS))


def sigmoid(x):
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def advance(weights, states, x):
    """One letter through all layers: the new states, a score for each next letter."""
    after = []
    for i, (h, c) in enumerate(states):
        z = np.concatenate([x, h], axis=-1) @ weights[f"w{i}"] + weights[f"b{i}"]
        enter, keep, leave, new = np.split(z, 4, axis=-1)
        c = sigmoid(keep) * c + sigmoid(enter) * np.tanh(new)
        x = sigmoid(leave) * np.tanh(c)
        after.append((x, c))
    return after, x @ weights["w"] + weights["b"]


def rest(batch):
    return [(np.zeros((batch, SIZE)), np.zeros((batch, SIZE)))] * LAYERS


@tapec.value_and_grad
def loss(weights, x, y):
    """Mean surprise at the next letter; x and y are letters x examples x one-hot."""
    states, total = rest(x.shape[1]), 0.0
    for t in range(LENGTH):
        states, scores = advance(weights, states, x[t])
        top = np.max(scores, axis=-1, keepdims=True)
        chance = scores - top - np.log(np.sum(np.exp(scores - top), -1, keepdims=True))
        total = total - np.sum(chance * y[t])
    return total / (LENGTH * x.shape[1])


mean, square = ({name: 0.0 * w for name, w in weights.items()} for _ in range(2))
for step in range(1, 401):
    first = rng.integers(0, len(CODES) - LENGTH, 16)
    window = ONE_HOT[CODES[first + np.arange(LENGTH + 1)[:, None]]]
    value, slope = loss(weights, window[:-1], window[1:])
    if step == 1 or step % 100 == 0:
        print(f"step {step:>3}   loss {value:.3f}")
    for name, g in slope.items():  # Adam
        mean[name] += 0.1 * (g - mean[name])
        square[name] += 0.01 * (g * g - square[name])
        m, s = mean[name] / (1 - 0.9**step), square[name] / (1 - 0.99**step)
        weights[name] = weights[name] - 0.01 * m / (np.sqrt(s) + 1e-8)
print("compiled", len(loss.signatures), "time")

written, states = "the tape r", rest(1)
for t in range(103):
    states, scores = advance(weights, states, ONE_HOT[[LETTERS.index(written[t])]])
    if t + 1 == len(written):
        written += LETTERS[int(np.argmax(scores))]
print("continued from its first ten letters:", written, sep="\n")
