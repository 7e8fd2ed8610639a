"""Programs of the kind that TensorFlow's guides about the gradient tape publish.

Only the import line differs from what one would write there.
"""

import numpy as np
import pytest

import tapec.tf as tf  # noqa: PLR0402  (the line that programs change)


def close(x, expected, rtol=1e-5, atol=1e-6):
    assert x is not None
    np.testing.assert_allclose(x.numpy(), expected, rtol=rtol, atol=atol)


# --- defaults ---------------------------------------------------------------------


def test_dtypes():
    assert tf.constant(3.0).dtype == tf.float32
    assert tf.constant(3).dtype == tf.int32
    assert tf.constant([1, 2.5]).dtype == tf.float32
    assert tf.constant(np.ones(2)).dtype == tf.float64
    assert tf.constant([np.float64(1.0)]).dtype == tf.float64
    assert tf.constant(True).dtype == tf.bool
    assert tf.constant(1, dtype=tf.float64).dtype == tf.float64
    assert tf.Variable(3.0).dtype == tf.float32
    assert tf.Variable([1, 2]).dtype == tf.int32
    assert tf.sqrt(4.0).dtype == tf.float32
    assert (tf.constant(1.0) * 2).dtype == tf.float32
    assert tf.add(1, 2).dtype == tf.int32
    assert tf.add(tf.constant(1.0, tf.float64), 2.0).dtype == tf.float64
    assert tf.zeros([2, 3]).dtype == tf.float32
    assert tf.range(3).dtype == tf.int32
    assert tf.range(0.0, 1.0, 0.25).dtype == tf.float32
    assert tf.linspace(0.0, 1.0, 5).dtype == tf.float32
    assert tf.reduce_sum(tf.constant([1, 2])).dtype == tf.int32
    assert tf.cast([1.7], tf.int32).numpy().tolist() == [1]


def test_constant_with_a_shape():
    assert tf.constant(2.0, shape=[2, 2]).numpy().tolist() == [[2.0, 2.0]] * 2
    assert tf.constant([1, 2, 3, 4], shape=(2, 2)).numpy().tolist() == [[1, 2], [3, 4]]


# --- automatic differentiation, first steps ---------------------------------------


def test_scalar():
    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = x**2
    dy_dx = tape.gradient(y, x)
    assert dy_dx.numpy() == 6.0
    assert dy_dx.dtype == tf.float32


def test_a_layer_with_weights():
    w = tf.Variable(tf.random.normal((3, 2)), name="w")
    b = tf.Variable(tf.zeros(2, dtype=tf.float32), name="b")
    x = [[1.0, 2.0, 3.0]]
    with tf.GradientTape(persistent=True) as tape:
        y = x @ w + b
        loss = tf.reduce_mean(y**2)
    dl_dw, dl_db = tape.gradient(loss, [w, b])
    assert dl_dw.shape == w.shape
    close(dl_db, y.numpy()[0])
    grad = tape.gradient(loss, {"w": w, "b": b})
    close(grad["b"], dl_db.numpy())
    close(grad["w"], np.outer([1.0, 2.0, 3.0], y.numpy()[0]))


def test_what_is_watched():
    x0 = tf.Variable(3.0, name="x0")
    x1 = tf.Variable(3.0, name="x1", trainable=False)
    x3 = tf.constant(3.0, name="x3")
    with tf.GradientTape() as tape:
        y = (x0**2) + (x1**2) + (x3**2)
    assert [v.name for v in tape.watched_variables()] == ["x0"]
    found = tape.gradient(y, [x0, x1, x3])
    assert found[0].numpy() == 6.0
    assert found[1] is None
    assert found[2].numpy() == 6.0  # None there, and the question most often asked


def test_watching_a_constant():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x**2
    assert tape.gradient(y, x).numpy() == 6.0


def test_watching_one_variable_only():
    x0, x1 = tf.Variable(0.0), tf.Variable(10.0)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x1)
        y0 = tf.math.sin(x0)
        y1 = tf.nn.softplus(x1)
        ys = tf.reduce_sum(y0 + y1)
    grad = tape.gradient(ys, {"x0": x0, "x1": x1})
    assert grad["x0"] is None
    close(grad["x1"], 0.9999546)


