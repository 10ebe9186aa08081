"""Who makes weights exactly zero under L1 and the elastic net?

A penalty lambda1/n sum |w| has minimisers with weights that are 0, and its proximal step puts them there. Every other
way only comes near: a subgradient of |w| is +-1 on either side of 0 and steps over it, and a direct search meets the
point 0 with probability 0. Near enough, the zeros can still be read off: beyond it, weights count as 0 up to a
tolerance. The true zeros are scikit-learn's (coordinate descent, tol 1e-14), on two data sets: diabetes, whose inputs
are correlated, and a GENERATED sparse problem: 150 items, 20 orthogonal inputs, 5 of them with a planted weight.

lambda of the elastic net is lambda1 + lambda2, a tenth of it lambda1. On orthogonal inputs its lambda2 shrinks the
weights and leaves the zeros where they are; correlated inputs share the work, so that fewer weights are 0.

As measured, one claim is undecided: on the generated problem (d = 21) pso has not come within 0.001 everywhere when its
6,000 passes are spent, and sorts 93 % of the weights right. Thresholds were fixed on seeds 100 to 102.
"""

import numpy as np
import pandas as pd

import optcompare as oc
from optcompare.report.page import ExtraFigure
from optcompare.report.plots import plot_over_lambda
from optcompare.report.style import figure_of

