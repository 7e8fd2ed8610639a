"""Bundle adjustment: the Jacobian of 10,000 reprojection errors."""

import numpy as np

from benchmarks.workloads.record import Workload

ROTATION, CENTRE, PRINCIPAL, RADIAL = slice(3), slice(3, 6), slice(7, 9), slice(9, 11)
FOCAL = 6
WRT = (0, 1, 2)


def rotated(r, x):
    """`x` turned around the axis `r` by its length, after Rodrigues."""
    angle = np.sqrt(r @ r)
    axis = r / angle
    along = axis * (axis @ x)
    return along + np.cos(angle) * (x - along) + np.sin(angle) * np.cross(axis, x)


def residual(camera, point, weight, seen):
    """Where a camera sees a point, against where it was seen: two numbers."""
    x, y, z = rotated(camera[ROTATION], point - camera[CENTRE])
    p = np.stack([x, y]) / z
    square = p @ p
    near, far = camera[RADIAL]
    p = p * (1.0 + near * square + far * square**2)
    return weight * (camera[FOCAL] * p + camera[PRINCIPAL] - seen)


def by_tapec(cameras, points, weights, seen):
    import tapec

    jacobian = tapec.jit(tapec.vmap(tapec.jacobian(residual, WRT)))
    return lambda: (0.0, jacobian(cameras, points, weights, seen))


def by_jax(*args):
    import jax

    from benchmarks.peers.rebind import rebound

    one = jax.jacrev(rebound(residual, np=jax.numpy), WRT)
    jacobian = jax.jit(jax.vmap(one))
    device = [jax.device_put(a) for a in args]
    return lambda: (0.0, jax.block_until_ready(jacobian(*device)))


def by_hand(cameras, points, weights, seen):
    """The chain rule, one matrix per step and observation."""

    def call():
        turned, by_rotation, by_point = rotation(
            cameras[:, ROTATION], points - cameras[:, CENTRE]
        )
        x, y, z = turned.T
        p = turned[:, :2] / z[:, None]
        zero = np.zeros_like(z)
        projected = np.array([[1 / z, zero, -x / z**2], [zero, 1 / z, -y / z**2]])
        square = np.sum(p * p, axis=1)
        near, far = cameras[:, RADIAL].T
        stretch = 1.0 + near * square + far * square**2
        slope = 2.0 * (near + 2.0 * far * square)
        stretched = stretch * np.eye(2)[..., None] + slope * p.T[:, None] * p.T[None]
        scale = weights * cameras[:, FOCAL]
        inner = scale * np.einsum("ijn,jkn->nik", stretched, projected).T
        q = p * stretch[:, None]
        by_camera = np.empty((len(points), 2, 11))
        by_camera[:, :, ROTATION] = np.einsum("kin,nkj->nij", inner, by_rotation)
        moved = np.einsum("kin,nkj->nij", inner, by_point)
        by_camera[:, :, CENTRE] = -moved
        by_camera[:, :, FOCAL] = weights[:, None] * q
        by_camera[:, :, PRINCIPAL] = weights[:, None, None] * np.eye(2)
        by_camera[:, :, 9] = (scale * square)[:, None] * p
        by_camera[:, :, 10] = (scale * square**2)[:, None] * p
        error = cameras[:, FOCAL, None] * q + cameras[:, PRINCIPAL] - seen
        return 0.0, (by_camera, moved, error)

    return call


def rotation(r, x):
    """The rotated vectors, and their derivatives by `r` and `x`."""
    angle = np.sqrt(np.sum(r * r, axis=1))[:, None]
    axis, eye = r / angle, np.eye(3)
    cos, sin = np.cos(angle), np.sin(angle)
    inner = np.sum(axis * x, axis=1)[:, None]
    across, crossed = np.cross(axis, x), x - axis * inner
    square = axis[:, :, None] * axis[:, None]
    rest = eye - square
    by_x = square + cos[..., None] * rest + sin[..., None] * crossing(axis)
    by_axis = (1.0 - cos)[..., None] * (
        axis[:, :, None] * x[:, None] + inner[..., None] * eye
    ) - sin[..., None] * crossing(x)
    by_angle = cos * across - sin * crossed
    by_r = by_angle[:, :, None] * axis[:, None] + by_axis @ rest / angle[..., None]
    return axis * inner + cos * crossed + sin * across, by_r, by_x


def crossing(a):
    """The matrices that give the cross products with `a`."""
    matrices = np.zeros((len(a), 3, 3))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        matrices[:, j, i], matrices[:, i, j] = a[:, k], -a[:, k]
    return matrices


def make(n=10_000):
    rng = np.random.default_rng(0)
    camera = np.array([0, 0, 0, 0, 0, -6, 500, 0, 0, 0, 0], float)
    spread = np.array([0.3] * 3 + [0.5] * 3 + [20.0] + [1.0] * 2 + [0.01] * 2)
    return (
        camera + spread * rng.normal(size=(n, 11)),
        rng.uniform(-1.0, 1.0, (n, 3)),
        rng.uniform(0.5, 1.5, n),
        rng.normal(size=(n, 2)),
    )


ba10k = Workload(
    name="ba10k",
    about="the Jacobian of 10,000 reprojection errors by camera, point and weight",
    function=residual,
    argnums=WRT,
    make=make,
    by_hand=by_hand,
    own={"tapec": by_tapec, "jax": by_jax},
)
