"""Does lambda mean anything to the 0-1 error?

A linear model on breast_cancer. Direct optimizers can minimize the 0-1 error, which no gradient can; but scaling (w, b)
down changes no class and takes the penalty away, so that "0-1 + L2" comes to rest nowhere but at w -> 0, for every
lambda > 0. The ramp, mean(clip((1 - y z)/2, 0, 1)), has a margin: there lambda sets the norm again.

How far down an optimizer gets is its own affair: cma_es loses five decades of norm, pso one and nelder_mead anything
between half and three, since its simplex sees a plateau and stops (its claim is undecided).
"""

import functools
import math

import numpy as np

import optcompare as oc

O = oc.optimizers  # noqa: E741
ZERO_ONE, RAMP = "0-1", "ramp"
LOW, HIGH = 1.0, 100.0


def cancer(seed, loss):
    return oc.linear_objective(oc.load_dataset("breast_cancer", seed=seed), loss=loss, penalty=oc.L2(1.0))


def training_errors(objective, theta):
    """Misclassified training items, whatever the loss."""
    data = objective.data
    return float(((objective.model.scores(theta, data.X)[:, 0] > 0) != (data.y == 1)).sum())


def of(optimizer, objective, *lambdas):
    def select(frame):
        rows = frame[(frame["optimizer"] == optimizer) & (frame["objective"] == objective)]
        return rows[rows["lam"].isin(lambdas or (LOW, HIGH))]

    return select


def largest_log_norm(rows):
    return math.log10(rows["norm"].max())


def implied_over_nominal(rows):
    """Of the lambda where it is farthest from 1."""
    ratios = rows["implied_lambda"] / rows["lam"]
    return ratios.iloc[np.abs(ratios - 1).argmax()]


def extra_errors(rows):
    """Training errors at the high lambda minus those at the low one."""
    errors = rows.set_index("lam")["training_errors"]
    return errors[HIGH] - errors[LOW]


CLAIMS = [
    oc.Claim(
        "0-1 + L2: cma_es goes to w = 0, its norm is below 0.1 at both lambdas", largest_log_norm, -math.inf, -1.0,
        rows=of("cma_es", ZERO_ONE), control=of("cma_es", RAMP),
    ),
    oc.Claim(
        "0-1 + L2: nelder_mead goes to w = 0 at lambda = 100, its norm is below 0.1", largest_log_norm, -math.inf, -1.0,
        rows=of("nelder_mead", ZERO_ONE, HIGH), control=of("nelder_mead", RAMP, HIGH),
    ),
    oc.Claim(
        "0-1 + L2: pso is on the way, its norm at lambda = 100 is below 0.3", largest_log_norm, -math.inf, -0.52,
        rows=of("pso", ZERO_ONE, HIGH), control=of("pso", RAMP, HIGH),
    ),
    oc.Claim(
        "0-1 + L2: and lambda = 100 costs cma_es no training error against lambda = 1 (at most 2 of 398)",
        extra_errors, -2.5, 2.5, rows=of("cma_es", ZERO_ONE), control=of("cma_es", RAMP),
    ),
    *(
        oc.Claim(
            f"The ramp restores lambda: the ray form reads 10 and 100 within 5 % of {name}'s answers",
            implied_over_nominal, 0.95, 1.05, rows=of(name, RAMP, 10.0, HIGH), control=of(name, ZERO_ONE, 10.0, HIGH),
        )
        for name in ("cma_es", "nelder_mead")
    ),
    oc.Claim(
        "The ramp restores lambda: the ray form reads 100 within 5 % of pso's answer", implied_over_nominal,
        0.95, 1.05, rows=of("pso", RAMP, HIGH), control=of("pso", ZERO_ONE, HIGH),
    ),
    oc.Claim(
        "At lambda = 1 few items lie in the margin, and cma_es's answers read it within a factor of 1.5 only",
        implied_over_nominal, 1 / 1.5, 1.5, rows=of("cma_es", RAMP, LOW), control=of("cma_es", ZERO_ONE, LOW),
    ),
]  # fmt: skip


def figures(results):
    import pandas as pd

    from optcompare.analysis.summaries import medians_over_seeds
    from optcompare.report.page import ExtraFigure
    from optcompare.report.plots_settings import plot_settings
    from optcompare.report.style import figure_of, new_panels

    frame, tables = results.to_frame(), []
    panels = new_panels(2, height=3.6)
    for ax, loss in zip(panels, (ZERO_ONE, RAMP), strict=True):
        table = medians_over_seeds(frame[frame["objective"] == loss], "norm", by=("optimizer", "lam"))
        table = table.rename(columns={"optimizer": "series", "lam": "x"})
        plot_settings(table, ax, title=f"{loss} + L2", xlabel="lambda", ylabel="norm of the weights")
        tables.append(table.assign(loss=loss)[["loss", "series", "x", "median", "low", "high"]])
    return [
        ExtraFigure(
            "The norm that lambda leaves",
            "Medians over seeds and their interval at the end of the budget. On the 0-1 error the norm is what is left "
            "of the way to 0, whatever lambda; on the ramp optimizers agree, and lambda sets it.",
            figure_of(panels[0]), pd.concat(tables),
        )
    ]  # fmt: skip


study = oc.Study(
    name="zero_one_and_ramp",
    question="Does lambda mean anything to the 0-1 error?",
    objectives={loss: functools.partial(cancer, loss=name) for loss, name in ((ZERO_ONE, "zero_one"), (RAMP, "ramp"))},
    lambdas=[0.1, LOW, 10, HIGH],
    optimizers={
        "pso": O.Pso(tolerance=0),
        "de": O.DifferentialEvolution(lower=-5, upper=5),
        "nelder_mead": "nelder_mead",
        "cma_es": O.CmaEs(f_tolerance=0, x_tolerance=0),
    },
    seeds=range(10),
    budget=oc.Budget(evaluations=20_000),
    measurements={"training_errors": training_errors},
    claims=CLAIMS,
    figures=[figures],
)

if __name__ == "__main__":
    study.main(
        quick={"seeds": range(2), "lambdas": [LOW, 10, HIGH], "budget": 3000},
        smoke={"seeds": range(2), "lambdas": [LOW, HIGH], "budget": 100},
    )
