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


def by_drjit(cameras, points, weights, seen):
    """In reverse, once for each of the two numbers; frozen, to leave Python out."""
    import drjit as dr
    from drjit.llvm.ad import Array2f64, Array3f64, Float64

    def residual(camera, point, weight, seen):
        r, centre = Array3f64(*camera[ROTATION]), Array3f64(*camera[CENTRE])
        x, angle = Array3f64(*point) - centre, dr.sqrt(dr.dot(r, r))
        axis = r / angle
        along = axis * dr.dot(axis, x)
        across = dr.sin(angle) * dr.cross(axis, x)
        turned = along + dr.cos(angle) * (x - along) + across
        p = Array2f64(turned.x, turned.y) / turned.z
        square = dr.dot(p, p)
        near, far = camera[RADIAL]
        p = p * (1.0 + near * square + far * square**2)
        principal = Array2f64(*camera[PRINCIPAL])
        return weight * (camera[FOCAL] * p + principal - Array2f64(*seen))

    @dr.freeze
    def jacobian(leaves, seen):
        leaves = [Float64(leaf) for leaf in leaves]
        dr.enable_grad(leaves)
        rows = []
        for number in residual(leaves[:11], leaves[11:14], leaves[14], seen):
            for leaf in leaves:
                dr.set_grad(leaf, 0.0)
            dr.backward_from(number, flags=dr.ADFlag.ClearInterior)
            rows.append([dr.detach(dr.grad(leaf)) for leaf in leaves])
        dr.eval(rows)
        return rows

    columns = np.column_stack([cameras, points, weights]).T
    leaves, wanted = ([Float64(c) for c in a.copy()] for a in (columns, seen.T))
    shape = 2, len(columns), len(points)

    def call():
        rows = jacobian(leaves, wanted)
        dr.sync_thread()
        return 0.0, Columns(rows, shape)

    return call


class Columns:
    """The Jacobian's columns; by camera, point and weight when it is looked at."""

    def __init__(self, rows, shape):
        self.rows, self.shape = rows, shape

    def __iter__(self):
        flat = [np.array(column) for row in self.rows for column in row]
        full = [np.broadcast_to(column, self.shape[2:]) for column in flat]
        matrix = np.moveaxis(np.reshape(full, self.shape), 2, 0)
        return iter((matrix[..., :11], matrix[..., 11:14], matrix[..., 14]))


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
    own={"tapec": by_tapec, "jax": by_jax, "drjit": by_drjit},
)
