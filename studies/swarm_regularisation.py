"""What do weight decay and weight elimination do to a swarm that trains a network, and what saturates its units?

Rakitianskaia & Engelbrecht, "Weight regularisation in particle swarm optimisation neural network training" (SIS 2014):
with a penalty in the error swarms converge more, and the networks get smaller. The same authors, "Saturation in PSO
neural network training: good or evil?" (CEC 2015): hidden units saturate, which costs generalisation; the initial range
and a velocity clamp are among the means against it. Here: MLPs with tanh units on wine and iris, pso with 30 particles.

A swarm's diameter is the mean distance of its particles to their centroid, and the claims take its geometric mean over
the second half of a run. An effective weight is one above 0.1 in size; a saturated output lies beyond +-0.9.
Thresholds were fixed on seeds 100 to 104, which are not among the study's.

As measured: on wine the claims of 2014 hold, but relative to the weights the swarm is only half as wide (weight decay).
On iris three of the four are undecided. Weight decay shrinks all weights alike, and at lambda = 10 still leaves 85 % of
them above 0.1; weight elimination leaves 35 %, but costs no more however large a weight is, so that in some runs the
swarm wanders among large weights, diameter 6. That saturation costs generalisation is undecided too: the wide range has
three times the test loss of the narrow one in the median, and less than it in some seeds. A clamp only delays.
"""

import numpy as np
import pandas as pd

import optcompare as oc
from optcompare.analysis.monitored import monitored_table
from optcompare.report.page import ExtraFigure
from optcompare.report.plots import plot_over_lambda
from optcompare.report.plots_monitored import plot_monitored
from optcompare.report.style import figure_of
from optcompare.report.text import number

Pso = oc.optimizers.Pso
WIDE, NARROW, LOOSE, TIGHT = "range 5", "range 0.1", "clamp 0.1", "clamp 0.03"
LEAST, MOST = 0.001, 10.0
KINDS = {"weight decay": oc.L2(1.0), "weight elimination": oc.WeightElimination(1.0, scale=1.0)}


def network(name, hidden, penalty):
    return lambda seed: oc.mlp_objective(oc.load_dataset(name, seed=seed), hidden=(hidden,), penalty=penalty)


def effective_share(objective, theta):
    return oc.diagnostics(objective, theta, threshold=0.1).effective_weights / objective.is_weight.sum()


def effective_units(objective, theta):
    return oc.diagnostics(objective, theta, threshold=0.1).effective_units


def saturated_share(objective, theta):
    return oc.diagnostics(objective, theta).saturated_share


def swarms(results):
    """Return the runs with their diameter in the second half, and with that over the answer's norm."""
    keys = ["objective", "lam", "optimizer", "seed"]
    traces = results.traces()
    late = traces[2.0 * traces["n_values"] >= traces.groupby(keys)["n_values"].transform("max")]
    diameter = np.exp(np.log(late["population_diameter"]).groupby([late[key] for key in keys]).mean())
    frame = results.to_frame().merge(diameter.rename("diameter").reset_index(), on=keys, how="left")
    return frame.assign(relative=frame["diameter"] / frame["norm"], absolute=frame["diameter"])


def of(objective, optimizer="pso", lams=(LEAST, MOST)):
    is_one = {"objective": objective, "optimizer": optimizer}
    return lambda frame: frame[(frame[list(is_one)] == pd.Series(is_one)).all(axis=1) & frame["lam"].isin(lams)]


def middle(column):
    return lambda rows: rows[column].median()


def fall(rows):
    """Return the relative diameter at the largest lambda over that at the least."""
    at = rows.set_index("lam")["relative"]
    return at.get(MOST, np.nan) / at.get(LEAST, np.nan)


def in_absolute_terms(frame):
    return of("wine weight decay")(frame).assign(relative=lambda rows: rows["absolute"])


def wide_over_narrow(rows):
    at = rows.set_index("optimizer")["test_loss"]
    return at.get(WIDE, np.nan) / at.get(NARROW, np.nan)


def ranges(lam):
    def select(frame):
        return pd.concat([of("wine weight decay", name, (lam,))(frame) for name in (WIDE, NARROW)])

    return select


def diameters(results):
    """Return the main figure: the swarm's diameter over the cost, a line a lambda."""
    traces = results.traces()
    traces = traces[(traces["optimizer"] == "pso") & (traces["objective"] != "iris weight elimination")]
    traces = traces.assign(optimizer=[f"lambda {number(lam)}" for lam in traces["lam"]])
    table = monitored_table(traces, "population_diameter")
    figure = figure_of(plot_monitored(table, ylabel="diameter of the swarm", kind="log"))
    caption = "Mean distance of the particles of pso to their centroid: median and quartiles over seeds."
    return [ExtraFigure("Swarm diameter", caption, figure, table[table["cost"] == table["cost"].max()])]


