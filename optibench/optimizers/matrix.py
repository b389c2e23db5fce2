"""Rules that see each block as a matrix, (R, rows, columns): its rows and columns, not its entries, are scaled."""

from __future__ import annotations

from math import inf

from numpy import argsort, eye, finfo, maximum, minimum, sqrt, take_along_axis, where
from numpy.linalg import eigh, qr

from optibench.optimizers.blocks import by_block, matrices, with_shapes, zeros
from optibench.optimizers.norms import norm
from optibench.optimizers.spaces import ADAM, BETAS, DECAY, LR
from optibench.plugin.optimizer import optimizer


def deep(column, part):
    """A hyperparameter's column in a shape that broadcasts over a part."""
    return column.reshape(len(column), *[1] * (part.ndim - 1))


def turned(a):
    """The transpose of each run's matrix."""
    return a.swapaxes(1, 2)


def row_blocks(blocks):
    return with_shapes(blocks, lambda *shape: (shape[0], 1))


def column_blocks(blocks):
    return with_shapes(blocks, lambda *shape: (1, *shape[1:]) if len(shape) > 1 else (1, 1))


@optimizer(
    parent="rmsprop",
    formula=r"V_t = \frac{r_t c_t^\top}{\operatorname{mean} r_t}, \quad U_t = G_t / \sqrt{V_t}, \quad W_t = W_{t-1} - "
    r"\min(\eta, 1/\sqrt t)\, \max(\epsilon_2, \operatorname{rms} W_{t-1})\, U_t / \max(1, \operatorname{rms} U_t / d)",
    reference="Shazeer and Stern 2018, arXiv:1804.04235, Algorithm 4-5",
    space={"lr": (1e-4, 1.0, "log"), **DECAY},
    ranges={"beta2_decay": (-inf, 0), "eps2": (0, inf), "d": (0, inf)},
    coordinatewise=False,
)
def adafactor(
    w, g, t, blocks,
    row=lambda w, blocks: zeros(row_blocks(blocks), w), column=lambda w, blocks: zeros(column_blocks(blocks), w), *,
    lr=1e-2, beta2_decay=-0.8, eps2=1e-3, d=1.0, weight_decay=0.0,
):  # fmt: skip
    """RMSProp that keeps row and column means. Shazeer and Stern 2018, as PyTorch: Optax and others add momentum."""
    new, tiny = 1.0 * t**beta2_decay, finfo(w.dtype).eps

    def update(w, g, row, column):
        matrix, each = g.reshape(*g.shape[:2], -1), lambda value: deep(value, g)
        row = row + deep(new, row) * ((matrix**2).mean(axis=2, keepdims=True) - row)
        column = column + deep(new, column) * ((matrix**2).mean(axis=1, keepdims=True) - column)
        v = maximum(row * column / maximum(row.mean(axis=1, keepdims=True), tiny), tiny**2).reshape(g.shape)
        u, size = g / sqrt(v), sqrt(g[0].size)
        alpha = maximum(each(eps2), norm(w) / size) * minimum(each(lr), 1 / sqrt(t))
        w = (1 - each(lr) * each(weight_decay)) * w - alpha / maximum(1, norm(u) / (size * each(d))) * u
        return w.astype(g.dtype), row, column

    blocks, rows, columns = matrices(blocks), row_blocks(blocks), column_blocks(blocks)
    return by_block(update, (blocks, w), (blocks, g), (rows, row), (columns, column))


def orthogonal(g, steps=5, eps=1e-8):
    """G's nearest orthogonal matrix, roughly: five quintic Newton-Schulz steps on G / |G|."""
    x = g if g.shape[1] <= g.shape[2] else turned(g)
    x = x / (norm(x) + eps)
    for _ in range(steps):
        a = x @ turned(x)
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x if g.shape[1] <= g.shape[2] else turned(x)


