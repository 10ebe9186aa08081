"""Does the test error turn up without a penalty, and not with it?

The picture of the text: training and test error over the course of training. 66 patients of the diabetes data, a
network of 10 tanh units (121 parameters), the other 376 patients to test. The unscaled form: J = sum of 1/2 (z - y)^2
+ lambda sum w^2, so that the penalty's gradient is 2 lambda w. The text itself has no 1/2 in its squared error and
lambda = 1: its J is twice the J of lambda = 0.5 here, with the same minimiser.
"""

import numpy as np
import pandas as pd

import optcompare as oc
from optcompare.analysis.monitored import monitored_table
from optcompare.report.page import ExtraFigure
from optcompare.report.plots_monitored import plot_monitored
from optcompare.report.style import OptimizerStyles

NONE, TEXT, STRONG = 0, 0.5, 5  # lambdas: without, as the text writes it, ten times that
ARMS = {
    "gd": oc.optimizers.GradientDescent(), "adam": oc.optimizers.Adam(learning_rate=0.01), "lbfgs": "lbfgs",
    "cma_es": "cma_es", "pso": "pso",
}  # fmt: skip


def diabetes(seed):
    data = oc.load_dataset("diabetes", test_size=0.85, seed=seed)
    return oc.mlp_objective(data, hidden=(10,), reduction="sum", penalty=oc.L2(1.0, convention="sum+lambda"))


def training_loss(objective, theta):
    """Return the loss per training patient, so that it compares with the test loss."""
    return objective.loss(theta) / objective.n_samples


def test_loss(objective, theta):
    return objective.test_loss(theta)


def curves(results):
    """Return the measured rows of all traces, in order, as a table for claims."""
    return results.traces().dropna(subset=["test loss"]).assign(status="BUDGET")


def of(*runs):
    """Select runs, each (optimizer, lambda), numbered in order."""

    def select(table):
        parts = [
            table[(table["optimizer"] == optimizer) & (table["lam"] == lam)].assign(run=number)
            for number, (optimizer, lam) in enumerate(runs)
        ]
        return pd.concat(parts)

    return select


def end(rows, column="test loss"):
    """The last measurement; NaN of a run that left no trace."""
    return rows[column].iloc[-1] if len(rows) else np.nan


def rebound(rows):
    """The test loss at the end over its smallest."""
    return end(rows) / rows["test loss"].min()


def more_rebound(rows):
    """The first run's rebound over the second's."""
    return rebound(rows[rows["run"] == 0]) / rebound(rows[rows["run"] == 1])


def end_against_best(rows):
    """The first run's test loss at its end over the second's smallest."""
    return end(rows[rows["run"] == 0]) / rows.loc[rows["run"] == 1, "test loss"].min()


def final_training_loss(rows):
    return end(rows, "training loss")


def error_curves(results):
    """Return the figure of training and test loss over the cost, a panel an optimizer."""
    traces = results.traces()
    last = results.description["budget"]["evaluations"]
    parts = []
    for lam in (NONE, TEXT, STRONG):
        for column in ("test loss", "training loss"):
            rows = traces[traces["lam"] == lam]
            name = f"{column.partition(' ')[0].removesuffix('ing')}, lambda {lam:g}"
            parts.append(rows.assign(objective=rows["optimizer"], optimizer=name, lam=0.0, measured=rows[column]))
    table = monitored_table(pd.concat(parts), "measured", np.geomspace(3, last, 80))
    table["median"], table["low"], table["high"] = (np.maximum(table[name], 1e-3) for name in ("median", "low", "high"))
    styles = OptimizerStyles(table["optimizer"])
    ax = plot_monitored(table, ylabel="loss per patient", kind="log", is_log_cost=True, styles=styles)
    caption = (
        "Medians over seeds, bands from the first to the third quartile. Training losses below 0.001 are drawn there. "
        "lambda 0.5 is the text's own strength."
    )
    return [ExtraFigure("Training and test error curves", caption, ax.figure, table.iloc[::16])]


INF = float("inf")

study = oc.Study(
    name="error_curves",
    question="Does the test error turn up without a penalty, and not with it?",
    objectives={"diabetes, 66 patients": diabetes},
    lambdas=[NONE, TEXT, 1, STRONG],
    optimizers=ARMS,
    seeds=range(10),
    budget=oc.Budget(evaluations=12000),
    monitors={"training loss": training_loss, "test loss": test_loss},
    figures=[error_curves],
    claims=[
        oc.Claim(
            "Without a penalty the test loss turns up: it ends at 1.5 times its smallest and more (gd; "
            "control: lambda 5)",
            rebound, 1.5, INF, rows=of(("gd", NONE)), control=of(("gd", STRONG)), table=curves,
        ),
        oc.Claim(
            "With lambda 5 it does not: it ends within 10 % of its smallest (gd; control: no penalty)",
            rebound, 1.0, 1.1, rows=of(("gd", STRONG)), control=of(("gd", NONE)), table=curves,
        ),
        oc.Claim(
            "With the text's own lambda = 1 (0.5 here) it does not either (gd; control: no penalty)",
            rebound, 1.0, 1.1, rows=of(("gd", TEXT)), control=of(("gd", NONE)), table=curves,
        ),
        oc.Claim(
            "The text's lambda holds the training loss above zero: 0.01 per patient and more (gd; control: no penalty)",
            final_training_loss, 0.01, INF, rows=of(("gd", TEXT)), control=of(("gd", NONE)), table=curves,
        ),
        oc.Claim(
            "lambda 5 to the end is worth what stopping at the best moment is without: within 10 % in test loss (gd; "
            "control: no penalty to the end)",
            end_against_best, 0.9, 1.1, rows=of(("gd", STRONG), ("gd", NONE)), control=of(("gd", NONE), ("gd", NONE)),
            table=curves,
        ),
        *(
            oc.Claim(
                f"{arm} turns up less than gd at the same cost, without any penalty: gd's rebound is 1.2 times as "
                "large and more (control: lambda 5)",
                more_rebound, 1.2, INF, rows=of(("gd", NONE), (arm, NONE)), control=of(("gd", STRONG), (arm, STRONG)),
                table=curves,
            )
            for arm in ("cma_es", "pso")
        ),
    ],
)  # fmt: skip

if __name__ == "__main__":
    study.main(
        quick={"seeds": range(3), "budget": 3000},
        smoke={"seeds": range(2), "budget": 150, "lambdas": [NONE, TEXT, STRONG], "optimizers": ["lbfgs", "pso"]},
    )