def sizes(results):
    """Return figures of what the penalty leaves of the network, and of its saturation."""
    frame = results.to_frame()
    frame = frame[frame["objective"] != "iris weight elimination"]
    made = []
    for column, caption in {
        "effective share": "Share of the weights above 0.1 in size; medians and intervals over seeds.",
        "saturated share": "Share of the hidden outputs beyond +-0.9 of +-1; medians and intervals over seeds.",
    }.items():
        table = frame.groupby(["objective", "lam", "optimizer"], sort=False)[column].median().unstack("lam")
        made.append(ExtraFigure(column, caption, figure_of(plot_over_lambda(frame, column)), table.reset_index()))
    return made


def claims_of_2014(data):
    decay, elimination = (f"{data} {kind}" for kind in KINDS)
    return [
        oc.Claim(
            f"Under weight decay the swarm converges: diameter below 1 at lambda = 10 ({data})",
            middle("diameter"), 0.0, 1.0,
            rows=of(decay, lams=(MOST,)), control=of(decay, lams=(LEAST,)), table=swarms,
        ),
        oc.Claim(
            f"Under weight elimination the swarm converges: diameter below 3 at lambda = 10 ({data})",
            middle("diameter"), 0.0, 3.0,
            rows=of(elimination, lams=(MOST,)), control=of(elimination, lams=(LEAST,)), table=swarms,
        ),
        oc.Claim(
            f"Weight decay makes the network smaller: at lambda = 10 at most 80 % of the weights above 0.1 ({data})",
            middle("effective share"), 0.0, 0.8,
            rows=of(decay, lams=(MOST,)), control=of(decay, lams=(LEAST,)),
        ),
        oc.Claim(
            f"Weight elimination makes it smaller: at lambda = 10 at most 80 % of the weights above 0.1 ({data})",
            middle("effective share"), 0.0, 0.8,
            rows=of(elimination, lams=(MOST,)), control=of(elimination, lams=(LEAST,)),
        ),
    ]  # fmt: skip


DECAY = "wine weight decay"

study = oc.Study(
    name="swarm_regularisation",
    question="What do weight decay and weight elimination do to a swarm that trains a network, and what saturates it?",
    objectives={
        f"{data} {kind}": network(data, hidden, penalty)
        for data, hidden in (("wine", 4), ("iris", 6))
        for kind, penalty in KINDS.items()
    },
    lambdas=[LEAST, 0.1, 1, MOST],
    optimizers={
        "pso": Pso(),
        WIDE: Pso(initial_spread=5.0),
        NARROW: Pso(initial_spread=0.1),
        LOOSE: Pso(velocity_clamp=0.1),
        TIGHT: Pso(velocity_clamp=0.03),
    },
    seeds=range(10),
    budget=oc.Budget(evaluations=6000),
    measurements={
        "effective share": effective_share,
        "effective units": effective_units,
        "saturated share": saturated_share,
    },
    claims=[
        *claims_of_2014("wine"),
        *claims_of_2014("iris"),
        oc.Claim(
            "Most of it is the weights' own shrinking: over |w|, the diameter falls less than fourfold (wine, decay)",
            fall, 0.25, 4.0, rows=of(DECAY), control=in_absolute_terms, table=swarms,
        ),
        oc.Claim(
            "Weight decay keeps the units out of saturation: at lambda = 10 at most half of the outputs (wine)",
            middle("saturated share"), 0.0, 0.5,
            rows=of(DECAY, lams=(MOST,)), control=of(DECAY, lams=(LEAST,)),
        ),
        oc.Claim(
            "A wide initial range (5) saturates nine outputs of ten, a narrow one (0.1) fewer (wine, lambda = 0.001)",
            middle("saturated share"), 0.9, 1.0,
            rows=of(DECAY, WIDE, (LEAST,)), control=of(DECAY, NARROW, (LEAST,)),
        ),
        oc.Claim(
            "That costs generalisation: twice the test loss or more, from the wide range (wine, lambda = 0.001)",
            wide_over_narrow, 2.0, float("inf"), rows=ranges(LEAST), control=ranges(MOST),
        ),
        oc.Claim(
            "A tight velocity clamp (0.03) saturates at most three outputs of four (wine, lambda = 0.001)",
            middle("saturated share"), 0.0, 0.75,
            rows=of(DECAY, TIGHT, (LEAST,)), control=of(DECAY, lams=(LEAST,)),
        ),
        oc.Claim(
            "It only delays: a clamp of 0.1, with time enough, saturates four outputs of five (wine, lambda = 0.001)",
            middle("saturated share"), 0.8, 1.0,
            rows=of(DECAY, LOOSE, (LEAST,)), control=of(DECAY, TIGHT, (LEAST,)),
        ),
    ],
    figures=[diameters, sizes],
)  # fmt: skip

if __name__ == "__main__":
    study.main(
        quick={"seeds": range(2), "budget": 1500},
        smoke={
            "seeds": range(2),
            "budget": 90,
            "lambdas": [LEAST, MOST],
            "objectives": {DECAY: study.objectives[DECAY]},
        },
    )
