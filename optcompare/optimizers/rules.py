"""The three slots of a gradient rule: transform p, momentum M, scale S.

    theta <- theta - rate_t * M(p(g)) / S(p(g)) - decay_t * theta (weights only)

g is the gradient, mu the momentum, t = 1, 2, ... the number of the update. All buffers start at 0.
"""

from __future__ import annotations

import numpy as np

from .base import Vector

TRANSFORMS = ("none", "sign", "normalised", "clip")
MOMENTUM_FORMS = ("heavy_ball", "averaged", "nesterov", "sutskever", "bias_corrected")
SCALES = ("none", "running", "summed")


def transformed(kind: str, g: Vector, clip_norm: float | None = None) -> Vector:
    """Return p(g), shape (d,): g; sign(g); g/|g|, or 0 where g = 0; g min(1, clip_norm/|g|). Norms: over theta."""
    if kind == "none":
        return g
    if kind == "sign":
        return np.sign(g)
    largest = float(np.abs(g).max())
    if largest == 0.0:
        return g
    # divided by its largest entry first, so that no square over- or underflows
    shape = g / largest
    length = float(np.sqrt(shape @ shape))
    if kind == "normalised":
        return shape / length
    assert clip_norm is not None
    return g if length <= clip_norm / largest else shape * (clip_norm / length)


class Momentum:
    """M: what remembers earlier gradients. The rate stays outside of the buffer b, as in torch.

    heavy_ball      b <- mu b + g;             M = b
    nesterov        b <- mu b + g;             M = g + mu b
    sutskever       b <- mu b + g(lookahead);  M = b;  lookahead = theta - rate mu b, the buffer before the update
    averaged        b <- mu b + (1 - mu) g;    M = b
    bias_corrected  b <- mu b + (1 - mu) g;    M = b / (1 - mu^t)

    Source: Polyak 1964; Sutskever et al. 2013, eqs. 3-4; torch.optim.SGD; Kingma & Ba 2015, algorithm 1.
    """

    def __init__(self, form: str, mu: float, dim: int) -> None:
        self.form = form
        self.mu = mu
        self.buffer = np.zeros(dim)
        self._n_updates = 0

    def push(self, g: Vector) -> Vector:
        """Take in g (d,) and return M (d,); the caller must not write into it."""
        if self.mu == 0.0:
            return g
        self._n_updates += 1
        is_average = self.form in ("averaged", "bias_corrected")
        self.buffer *= self.mu
        self.buffer += (1.0 - self.mu) * g if is_average else g
        if self.form == "bias_corrected":
            return self.buffer / (1.0 - self.mu**self._n_updates)
        return g + self.mu * self.buffer if self.form == "nesterov" else self.buffer

    def lookahead(self, theta: Vector, rate: float) -> Vector:
        """Return where the next gradient belongs: theta itself but for "sutskever"."""
        if self.form != "sutskever" or self.mu == 0.0:
            return theta
        return theta - rate * self.mu * self.buffer


class Scale:
    """S, per coordinate, from a buffer s of squared gradients.

    running  s <- beta s + (1 - beta) g^2;  S = sqrt(s) + epsilon, or with correction sqrt(s / (1 - beta^t)) + epsilon
    summed   s <- s + g^2;                  S = sqrt(s) + epsilon

    Source: Hinton's lecture 6e (RMSprop); Kingma & Ba 2015; Duchi et al. 2011. epsilon outside the root, as in torch.
    """

    def __init__(self, kind: str, beta: float, epsilon: float, correction: bool, dim: int) -> None:
        self.kind = kind
        self.beta = beta
        self.epsilon = epsilon
        self.correction = correction
        self.buffer = np.zeros(dim)
        self._n_updates = 0

    def push(self, g: Vector) -> None:
        """Take in g, shape (d,)."""
        if self.kind == "none":
            return
        self._n_updates += 1
        if self.kind == "running":
            self.buffer *= self.beta
            part = (1.0 - self.beta) * g
            part *= g
            self.buffer += part
        else:
            self.buffer += g * g

    def divide(self, m: Vector) -> Vector:
        """Return m / S, shape (d,); 0 where S = 0, which needs epsilon = 0 and gradients whose squares are all 0."""
        if self.kind == "none":
            return m
        size = np.sqrt(self.buffer)
        if self.correction:
            size /= np.sqrt(1.0 - self.beta**self._n_updates)
        size += self.epsilon
        if self.epsilon > 0.0:
            return np.divide(m, size, out=size)
        return np.divide(m, size, out=np.zeros_like(m), where=size > 0.0)
