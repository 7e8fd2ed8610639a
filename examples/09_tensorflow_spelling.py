"""TensorFlow's spelling: code from a tutorial runs after changing its import line.

python examples/09_tensorflow_spelling.py
"""

import tapec.tf as tf

x = tf.Variable(3.0)
with tf.GradientTape() as tape:
    y = x**2
print("dy/dx", tape.gradient(y, x).numpy())

w = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], name="w")
b = tf.Variable(tf.zeros(2, dtype=tf.float32), name="b")
x = [[1.0, 2.0, 3.0]]
with tf.GradientTape(persistent=True) as tape:
    y = x @ w + b
    loss = tf.reduce_mean(y**2)
dl_dw, dl_db = tape.gradient(loss, [w, b])
print("shapes", w.shape, dl_dw.shape)
print("dl/db", dl_db.numpy())

# There, a constant must be watched; here it need not be.
x = tf.constant(2.0)
with tf.GradientTape() as tape:
    y = tf.exp(x)
print("dy/dx", tape.gradient(y, x).numpy())