@optimizer(
    parent="nesterov",
    formula=r"M_t = \mu M_{t-1} + (1 - \mu)\, G_t, "
    r"\quad W_t = (1 - \eta\lambda)\, W_{t-1} - \eta \sqrt{\max(1, n / m)}\, \operatorname{NS}_5(\hat M_t)",
    reference="Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/",
    space={"lr": (1e-4, 1.0, "log"), "momentum": (0.8, 0.99, "1 - log"), **BETAS, **DECAY},
)
def muon(
    w, g, t, blocks, m=0, v=0, *,
    lr=2e-2, momentum=0.95, nesterov=True, weight_decay=0.0, beta1=0.9, beta2=0.999, eps=1e-8,
):  # fmt: skip
    """Orthogonalised momentum; vectors by (N)AdamW. Jordan et al. 2024, as Optax: PyTorch orthogonalises in bfloat16.

    With nesterov vectors look ahead too, by Dozat's formula at a constant beta1; PyTorch's Muon takes matrices only.
    """

    def update(w, g, m, v):
        vector = g.ndim == 2
        rate, mu, decay = (deep(value, g) for value in (lr, beta1 if vector else momentum, weight_decay))
        m = mu * m + (1 - mu) * g
        ahead = mu * m / (1 - mu ** (t + 1)) + (1 - mu) * g / (1 - mu**t) if nesterov else m / (1 - mu**t)
        if vector:
            v = beta2 * v + (1 - beta2) * g**2
            step = ahead / (sqrt(v / (1 - beta2**t)) + eps)
        else:
            step = max(1.0, g.shape[2] / g.shape[1]) ** 0.5 * orthogonal(ahead, eps=deep(eps, g))
        return (1 - rate * decay) * w - rate * step, m, v

    blocks = matrices(blocks)
    return by_block(update, *((blocks, array) for array in (w, g, m, v)))


def left_blocks(blocks):
    """A square matrix for the rows of each block; of a vector too."""
    return with_shapes(blocks, lambda *shape: (shape[0], shape[0]))


def right_blocks(blocks):
    """A square matrix for the columns of each block; a single number for a vector."""
    return with_shapes(blocks, lambda *shape: (shape[-1], shape[-1]) if len(shape) > 1 else (1, 1))


def scaled_identity(squares, w, scale):
    """scale I in every square block, flat, (R, numbers)."""
    (flat,) = by_block(
        lambda part: (part + deep(scale, part) * eye(part.shape[1], dtype=w.dtype),), (squares, zeros(squares, w))
    )
    return flat


def power(a, exponent, least):
    """a to a power, for symmetric matrices whose eigenvalues are ``least`` at least, but for rounding."""
    values, vectors = eigh(a)
    return (vectors * maximum(values, least)[:, None, :] ** exponent) @ turned(vectors)


@optimizer(
    parent="adagrad",
    formula=r"L_t = L_{t-1} + G_t G_t^\top, \quad R_t = R_{t-1} + G_t^\top G_t, "
    r"\quad W_t = W_{t-1} - \eta\, L_t^{-1/4} G_t R_t^{-1/4}",
    reference="Gupta et al. 2018, arXiv:1802.09568, Algorithm 1",
    space={**LR, "matrix_eps": (1e-8, 1e-2, "log")},
    ranges={"matrix_eps": (0, inf)},
)
def shampoo(
    w, g, blocks,
    left=lambda w, blocks, matrix_eps: scaled_identity(left_blocks(blocks), w, matrix_eps),
    right=lambda w, blocks, matrix_eps: scaled_identity(right_blocks(blocks), w, matrix_eps), *,
    lr=1e-1, matrix_eps=1e-6,
):  # fmt: skip
    """AdaGrad by rows and by columns. Gupta et al. 2018, Algorithm 1; a vector has one matrix, to the power -1/2."""

    def update(w, g, left, right):
        rate = deep(lr, g)
        if g.ndim == 2:
            left = left + g[:, :, None] * g[:, None, :]
            return w - rate * (power(left, -1 / 2, matrix_eps) @ g[:, :, None])[:, :, 0], left, right
        left, right = left + g @ turned(g), right + turned(g) @ g
        return w - rate * power(left, -1 / 4, matrix_eps) @ g @ power(right, -1 / 4, matrix_eps), left, right

    lefts, rights, blocks = left_blocks(blocks), right_blocks(blocks), matrices(blocks)
    return by_block(update, (blocks, w), (blocks, g), (lefts, left), (rights, right))


