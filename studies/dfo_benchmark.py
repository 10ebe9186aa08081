"""Which optimizer needs the fewest passes to train a small model, and what is a gradient worth to it?

34 problems of dfo_problems.py (18 data sets, 2 of them generated; linear models, softmax, MLPs; d from 3 to 485;
smooth, ramp, 0-1, minibatches, noise, truncated digits, NaN, a moved start) x every registered optimizer, each with its
defaults and as tuned by dfo_tuning.py on other data sets, x 15 seeds, 100 (d + 1) passes a run, a gradient charged two
passes on top of its value. Not in it: the fast_* optimizers, which follow the rules of their namesakes at less cost of
their own (fast_de with other random numbers), and the constant predictor.

Targets: tau = (J - J*)/(J_0 - J*), J_0 the best constant predictor, J* the least error of all runs and of lbfgs from
ten further starts. A run that is skipped for want of a gradient, or fails, is charged its full budget.

What is known of the claims that do not hold: lbfgs from one start ends in another minimum of the friedman MLP in 9 of
15 seeds and of the iris MLP in 3; one problem of the 17 of the first claim is 6 %, its edge leaves 5. cma_es gets to
1e-5 within 100 (d + 1) passes on the convex problems, but on no MLP and not on "iris softmax, free". What tuning saves
pso is 23 % in the median over seeds; the interval ends at the edge.

The run that README.md reports took 100 minutes on two busy cores, in parts of the grid. At d = 485 a run of cobyla or
cobyqa is killed at its limit (--run-timeout 20); nelder_mead and cma_es end there (17 s a run, idle cores): on a busy
machine give them a longer limit. Its figures and tables are the report's.
"""

import numpy as np
from dfo_problems import problems
from dfo_tuning import names, tuned

import optcompare as oc

TAUS = 10.0 ** -np.arange(1.0, 8.0)
PRICES = (2.0, "dimension")


def arms(chosen=None):
    """Return label -> optimizer: every optimizer with its defaults and, where tuning chose others, as tuned."""
    best, found = tuned(), {}
    for name in chosen or names():
        found[name] = name
        if name in best and best[name] != oc.optimizers.base.get_optimizer(name):
            found[f"{name} tuned"] = best[name]
    return found


# The claims' table, and what is measured of it: of the rows of one seed.


def costs(results):
    """Return one row a (problem, optimizer, seed, tau, gradient price): is_reached and runtime in passes."""
    import pandas as pd

    from optcompare.analysis.runtimes import hits, runtimes

    facts = results.problems()
    reached = hits(results.curves(), facts, TAUS)
    priced = [runtimes(reached, facts, "passes", price).assign(price=str(price)) for price in PRICES]
    kind = facts.set_index("problem")[["is_smooth", "is_noisy", "has_gradient"]]
    return pd.concat(priced, ignore_index=True).join(kind, on="problem")


def smooth(low=0, high=1000, price="2.0"):
    """Select the smooth problems without noise, low <= d <= high, at one gradient price."""

    def select(frame):
        is_in = frame["is_smooth"] & ~frame["is_noisy"] & frame["has_gradient"] & frame["dim"].between(low, high)
        return frame[is_in & (frame["price"] == price)]

    return select


def of(optimizer, **where):
    """Select smooth problems and one optimizer."""

    def select(frame):
        rows = smooth(**where)(frame)
        return rows[rows["optimizer"] == optimizer]

    return select


def against(first, others, **where):
    """Select smooth problems and an optimizer, is_first, with those that it is compared with."""

    def select(frame):
        rows = smooth(**where)(frame)
        rows = rows[rows["optimizer"].isin([first, *others])]
        return rows.assign(is_first=rows["optimizer"] == first)

    return select


def twins(disturbed, optimizer):
    """Select one optimizer on a disturbed problem and on the same problem undisturbed."""

    def select(frame):
        rows = frame[frame["problem"].isin([disturbed, disturbed.split(",")[0]])]
        rows = rows[(rows["optimizer"] == optimizer) & (rows["price"] == "2.0")]
        return rows.assign(is_disturbed=rows["problem"] == disturbed)

    return select


def share_reached(tau):
    """Share of the runs that reach tau."""
    return lambda rows: float(rows.loc[np.isclose(rows["tau"], tau), "is_reached"].mean())


def share_first(tau):
    """Share of the problems on which the first optimizer reaches tau, in fewer passes than the least of the others."""

    def measure(rows):
        first, others, is_reached = _pair(rows, tau)
        return float(((first < others) & is_reached).mean())

    return measure


def log_ratio(tau):
    """Mean over problems of log10(passes of the first optimizer/least of the others), a miss being its charge."""

    def measure(rows):
        first, others, _ = _pair(rows, tau)
        return float(np.log10(first / others).mean())

    return measure


