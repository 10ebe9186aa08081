"""The conventions as data: one row for each way in which a text or a library writes an L2 lambda.

A mean form ``mean of s*loss + (a/2) sum w^2`` divided by s is ``mean of loss + (a n/s)/(2n) sum w^2``, so
its canonical lambda is ``n a / s``; a sum form ``sum of s*loss + (a/2) sum w^2`` gives ``a / s``. The scale
s turns the loss as written into the canonical loss (``Facts.loss_scale``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import InvalidInputError, NoEquivalentLambdaError
from .conventions import check_lambda, check_real
from .decay_rules import ADAMW, check_delta, find_decay_rule, no_equivalent
from .facts import SQUARED_LOSSES, Facts

Conversion = Callable[[float, Facts], float]


@dataclass(frozen=True)
class Convention:
    """One way to write lambda: its formula, the facts it needs, and the two conversions.

    In ``formula``, ``{loss}`` stands for the per-item loss and ``{squares}`` for the penalised sum of
    squares. ``owns_loss``: the loss is the one the user wrote, factor and all (else it is canonical, or
    fixed by the library). ``losses``: the ones it can be used with, all where empty.
    """

    name: str
    symbol: str
    formula: str
    where: str
    needs: tuple[str, ...]
    to_canonical: Conversion
    from_canonical: Conversion
    owns_loss: bool = False
    losses: tuple[str, ...] = ()
    note: str = ""
    free_biases_note: str = ""
    penalised_biases_note: str = ""
    has_equivalent: bool = True


def _scaled(name: str, factor: Callable[[Facts], float]) -> tuple[Conversion, Conversion]:
    """Build the pair for canonical = factor(facts) * value."""

    def to_canonical(value: float, facts: Facts) -> float:
        return check_lambda(value, f"the value of {name}") * factor(facts)

    def from_canonical(lam: float, facts: Facts) -> float:
        scale = factor(facts)
        if scale == 0 and lam > 0:
            raise InvalidInputError(f"{name} has no L2 part here, so it cannot express lambda = {lam:g}")
        return lam / scale if scale else 0.0

    return to_canonical, from_canonical


def _written(
    name: str, factor: float, *, is_mean: bool, symbol: str, where: str, note: str = "", free: str = ""
) -> Convention:
    """Build a form of the user's own loss: canonical = factor * value * (n if it is a mean) / s."""

    def scale(facts: Facts) -> float:
        n = facts.need_count("n_samples", name) if is_mean else 1
        return factor * n / facts.loss_scale(name)

    to_canonical, from_canonical = _scaled(name, scale)
    penalty = f"{symbol}/2" if factor == 1 else symbol
    return Convention(
        name,
        symbol,
        f"{'mean' if is_mean else 'sum'} over items of {{loss}} + {penalty} {{squares}}",
        where,
        ("n_samples", "loss") if is_mean else ("loss",),
        to_canonical,
        from_canonical,
        owns_loss=True,
        note=note,
        free_biases_note=free,
    )


def _none(name: str) -> Convention:
    """Build a row without a lambda: both conversions raise."""

    def refuse(value: float, facts: Facts) -> float:
        raise no_equivalent(f"the weight_decay wd of {name}", ADAMW)

    formula = "none: L subject to max|w| <= 1/weight_decay, or L + (eps/wd) sum[-wd|w| - ln(1 - wd|w|)]"
    where = "weight decay decoupled from Adam's gradient"
    return Convention(name, "weight_decay", formula, where, (), refuse, refuse, has_equivalent=False)


def _c_to_canonical(value: float, facts: Facts) -> float:
    c = check_real(value, "the value of sklearn.LogisticRegression (C)")
    if not c > 0:
        raise InvalidInputError(f"C must be > 0 (inf for no penalty), got {value!r}")
    return 1.0 / c


def _c_from_canonical(lam: float, facts: Facts) -> float:
    c = 1.0 / lam if lam else math.inf
    if lam and math.isinf(c):
        raise InvalidInputError(f"lambda = {lam:g} is too small: C = 1/lambda leaves the range of a float")
    return c