def left_zeros(w, blocks):
    return zeros(left_blocks(blocks), w)


def right_zeros(w, blocks):
    return zeros(right_blocks(blocks), w)


def eigenvectors(a):
    """In columns, the largest eigenvalue first."""
    return eigh(a)[1][..., ::-1]


def unturned(a):
    """Its own basis for each run's vector."""
    return 0 * a + eye(a.shape[1], dtype=a.dtype)


def refreshed(now, v, left, right, rows, columns):
    """Where it is due, v and the bases after one power iteration on the eigenvectors, sorted by eigenvalue."""
    if not now.any():
        return v, rows, columns
    bases = []
    for axis, (a, basis) in enumerate(((left, rows), (right, columns)), start=1):
        product = a @ basis
        order = argsort(-(basis * product).sum(axis=1), axis=-1, kind="stable")
        v = where(now, take_along_axis(v, order[:, :, None] if axis == 1 else order[:, None, :], axis=axis), v)
        bases.append(where(now, qr(take_along_axis(product, order[:, None, :], axis=2))[0], basis))
    return v, *bases


@optimizer(
    parent="shampoo",
    formula=r"L_t = \beta_2 L_{t-1} + (1 - \beta_2)\, G_t G_t^\top = Q_L \Lambda Q_L^\top, \ldots, "
    r"\quad W_t = W_{t-1} - \eta\, Q_L \operatorname{Adam}(Q_L^\top G_t Q_R)\, Q_R^\top",
    reference="Vyas et al. 2024, arXiv:2409.11321, Algorithm 3",
    space={**ADAM, **DECAY},
    ranges={"frequency": (1, inf)},
)
def soap(
    w, g, t, blocks, m=0, v=0,
    left=left_zeros, right=right_zeros, rows=left_zeros, columns=right_zeros, *,
    lr=3e-3, beta1=0.95, beta2=0.95, eps=1e-8, weight_decay=0.0, frequency=10.0,
):  # fmt: skip
    """Adam in the eigenbasis of Shampoo. Vyas et al. 2024, Algorithm 3; the first gradient makes the basis, no step.

    As in the authors' loop a vector keeps its own basis, and a matrix of one column does not. The signs of the
    eigenvectors, from `eigh` or QR, cancel, and so does their order, as v is sorted along. What decides is the null
    space of a statistic, as after the first gradient of a matrix that is not square. In two dimensions or more its
    basis is LAPACK's choice, of `eigh` at first and of QR while it lasts, and implementations differ from the third
    point on. In any null space Adam divides rounding by rounding, which only a larger eps hides: the traces have 1e-2.
    """
    due = (t - 1) % frequency == 0

    def update(w, g, m, v, left, right, rows, columns):
        matrix, basis = (True, eigenvectors) if g.ndim > 2 else (False, unturned)
        w, g, m, v = (a.reshape(*a.shape[:2], -1) for a in (w, g, m, v))  # a vector as one column
        rate, b1, b2, decay, tiny, now = (deep(a, g) for a in (lr, beta1, beta2, weight_decay, eps, due))
        left = b2 * left + (1 - b2) * g @ turned(g)
        right = b2 * right + (1 - b2) * turned(g) @ g
        if t == 1:
            return w, m, v, left, right, basis(left), basis(right)
        m = b1 * m + (1 - b1) * g
        seen, mean = (turned(rows) @ a @ columns for a in (g, m))
        v = b2 * v + (1 - b2) * seen**2
        step = rows @ (mean / (sqrt(v) + tiny)) @ turned(columns)
        w = (1 - rate * decay) * (w - rate * sqrt(1 - b2 ** (t - 1)) / (1 - b1 ** (t - 1)) * step)
        v, rows, columns = refreshed(now & matrix, v, left, right, rows, columns)
        return w, m, v, left, right, rows, columns

    layouts = (matrices(blocks),) * 4 + (left_blocks(blocks), right_blocks(blocks)) * 2
    return by_block(update, *zip(layouts, (w, g, m, v, left, right, rows, columns), strict=True))