def _pair(rows, tau):
    rows = rows[np.isclose(rows["tau"], tau)]
    table = rows.pivot_table(index="problem", columns="is_first", values="runtime", aggfunc="min")
    is_reached = rows[rows["is_first"]].set_index("problem")["is_reached"].reindex(table.index)
    return table[True], table[False], is_reached


def decades_lost(rows):
    """Targets, of seven, that are reached on the undisturbed problem and missed on its disturbed twin."""
    n_reached = rows.groupby("is_disturbed")["is_reached"].sum()
    return float(n_reached[False] - n_reached[True])


def claim(statement, measure, low, high, rows, control):
    return oc.Claim(statement, measure, low, high, rows=rows, control=control, table=costs)


FREE = ("cma_es", "nelder_mead", "powell", "pso", "spsa")  # of gradients
MIDDLE, DEAR = {"low": 8, "high": 50}, {"low": 8, "high": 50, "price": "dimension"}

CLAIMS = [
    claim(
        "A gradient for two passes: to 1e-5 lbfgs is before cma_es, nelder_mead, powell, pso and spsa on at least 95 % "
        "of the smooth problems with d from 8 to 50; on fewer where a gradient costs d + 1 (control)",
        share_first(1e-5), 0.95, 1.0, against("lbfgs", FREE, **MIDDLE), against("lbfgs", FREE, **DEAR),
    ),
    claim(
        "Where a gradient costs d + 1, lbfgs is still before them on at least half of these problems; gradient descent "
        "at 1/L is not (control)",
        share_first(1e-5), 0.5, 1.0, against("lbfgs", FREE, **DEAR), against("gradient_descent", FREE, **DEAR),
    ),
    claim(
        "nelder_mead reaches 1e-5 on at least 90 % of the smooth problems with d <= 8; on fewer with d > 12 (control)",
        share_reached(1e-5), 0.9, 1.0, of("nelder_mead", high=8), of("nelder_mead", low=13),
    ),
    claim(
        "cma_es reaches 1e-5 on at least 70 % of the smooth problems with d from 8 to 50; random_search does not "
        "(control)",
        share_reached(1e-5), 0.7, 1.0, of("cma_es", **MIDDLE), of("random_search", **MIDDLE),
    ),
    claim(
        "To 1e-3 cma_es needs at least 20 % fewer passes than pso on smooth problems with d from 8 to 50, in the "
        "geometric mean; lbfgs as tuned saves no 20 % against lbfgs (control)",
        log_ratio(1e-3), -np.inf, np.log10(0.8), against("cma_es", ["pso"], **MIDDLE),
        against("lbfgs tuned", ["lbfgs"], **MIDDLE),
    ),
    claim(
        "Tuned on other data, pso needs at least 20 % fewer passes to 1e-3 than with its defaults (smooth problems); "
        "lbfgs saves no 20 % (control)",
        log_ratio(1e-3), -np.inf, np.log10(0.8), against("pso tuned", ["pso"]), against("lbfgs tuned", ["lbfgs"]),
    ),
    claim(
        "Tuned on other data, adam needs less than half the passes to 1e-3 of its defaults (smooth problems); lbfgs "
        "does not (control)",
        log_ratio(1e-3), -np.inf, np.log10(0.5), against("adam tuned", ["adam"]), against("lbfgs tuned", ["lbfgs"]),
    ),
    claim(
        "Noise of 1 % on the error costs cma_es at least two decades of what it reaches (scotland ridge); errors of "
        "which 5 % are NaN do not (control: autompg ridge)",
        decades_lost, 2.0, 7.0, twins("scotland ridge, noise", "cma_es"), twins("autompg ridge, NaN", "cma_es"),
    ),
]  # fmt: skip

study = oc.Study(
    name="dfo_benchmark",
    question="Which optimizer needs the fewest passes to train a small model, and what is a gradient worth to it?",
    objectives=problems(),
    optimizers=arms(),
    seeds=range(15),
    budget=oc.Budget(per_dimension=100),
    reference_starts=10,
    claims=CLAIMS,
)

QUICK = ["diabetes ridge", "spector ramp", "iris softmax", "moons mlp", "autompg ridge, NaN"]

if __name__ == "__main__":
    study.main(
        quick={"objectives": problems(QUICK), "optimizers": arms(["lbfgs", "adam", "nelder_mead", "pso", "cma_es"]),
               "seeds": range(2), "claims": [], "reference_starts": 2},
        smoke={"objectives": problems(["iris softmax", "moons mlp"]), "optimizers": ["lbfgs", "nelder_mead", "pso"],
               "seeds": range(1), "claims": [], "reference_starts": 1, "budget": oc.Budget(per_dimension=10)},
    )  # fmt: skip
