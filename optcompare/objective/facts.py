"""The facts that a lambda has no meaning without: n, the loss's factor, the batch, the step.

A fact that a conversion needs and was not given is asked for, never guessed; a fact that was given is
checked even where it is not needed. Source: the factors are algebra, derived beside each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields

from ..errors import InvalidInputError, unknown_name
from .conventions import check_count, check_real

LOSSES: dict[str, str] = {
    "cross_entropy": "cross-entropy",
    "half_squared_error": "1/2 sum over outputs (o - t)^2",
    "squared_error": "sum over outputs (o - t)^2",
    "mse": "mean over outputs (o - t)^2",
}
SQUARED_LOSSES = ("half_squared_error", "squared_error", "mse")

_MEANING: dict[str, str] = {
    "n_samples": "the number of training items n",
    "loss": f"the per-item loss as written there: {', '.join(f'{k!r} ({v})' for k, v in LOSSES.items())}",
    "batch_size": "the number of items in a batch; a smaller last batch is accounted for",
    "learning_rate": "the learning rate eta of the update",
    "rule": "the update rule that the decay is part of",
    "l1_ratio": "the share rho of the L1 part, 0 <= rho < 1",
    "solver": "'lbfgs', 'sgd' or 'adam': its lambda depends on it",
}


@dataclass(kw_only=True)
class Facts:
    """What is known about both sides of a conversion, and which of it was ``used``.

    ``n_outputs`` is the number of scores that the model puts out: 1 for two classes through one logit, 2
    for a softmax over two. ``biases``: whether the penalty covers the biases too. Errors:
    InvalidInputError for a fact out of range, and from ``need`` for one that is missing.
    """

    n_samples: int | None = None
    loss: str | None = None
    n_outputs: int = 1
    biases: bool = False
    batch_size: int | None = None
    learning_rate: float | None = None
    momentum: float = 0.0
    rule: str | None = None
    l1_ratio: float | None = None
    solver: str | None = None
    is_loss_shared: bool = False
    used: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("n_samples", "n_outputs", "batch_size"):
            if getattr(self, name) is not None:
                setattr(self, name, check_count(getattr(self, name), name))
        for name in ("learning_rate", "momentum", "l1_ratio"):
            if getattr(self, name) is not None:
                setattr(self, name, check_real(getattr(self, name), name))
        if self.n_outputs is None:
            raise InvalidInputError("n_outputs must be a whole number >= 1, got None")
        if self.loss is not None and self.loss not in LOSSES:
            raise unknown_name("loss", self.loss, LOSSES)
        if not isinstance(self.biases, bool):
            raise InvalidInputError(f"biases must be True or False, got {self.biases!r}")
        if self.learning_rate is not None and not (0 < self.learning_rate < math.inf):
            raise InvalidInputError(f"learning_rate must be finite and > 0, got {self.learning_rate!r}")
        if self.momentum is None or not 0 <= self.momentum < 1:
            raise InvalidInputError(f"momentum must be in [0, 1), got {self.momentum!r}")
        if self.l1_ratio is not None and not 0 <= self.l1_ratio <= 1:
            raise InvalidInputError(f"l1_ratio must be in [0, 1], got {self.l1_ratio!r}")
        if self.solver is not None and self.solver not in ("lbfgs", "sgd", "adam"):
            raise unknown_name("solver", self.solver, ("lbfgs", "sgd", "adam"))
        if self.batch_size and self.n_samples and self.batch_size > self.n_samples:
            raise InvalidInputError(f"batch_size must be at most n_samples = {self.n_samples}, got {self.batch_size}")

    def need(self, name: str, convention: str) -> object:
        """Return the fact ``name`` and note its use, or ask for it when it was not given."""
        value = getattr(self, name)
        if value is None:
            raise InvalidInputError(
                f"converting {convention!r} needs {name}: {_MEANING[name]}. Give {name}=..., none is assumed"
            )
        self.used[name] = value
        return value

    def need_count(self, name: str, convention: str) -> int:
        """Return the fact ``name``, a whole number."""
        value = self.need(name, convention)
        assert isinstance(value, int)
        return value

    def need_number(self, name: str, convention: str) -> float:
        """Return the fact ``name``, a float."""
        value = self.need(name, convention)
        assert isinstance(value, float)
        return value

    def loss_scale(self, convention: str) -> float:
        """Return s, where (the loss as written) = s * (the canonical loss).

        1 for the cross-entropy and the halved squared error, 2 without the half, 2/k for the mean over k
        outputs. Two logits under a softmax count 2: of all (w1, w2) with w2 - w1 = w the smallest
        w1^2 + w2^2 is w^2/2, so that lambda there is lambda/2 on the one logit that is canonical. (That
        is exact for a linear model; in a network it holds for the last layer's weights only.)
        """
        if self.is_loss_shared:
            return 1.0
        loss = self.need("loss", convention)
        if loss == "mse" or (loss == "cross_entropy" and self.n_outputs == 2):
            self.used["n_outputs"] = self.n_outputs
        if loss == "cross_entropy":
            return 2.0 if self.n_outputs == 2 else 1.0
        return {"half_squared_error": 1.0, "squared_error": 2.0, "mse": 2.0 / self.n_outputs}[str(loss)]

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the facts a person can give."""
        return tuple(f.name for f in fields(cls) if f.name not in ("is_loss_shared", "used"))