def _mlp_scale(facts: Facts) -> float:
    """Return canonical / alpha for scikit-learn's MLP: 1, or n mean_i(1/B_i) over an epoch's batches B_i.

    A batch of B_i items steps along its mean gradient + alpha/B_i w; over an epoch of m shuffled batches
    that is m (g + alpha mean_i(1/B_i) w), and canonical is g + lambda/n w.
    """
    name = "sklearn.MLP"
    if facts.need("solver", name) == "lbfgs":
        if facts.n_outputs > 1 and facts.need("loss", name) != "cross_entropy":
            raise NoEquivalentLambdaError(
                f"sklearn.MLP with solver='lbfgs' and {facts.n_outputs} outputs has no lambda: its squared "
                "error is 1/2 mean over outputs but its gradient that of 1/2 sum over outputs, so that it "
                "minimises neither. Use solver='sgd' or 'adam' (they see the gradient only), or one output"
            )
        return 1.0
    n = facts.need_count("n_samples", name)
    size = facts.need_count("batch_size", name)
    full, rest = divmod(n, size)
    return n * (full / size + (1 / rest if rest else 0.0)) / (full + bool(rest))


def _decay_scale(facts: Facts) -> float:
    """Return n / (eta s): canonical lambda over r. Without a loss, s = 1: this project's own loss."""
    n, eta = facts.need_count("n_samples", "decay"), facts.need_number("learning_rate", "decay")
    return n / eta / (1.0 if facts.loss is None else facts.loss_scale("decay"))


def _decay_momentum(facts: Facts, has_momentum: bool) -> float:
    if has_momentum:
        facts.used["momentum"] = facts.momentum
    elif facts.momentum:
        raise InvalidInputError(
            f"rule={facts.rule!r} has no momentum, got momentum={facts.momentum:g}: "
            "choose 'heavy_ball', 'nesterov', 'sutskever' or 'averaged', or momentum=0"
        )
    return facts.momentum


def _decay_to_canonical(value: float, facts: Facts) -> float:
    rule = find_decay_rule(str(facts.need("rule", "decay")))
    momentum = _decay_momentum(facts, rule.has_momentum)
    delta = check_delta(check_lambda(value, "the value of decay"), "it is the fraction of a weight")
    return rule.rate(delta, momentum) * _decay_scale(facts)


def _decay_from_canonical(lam: float, facts: Facts) -> float:
    rule = find_decay_rule(str(facts.need("rule", "decay")))
    momentum = _decay_momentum(facts, rule.has_momentum)
    return check_delta(rule.decay(lam / _decay_scale(facts), momentum), "lower the learning rate or lambda")


def _sklearn(
    name: str, symbol: str, formula: str, where: str, needs: tuple[str, ...], scale: Callable[[Facts], float],
    losses: tuple[str, ...] = (), note: str = "", penalised: str = "",
) -> Convention:  # fmt: skip
    """Build a row of scikit-learn, whose loss is its own: canonical = scale(facts) * value."""
    to_canonical, from_canonical = _scaled(name, scale)
    return Convention(
        name, symbol, formula, where, needs, to_canonical, from_canonical, losses=losses, note=note,
        penalised_biases_note=penalised,
    )  # fmt: skip