GD = oc.optimizers.GradientDescent
TOLERANCES = (0.0, 1e-12, 1e-10, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
NEAR = 1e-3  # the tolerance of the claims, in standard deviations of the output per standard deviation of an input
LASSO, NET, PLANTED, PLANTED_NET = "diabetes L1", "diabetes elastic net", "generated L1", "generated elastic net"
DIRECT = ("cma_es", "nelder_mead", "pso")


def diabetes(seed):
    return oc.load_dataset("diabetes", seed=seed)


def planted(seed, n=150, p=20):
    """Generate y = X w + noise, X'X = n I, five of the weights not 0."""
    rng = np.random.default_rng(seed)
    raw = rng.standard_normal((n, p))
    X = np.sqrt(n) * np.linalg.qr(raw - raw.mean(axis=0))[0]
    w = np.array([2.0, -1.5, 1.0, -0.75, 0.5] + [0.0] * (p - 5))
    return oc.Dataset.from_arrays(X, X @ w + rng.standard_normal(n), task="regression", name="generated")


def problem(load, penalty):
    return lambda seed: oc.linear_objective(load(seed), penalty=penalty)


def true_weights(objective):
    """Return the weights (p,) of scikit-learn's minimiser: SSE/(2n) + a rho |w|_1 + a (1 - rho)/2 |w|^2."""
    from sklearn.linear_model import ElasticNet

    penalty = objective.penalty
    l1, l2 = (penalty.l1, penalty.l2) if isinstance(penalty, oc.ElasticNet) else (penalty.lam, 0.0)
    solver = ElasticNet(alpha=(l1 + l2) / objective.n_samples, l1_ratio=l1 / (l1 + l2), tol=1e-14, max_iter=10**6)
    return solver.fit(objective.data.X, objective.data.y).coef_


def exact_zeros(objective, theta):
    return (theta[objective.is_weight] == 0.0).sum()


def sorted_right(tolerance):
    """Return a measurement: the share of the weights that are 0 up to the tolerance just where the true ones are 0."""

    def share(objective, theta):
        is_zero = np.abs(theta[objective.is_weight]) <= tolerance
        return (is_zero == (true_weights(objective) == 0.0)).mean()

    return share


def right(tolerance):
    return f"sorted right within {tolerance:g}"


def of(*optimizers, objectives=(LASSO, NET, PLANTED, PLANTED_NET)):
    """Select rows with lambda1 = 5, 20 or 50: below, hardly a weight is 0, and at 200 every one."""

    def select(frame):
        is_one = frame["optimizer"].isin(optimizers) & frame["objective"].isin(objectives)
        lambda1 = frame["lam"] / np.where(frame["objective"].isin((NET, PLANTED_NET)), 10.0, 1.0)
        return frame[is_one & lambda1.between(5.0, 50.0)]

    return select


def mean_of(column):
    return lambda rows: rows[column].mean()


def most_zeros(rows):
    return rows["exact zeros"].max()


def kept_more(rows):
    """Return how many weights more the elastic net keeps than L1, mean over lambda1 = 5 and 20."""
    is_net = rows["objective"].isin((NET, PLANTED_NET))
    return rows[~is_net & (rows["lam"] <= 20.0)]["exact zeros"].mean() - rows[is_net]["exact zeros"].mean()


def zeros_over_tolerance(results):
    """Return the main figure: share of the weights sorted right over the tolerance, mean over lambdas."""
    frame = of(*results.description["optimizers"], objectives=(LASSO, NET, PLANTED))(results.to_frame())
    keys = ["objective", "optimizer", "seed"]
    parts = []
    for tolerance in TOLERANCES:
        share = frame.groupby(keys, sort=False)[right(tolerance)].mean().rename("sorted right").reset_index()
        parts.append(share.assign(lam_canonical=tolerance, lam=tolerance, status="FINISHED"))
    table = pd.concat(parts, ignore_index=True)
    figure = figure_of(plot_over_lambda(table, "sorted right"))
    for panel in figure.axes:
        panel.set_xlabel("tolerance: |w| at or below it counts as zero")
        panel.set_ylabel("share of weights sorted right")
    caption = (
        "Share of the weights that are zero up to the tolerance where scikit-learn's are zero, and not where they are "
        "not (mean over lambda1 = 5, 20 and 50; median and interval over seeds). Left, apart: tolerance 0, where only "
        "the proximal step finds the zeros. On the right, weights that should stay drown in the tolerance."
    )
    shown = table.groupby(["objective", "optimizer", "lam"], sort=False)["sorted right"].median().unstack("lam")
    return [ExtraFigure("Zeros found, by tolerance", caption, figure, shown.reset_index())]


near = mean_of(right(NEAR))

study = oc.Study(
    name="sparsity",
    question="Who makes weights exactly zero under L1 and the elastic net, and who only comes near?",
    objectives={
        LASSO: problem(diabetes, oc.L1(1.0)),
        NET: problem(diabetes, oc.ElasticNet(0.1, 0.9)),
        PLANTED: problem(planted, oc.L1(1.0)),
        PLANTED_NET: problem(planted, oc.ElasticNet(0.1, 0.9)),
    },
    lambdas=[5, 20, 50, 200],
    optimizers={
        "proximal": GD(proximal=True),
        "subgradient": GD(),
        "subgradient 1/t": GD(schedule=oc.optimizers.InverseTime(half=100)),
        **{name: name for name in DIRECT},
    },
    seeds=range(10),
    budget=oc.Budget(evaluations=6000),
    measurements={
        "exact zeros": exact_zeros,
        **{right(tolerance): sorted_right(tolerance) for tolerance in TOLERANCES},
    },
    claims=[
        oc.Claim(
            "The proximal step makes exactly the weights zero that scikit-learn makes zero (share sorted right)",
            mean_of(right(0.0)), 0.999, 1.001, rows=of("proximal"), control=of("subgradient"),
        ),
        oc.Claim(
            "A subgradient, at a constant or a falling rate, makes no weight exactly zero (the most over all lambdas)",
            most_zeros, -0.5, 0.5, rows=of("subgradient", "subgradient 1/t"), control=of("proximal"),
        ),
        *[
            oc.Claim(
                f"{name} makes no weight exactly zero (the most over all lambdas)",
                most_zeros, -0.5, 0.5, rows=of(name), control=of("proximal"),
            )
            for name in DIRECT
        ],
        *[
            oc.Claim(
                f"Within {NEAR:g}, {name} finds the true zeros ({data}, share sorted right)",
                near, 0.95, 1.001,
                rows=of(name, objectives=objectives), control=of("subgradient", objectives=objectives),
            )
            for data, objectives in (("diabetes", (LASSO, NET)), ("generated", (PLANTED, PLANTED_NET)))
            for name in DIRECT
        ],
        oc.Claim(
            "On correlated inputs (diabetes) the elastic net keeps weights that L1 at the same lambda1 drops",
            kept_more, 0.5, float("inf"),
            rows=of("proximal", objectives=(LASSO, NET)),
            control=of("proximal", objectives=(PLANTED, PLANTED_NET)),
        ),
    ],
    figures=[zeros_over_tolerance],
)  # fmt: skip

if __name__ == "__main__":
    study.main(
        quick={"seeds": range(3), "budget": 2000},
        smoke={"seeds": range(2), "budget": 60, "lambdas": [20], "objectives": {LASSO: study.objectives[LASSO]}},
    )