def test_intermediate_results():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    assert tape.gradient(z, y).numpy() == 18.0


def test_persistent():
    x = tf.constant([1, 3.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    assert tape.gradient(z, x).numpy().tolist() == [4.0, 108.0]
    assert tape.gradient(y, x).numpy().tolist() == [2.0, 6.0]
    del tape


def test_targets_that_are_not_scalar():
    x = tf.Variable(2.0)
    with tf.GradientTape(persistent=True) as tape:
        y0 = x**2
        y1 = 1 / x
    assert tape.gradient(y0, x).numpy() == 4.0
    assert tape.gradient(y1, x).numpy() == -0.25
    with tf.GradientTape() as tape:
        y0 = x**2
        y1 = 1 / x
    assert tape.gradient({"y0": y0, "y1": y1}, x).numpy() == 3.75
    with tf.GradientTape() as tape:
        y = x * [3.0, 4.0]
    assert tape.gradient(y, x).numpy() == 7.0


def test_sigmoid_of_a_range():
    x = tf.linspace(-10.0, 10.0, 200 + 1)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.nn.sigmoid(x)
    dy_dx = tape.gradient(y, x)
    assert dy_dx.dtype == tf.float32
    close(dy_dx, y.numpy() * (1 - y.numpy()))
    assert dy_dx.numpy().max() == 0.25


def test_control_flow():
    x = tf.constant(1.0)
    v0, v1 = tf.Variable(2.0), tf.Variable(2.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        if x > 0.0:
            result = v0
        else:
            result = v1**2
    dv0, dv1 = tape.gradient(result, [v0, v1])
    assert dv0.numpy() == 1.0
    assert dv1 is None


def test_unconnected():
    x, y = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape() as tape:
        z = y * y
    assert tape.gradient(z, x) is None
    a, b = tf.Variable([2.0, 2.0]), tf.Variable(3.0)
    with tf.GradientTape() as tape:
        z = b**2
    found = tape.gradient(z, a, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert found.numpy().tolist() == [0.0, 0.0]


def test_a_variable_replaced_by_a_tensor():
    x = tf.Variable(2.0)
    for _ in range(2):
        with tf.GradientTape() as tape:
            y = x + 1
        assert tape.gradient(y, x).numpy() == 1.0  # None there, the second time
        x = x + 1


def test_leaving_through_numpy():
    x = tf.Variable([[1.0, 2.0], [3.0, 4.0]], dtype=tf.float32)
    with tf.GradientTape() as tape:
        x2 = x**2
        y = np.mean(x2.numpy(), axis=0)
        y = tf.reduce_mean(y, axis=0)
    assert tape.gradient(y, x) is None
    with tf.GradientTape() as tape:
        y = tf.reduce_mean(np.mean(x**2, axis=0))
    close(tape.gradient(y, x), x.numpy() / 2)  # NumPy itself is recorded here


def test_an_integer():
    x = tf.constant(10)
    with tf.GradientTape() as tape, pytest.warns(UserWarning, match="int32"):
        tape.watch(x)
        y = x * x
    assert tape.gradient(y, x) is None


def test_state():
    x0, x1 = tf.Variable(3.0), tf.Variable(0.0)
    with tf.GradientTape() as tape:
        x1.assign_add(x0)
        y = x1**2
    assert y.numpy() == 9.0
    assert tape.gradient(y, x0) is None


# --- advanced ---------------------------------------------------------------------


def test_stop_recording():
    x, y = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape() as t:
        x_sq = x * x
        with t.stop_recording():
            y_sq = y * y
        z = x_sq + y_sq
    grad = t.gradient(z, {"x": x, "y": y})
    assert grad["x"].numpy() == 4.0
    assert grad["y"] is None


def test_reset():
    x, y = tf.Variable(2.0), tf.Variable(3.0)
    reset = True
    with tf.GradientTape() as t:
        y_sq = y * y
        if reset:
            t.reset()
        z = x * x + y_sq
    grad = t.gradient(z, {"x": x, "y": y})
    assert grad["x"].numpy() == 4.0
    assert grad["y"] is None


def test_stop_gradient():
    x, y = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape() as t:
        y_sq = y**2
        z = x**2 + tf.stop_gradient(y_sq)
    grad = t.gradient(z, {"x": x, "y": y})
    assert grad["x"].numpy() == 4.0
    assert grad["y"] is None


def test_clipping_by_a_custom_gradient():
    @tf.custom_gradient
    def clip_gradients(y):
        def backward(dy):
            return tf.clip_by_norm(dy, 0.5)

        return y, backward

    v = tf.Variable(2.0)
    with tf.GradientTape() as t:
        output = clip_gradients(v * v)
    assert t.gradient(output, v).numpy() == 2.0


def test_log1pexp():
    @tf.custom_gradient
    def log1pexp(x):
        e = tf.exp(x)

        def grad(upstream):
            return upstream * (1 - 1 / (1 + e))

        return tf.math.log(1 + e), grad

    x = tf.constant(100.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = log1pexp(x)
    assert tape.gradient(y, x).numpy() == 1.0


def test_several_tapes():
    x0, x1 = tf.constant(0.0), tf.constant(0.0)
    with tf.GradientTape() as tape0, tf.GradientTape() as tape1:
        tape0.watch(x0)
        tape1.watch(x1)
        y0 = tf.math.sin(x0)
        y1 = tf.nn.sigmoid(x1)
        ys = tf.reduce_sum(y0 + y1)
    assert tape0.gradient(ys, x0).numpy() == 1.0
    assert tape1.gradient(ys, x1).numpy() == 0.25


def test_higher_order():
    x = tf.Variable(1.0)
    with tf.GradientTape() as t2:
        with tf.GradientTape() as t1:
            y = x * x * x
        dy_dx = t1.gradient(y, x)
    d2y_dx2 = t2.gradient(dy_dx, x)
    assert (dy_dx.numpy(), d2y_dx2.numpy()) == (3.0, 6.0)


def test_jacobian_of_a_scalar_source():
    x = tf.linspace(-10.0, 10.0, 200 + 1)
    delta = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        y = tf.nn.sigmoid(x + delta)
    dy_dx = tape.jacobian(y, delta)
    assert dy_dx.shape == (201,)
    close(dy_dx, y.numpy() * (1 - y.numpy()))


class Dense(tf.Module):
    def __init__(self, features, units, activation=tf.nn.relu):
        super().__init__()
        scale = 1.0 / np.sqrt(features)
        self.kernel = tf.Variable(tf.random.normal([features, units], stddev=scale))
        self.bias = tf.Variable(tf.zeros([units]))
        self.activation = activation

    def __call__(self, x):
        return self.activation(tf.matmul(x, self.kernel) + self.bias)


def test_jacobian_of_a_layer():
    tf.random.set_seed(1)
    x = tf.random.normal([7, 5])
    layer = Dense(5, 10)
    with tf.GradientTape(persistent=True) as tape:
        y = layer(x)
    j = tape.jacobian(y, layer.kernel)
    assert j.shape == (7, 10, 5, 10)
    g = tape.gradient(y, layer.kernel)
    close(tf.reduce_sum(j, axis=[0, 1]), g.numpy(), rtol=1e-4)


def test_batch_jacobian():
    tf.random.set_seed(2)
    x = tf.random.normal([7, 5])
    layer1, layer2 = Dense(5, 8, tf.nn.elu), Dense(8, 6, tf.nn.elu)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = layer2(layer1(x))
    j = tape.jacobian(y, x)
    jb = tape.batch_jacobian(y, x)
    assert j.shape == (7, 6, 7, 5)
    assert jb.shape == (7, 6, 5)
    between = tf.einsum("bxby->bxy", j)
    close(jb, between.numpy())


def test_newton_step_with_a_hessian():
    x = tf.Variable([[0.5, -0.3]])
    with tf.GradientTape() as t2:
        with tf.GradientTape() as t1:
            loss = tf.reduce_mean(tf.math.cosh(x) + x**4)
        g = t1.gradient(loss, x)
    h = t2.jacobian(g, x)
    matrix = tf.reshape(h, [2, 2]) + 1e-6 * tf.eye(2)
    update = tf.linalg.solve(matrix, tf.reshape(g, [2, 1]))
    before = loss.numpy()
    x.assign_sub(tf.reshape(update, [1, 2]))
    after = tf.reduce_mean(tf.math.cosh(x) + x**4).numpy()
    assert after < before


def test_input_gradient_regularization():
    x = tf.random.normal([7, 5])
    layer = Dense(5, 3)
    with tf.GradientTape() as t2:
        with tf.GradientTape(watch_accessed_variables=False) as t1:
            t1.watch(x)
            y = layer(x)
            out = tf.reduce_sum(layer(x) ** 2)
        g1 = t1.gradient(out, x)
        g1_mag = tf.norm(g1)
    dg1_mag = t2.gradient(g1_mag, layer.trainable_variables)
    assert [g.shape for g in dg1_mag] == [(3,), (5, 3)]
    assert y.shape == (7, 3)


# --- a tape without `with`, loops, training -----------------------------------------


def test_a_tape_without_with():
    x = tf.constant(3.0)
    g = tf.GradientTape()
    g.watch(x)
    y = x * x
    assert g.gradient(y, x).numpy() == 6.0


def test_a_loop_over_a_value():
    def f(x, y):
        output = 1.0
        for i in range(y):
            if i > 1 and i < 5:
                output = tf.multiply(output, x)
        return output

    def grad(x, y):
        with tf.GradientTape() as t:
            t.watch(x)
            out = f(x, y)
        return t.gradient(out, x)

    x = tf.convert_to_tensor(2.0)
    assert [grad(x, n).numpy() for n in (6, 5, 4)] == [12.0, 12.0, 4.0]


def test_sum_then_square_of_ones():
    x = tf.ones((2, 2))
    with tf.GradientTape() as t:
        t.watch(x)
        y = tf.reduce_sum(x)
        z = tf.multiply(y, y)
    assert t.gradient(z, x).numpy().tolist() == [[8.0, 8.0], [8.0, 8.0]]


def test_linear_regression():
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=201).astype(np.float32))
    y = 3.0 * x + 2.0
    w, b = tf.Variable(5.0), tf.Variable(0.0)

    def train(learning_rate):
        with tf.GradientTape() as t:
            loss = tf.reduce_mean(tf.square(y - (w * x + b)))
        dw, db = t.gradient(loss, [w, b])
        w.assign_sub(learning_rate * dw)
        b.assign_sub(learning_rate * db)
        return loss

    losses = [float(train(0.1 * 0.99**k)) for k in range(100)]
    assert losses[-1] < 1e-6 < losses[0]
    close(w, 3.0, rtol=1e-3)
    close(b, 2.0, rtol=1e-3)


def test_training_under_function():
    x = tf.constant([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    labels = tf.constant([0, 1, 1, 0])
    tf.random.set_seed(5)
    layers = [Dense(2, 16, tf.tanh), Dense(16, 2, tf.identity)]
    variables = [v for layer in layers for v in layer.trainable_variables]

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            logits = layers[1](layers[0](x))
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(
                    labels=labels, logits=logits
                )
            )
        for v, g in zip(variables, tape.gradient(loss, variables), strict=True):
            v.assign_sub(0.5 * g)
        return loss

    losses = [float(step()) for _ in range(300)]
    assert losses[-1] < 0.05 < losses[0]
    logits = layers[1](layers[0](x))
    assert tf.argmax(logits, axis=1).numpy().tolist() == [0, 1, 1, 0]


# --- functions ----------------------------------------------------------------------


def gradient_of(f, *xs):
    xs = [tf.constant(x, dtype=tf.float64) for x in xs]
    with tf.GradientTape() as tape:
        y = f(*xs)
    return [g.numpy() for g in tape.gradient(y, xs)]


def test_relu_at_zero():
    (g,) = gradient_of(tf.nn.relu, [-1.0, 0.0, 2.0])
    assert g.tolist() == [0.0, 0.0, 1.0]
    (g,) = gradient_of(tf.nn.relu6, [-1.0, 0.0, 2.0, 6.0, 7.0])
    assert g.tolist() == [0.0, 0.0, 1.0, 0.0, 0.0]


SMOOTH = {
    "softmax": tf.nn.softmax,
    "log_softmax": tf.nn.log_softmax,
    "elu": tf.nn.elu,
    "selu": tf.nn.selu,
    "gelu": tf.nn.gelu,
    "gelu approximately": lambda x: tf.nn.gelu(x, approximate=True),
    "silu": tf.nn.silu,
    "softsign": tf.nn.softsign,
    "softplus": tf.nn.softplus,
    "leaky_relu": tf.nn.leaky_relu,
    "log_sigmoid": tf.math.log_sigmoid,
    "l2_normalize": lambda x: tf.nn.l2_normalize(x, axis=-1),
    "logsumexp": lambda x: tf.reduce_logsumexp(x, axis=1),
    "std": tf.math.reduce_std,
    "cumsum": lambda x: tf.cumsum(x, axis=1, exclusive=True, reverse=True),
    "cumprod": lambda x: tf.math.cumprod(x, axis=1, exclusive=True),
    "norm": lambda x: tf.norm(x, axis=1),
    "rsqrt": lambda x: tf.math.rsqrt(x * x + 1.0),
    "clip_by_global_norm": lambda x: tf.clip_by_global_norm([x], 1.0)[0][0],
    "pad": lambda x: tf.pad(x, [[1, 0], [0, 2]], constant_values=1.0) ** 2,
    "cross entropy": lambda x: tf.nn.softmax_cross_entropy_with_logits(
        labels=[[0.0, 0.3, 0.7]], logits=x
    ),
    "sparse": lambda x: tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=[2, 0], logits=x
    ),
    "binary": lambda x: tf.nn.sigmoid_cross_entropy_with_logits(labels=x * 0, logits=x),
    "moments": lambda x: tf.nn.moments(x, [0])[1],
    "gather": lambda x: tf.gather(x, [1, 0, 1], axis=1) ** 2,
    "gather batches": lambda x: tf.gather(x, [[0, 0], [2, 1]], batch_dims=1) ** 2,
    "gather_nd": lambda x: tf.gather_nd(x, [[0, 1], [1, 2]]) ** 2,
    "boolean_mask": lambda x: tf.boolean_mask(x, x > 0.0) ** 2,
    "split": lambda x: tf.split(x, [1, -1], axis=1)[1] ** 2,
    "concat": lambda x: tf.concat([x, x**2], 0),
    "stack": lambda x: tf.stack(tf.unstack(x, axis=1)[::-1]) ** 2,
    "where": lambda x: tf.where(x > 0.0, x**2, 0.0),
    "diag": lambda x: tf.linalg.diag(x) ** 2,
    "einsum": lambda x: tf.einsum("ij,kj->ik", x, x),
    "tensordot": lambda x: tf.tensordot(x, x, [[0], [0]]),
    "matvec": lambda x: tf.linalg.matvec(x, x[0]),
    "tile": lambda x: tf.tile(x, [2, 1]) ** 2,
    "sort": lambda x: tf.sort(x, direction="DESCENDING") * [1.0, 2.0, 3.0],
}


@pytest.mark.parametrize("name", SMOOTH)
def test_against_differences(name):
    f = SMOOTH[name]
    x = np.array([[0.3, -0.7, 1.1], [0.9, 0.2, -0.4]])
    (g,) = gradient_of(f, x)
    h = 1e-6
    for i in np.ndindex(x.shape):
        d = np.zeros_like(x)
        d[i] = h
        up, down = (f(tf.constant(v)).numpy().sum() for v in (x + d, x - d))
        assert g[i] == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-8)


def test_values():
    close(tf.eye(2), np.eye(2))
    close(tf.fill([2, 3], 9.0), np.full((2, 3), 9.0))
    close(tf.one_hot([0, 2], 3), [[1, 0, 0], [0, 0, 1]])
    close(tf.one_hot([1], 2, on_value=5.0, off_value=-1.0, axis=0), [[-1.0], [5.0]])
    assert tf.shape(tf.zeros([2, 3])).numpy().tolist() == [2, 3]
    assert (int(tf.size([1, 2, 3])), int(tf.rank([[1]]))) == (3, 2)
    assert tf.argsort([3, 1, 2], direction="DESCENDING").numpy().tolist() == [0, 2, 1]
    assert tf.argmax([[1, 5], [7, 2]]).numpy().tolist() == [1, 0]
    assert tf.where([True, False, True]).numpy().tolist() == [[0], [2]]
    close(tf.cumsum([1.0, 2.0, 3.0], exclusive=True), [0.0, 1.0, 3.0])
    close(tf.cumsum([1.0, 2.0, 3.0], reverse=True), [6.0, 5.0, 3.0])
    close(tf.math.divide_no_nan(1.0, 0.0), 0.0)
    close(tf.transpose([[1.0, 2.0]]), [[1.0], [2.0]])
    close(tf.reverse([1.0, 2.0], [0]), [2.0, 1.0])
    close(tf.squeeze(tf.expand_dims([1.0], 0)), 1.0)
    close(tf.broadcast_to([1.0], [2, 1]), [[1.0], [1.0]])
    close(tf.add_n([[1.0], [2.0]]), [3.0])
    s, u, v = tf.linalg.svd(tf.constant([[1.0, 2.0], [3.0, 4.0]]))
    close(u @ tf.linalg.diag(s) @ tf.transpose(v), [[1.0, 2.0], [3.0, 4.0]], rtol=1e-4)
    close(tf.convert_to_tensor([tf.constant(1.0), 2.0]), [1.0, 2.0])
    close(tf.cond(tf.constant(True), lambda: tf.ones(1), lambda: tf.zeros(1)), [1.0])
    close(tf.map_fn(lambda x: x * 2.0, [1.0, 2.0]), [2.0, 4.0])


def test_random():
    tf.random.set_seed(3)
    a = tf.random.normal([1000])
    b = tf.random.uniform([1000], 2.0, 3.0)
    tf.random.set_seed(3)
    np.testing.assert_array_equal(tf.random.normal([1000]).numpy(), a.numpy())
    assert a.dtype == tf.float32
    assert abs(a.numpy().mean()) < 0.2
    assert 2.0 <= b.numpy().min() <= b.numpy().max() < 3.0
    assert abs(tf.random.truncated_normal([1000]).numpy()).max() <= 2.0
    assert set(tf.random.uniform([50], 0, 3, tf.int32).numpy().tolist()) == {0, 1, 2}
    assert sorted(tf.random.shuffle([1, 2, 3]).numpy().tolist()) == [1, 2, 3]
    g = tf.random.Generator.from_seed(1)
    assert g.normal([3]).shape == g.uniform([3]).shape


def test_no_random_numbers_in_a_traced_function():
    with pytest.raises(TypeError, match="draw them outside and pass them in"):
        tf.function(lambda x: x + tf.random.normal([2]))(np.ones(2))


def test_modules():
    class Model(tf.Module):
        def __init__(self):
            super().__init__("model")
            self.layers = [Dense(2, 3), {"last": Dense(3, 1)}]
            self.steps = tf.Variable(0, trainable=False)
            self.again = self.layers[0]

    m = Model()
    assert m.name == "model"
    assert len(m.variables) == 5
    assert len(m.trainable_variables) == 4


def test_variables():
    v = tf.Variable(lambda: tf.ones([2]), name="v")
    v.assign_add([1.0, 2.0])
    close(v, [2.0, 3.0])
    assert isinstance(v.read_value(), tf.Tensor)
    assert tf.is_tensor(v) and not tf.is_tensor(np.ones(1))


def test_print(capsys):
    x = tf.constant([1.0, 2.0])
    tf.print("x:", x, sep=" ")
    with tf.GradientTape() as tape:
        y = x * 2.0
        tf.print("y", y)
    tape.gradient(y, x)
    tf.function(lambda x: tf.print("z", x, 3))(x)
    assert capsys.readouterr().out == "x: [1. 2.]\ny [2. 4.]\nz [1. 2.] 3\n"


def test_what_is_not_there_says_so():
    with pytest.raises(AttributeError, match=r"tapec\.tf has no keras"):
        tf.keras  # noqa: B018