_ONES = "never penalises its intercept: append a column of ones and fit_intercept=False"
_TORCH_GROUP = "torch's default parameter group decays the biases too: give them a group with weight_decay=0"
_ANY_MOMENTUM = "weight_decay is part of the gradient: the same for any momentum, and for any batch size."
_ROWS = (
    _sklearn("canonical", "lambda", "mean over items of {loss} + lambda/(2n) {squares}",
             "this project; Nielsen, Ng; also called lambda/2n", (), lambda f: 1.0),
    _written("lambda/2", 1, is_mean=True, symbol="lambda", where="Karpathy's notes, most papers"),
    _written("lambda", 2, is_mean=True, symbol="lambda", where="texts with gradient 2 lambda w"),
    _written("sum+lambda/2", 1, is_mean=False, symbol="lambda", where="negative log posterior, prior 1/lambda"),
    _written("sum+lambda", 2, is_mean=False, symbol="lambda", where="ridge regression in most textbooks"),
    Convention("decay", "delta", "w <- (step without penalty) - delta w", "weight decay in the update",
               ("n_samples", "learning_rate", "rule", "momentum"), _decay_to_canonical,
               _decay_from_canonical, owns_loss=True),
    _sklearn("sklearn.Ridge", "alpha", "sum over items of sum over outputs (o - t)^2 + alpha {squares}",
             "Ridge(alpha)", (), lambda f: 1.0, SQUARED_LOSSES, penalised=f"Ridge {_ONES}"),
    _sklearn("sklearn.ElasticNet.l2", "alpha",
             "1/(2n) sum over items (o - t)^2 + alpha (1 - l1_ratio)/2 {squares} + alpha l1_ratio sum |w|",
             "ElasticNet(alpha, l1_ratio), its L2 part", ("n_samples", "l1_ratio"),
             lambda f: f.need_count("n_samples", "sklearn.ElasticNet.l2")
             * (1 - f.need_number("l1_ratio", "sklearn.ElasticNet.l2")),
             SQUARED_LOSSES, "The L2 part only. The L1 part is lambda/n sum|w| with lambda = n alpha l1_ratio.",
             f"ElasticNet {_ONES}"),
    Convention("sklearn.LogisticRegression", "C", "C sum over items of cross-entropy + 1/2 {squares}",
               "LogisticRegression(C), one logit for two classes", (), _c_to_canonical, _c_from_canonical,
               losses=("cross_entropy",),
               penalised_biases_note="Only LogisticRegression(solver='liblinear') penalises its intercept."),
    _sklearn("sklearn.SGD", "alpha", "mean over items of {loss} + alpha/2 {squares}",
             "SGDClassifier(alpha), one-vs-rest for more classes; SGDRegressor(alpha)", ("n_samples",),
             lambda f: f.need_count("n_samples", "sklearn.SGD"),
             note="SGD halves its squared error, whatever its name says; for more than two classes it fits one "
             "against the rest, which is no softmax cross-entropy.",
             penalised=f"SGD {_ONES}"),
    _sklearn("sklearn.MLP", "alpha",
             "mean over items of {loss} + alpha/(2n) {squares} (lbfgs), alpha/(2B) in a batch of B (sgd, adam)",
             "MLPClassifier(alpha), MLPRegressor(alpha)", ("solver", "n_samples", "batch_size"), _mlp_scale),
    _written("torch.SGD", 1, is_mean=True, symbol="weight_decay", where="torch.optim.SGD, reduction='mean'",
             note=_ANY_MOMENTUM, free=_TORCH_GROUP),
    _written("torch.Adam", 1, is_mean=True, symbol="weight_decay", where="torch.optim.Adam, reduction='mean'",
             note=_ANY_MOMENTUM + " Where Adam converges: full batch, or a rate that falls.",
             free=_TORCH_GROUP),
    _none("torch.AdamW"),
    _written("keras.l2", 2, is_mean=True, symbol="l2", where="keras.regularizers.l2 as kernel_regularizer"),
    _none("optax.adamw"),
)  # fmt: skip

CONVENTIONS: dict[str, Convention] = {row.name: row for row in _ROWS}


def convention_names() -> tuple[str, ...]:
    """Return the names that ``convert_lambda`` knows (``lambda/2n`` is another name of ``canonical``)."""
    return tuple(CONVENTIONS)


def convention_table() -> list[dict[str, str]]:
    """Return one dict a convention: name, symbol, formula, where, needs, canonical lambda at value 1."""
    return [
        {
            "name": row.name,
            "symbol": row.symbol,
            "formula": row.formula.format(loss="loss", squares="sum w^2"),
            "canonical": _CANONICAL_TEXT[row.name],
            "needs": ", ".join(row.needs),
            "where": row.where,
        }
        for row in _ROWS
    ]


_PER_LOSS = "n l; n l/2 (squared_error); n k l/2 (mse)"
_CANONICAL_TEXT = {
    "canonical": "l",
    "lambda/2": _PER_LOSS,
    "lambda": "2 n l; n l (squared_error); n k l (mse)",
    "sum+lambda/2": "l; l/2 (squared_error); k l/2 (mse)",
    "sum+lambda": "2 l; l (squared_error); k l (mse)",
    "decay": "n r/eta: r = delta (gradient_descent, averaged), delta/(1 - delta) (adjusted_weight), "
    "delta (1 - mu) (heavy_ball, nesterov), delta (1 - mu)/(1 + mu delta) (sutskever)",
    "sklearn.Ridge": "alpha",
    "sklearn.ElasticNet.l2": "n alpha (1 - l1_ratio)",
    "sklearn.LogisticRegression": "1/C",
    "sklearn.SGD": "n alpha",
    "sklearn.MLP": "alpha (lbfgs); n alpha mean(1/B_i) over batches of B_i (sgd, adam)",
    "torch.SGD": _PER_LOSS,
    "torch.Adam": _PER_LOSS,
    "torch.AdamW": "none",
    "keras.l2": "2 n l; n l (squared_error); n k l (mse)",
    "optax.adamw": "none",
}
