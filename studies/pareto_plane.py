"""Where do answers lie in the plane of |w|^2 and training loss?

On a convex model the minimisers over lambda trace a front; nothing lies below it, and its slope is -lambda/(2n). Every
optimizer's trajectory is drawn on the front of a dense lambda path of lbfgs. From an answer straight down to the front
one lands on its norm-matched lambda, straight across on its loss-matched lambda; how far they are apart says how far
the answer is from being anybody's optimum.
"""

import numpy as np
import pandas as pd

import optcompare as oc
from optcompare.analysis.exchange import stored_paths
from optcompare.analysis.pareto import front_slopes, on_the_plane
from optcompare.report.page import ExtraFigure
from optcompare.report.plots_pareto import plot_pareto_plane
from optcompare.report.style import OptimizerStyles

GD, HeavyBall, Adam = oc.optimizers.GradientDescent, oc.optimizers.HeavyBall, oc.optimizers.Adam
SHOWN = (10.0, 0.1)  # the lambdas of the figures
ROWS_A_RUN = 12  # of every trajectory, for the claims
CAPTION = (
    "One split. Thick: the front, the minimisers of loss + lambda/(2n) |w|^2 over lambda (lbfgs, 20 lambdas a decade); "
    "hollow dots are its powers of ten. Thin: the trajectories of all optimizers at one nominal lambda, with a "
    "marker at the answer. Dotted, from an answer off the front: straight down to its norm-matched lambda, straight "
    "across to its loss-matched lambda."
)


def linear(name):
    return lambda seed: oc.linear_objective(oc.load_dataset(name, seed=seed), penalty=oc.L2(1.0))


def slopes(results):
    """Return the slopes along the front, and between the neighbouring lambdas 10 and 11 of every other arm."""
    frame = results.to_frame()
    return front_slopes(pd.concat([results.path_frame(), frame[frame["optimizer"] != "lbfgs"]]))


def answers(results):
    """Return the answers on the front of their own split."""
    return on_the_plane(results.to_frame(), stored_paths(results.path_frame(), "lbfgs"))


def thinned(traces):
    """Return ROWS_A_RUN rows of every trajectory, evenly spread."""
    runs = traces.groupby(["objective", "lam", "optimizer", "seed"])
    place, size = runs.cumcount(), runs["loss"].transform("size")
    return traces[(place * ROWS_A_RUN) // size != ((place - 1) * ROWS_A_RUN) // size]


def points(results):
    """Return answers and trajectories on the front of their own split, and answers on those of the other splits."""
    paths = stored_paths(results.path_frame(), "lbfgs")
    frame = results.to_frame()
    parts = [on_the_plane(frame, paths), on_the_plane(thinned(results.traces()), paths).assign(status="BUDGET")]
    table = pd.concat([part.assign(front="own") for part in parts])
    seeds = sorted(frame["seed"].unique())
    others = []
    for other in seeds:
        moved = {(name, seed): paths[name, str(other)] for name, seed in paths if seed != str(other)}
        others.append(on_the_plane(frame[frame["seed"] != other], moved).assign(front="other"))
    return pd.concat([table, *others], ignore_index=True)


def plane(results):
    """Return the figures: the front and the trajectories, of the first seed, for each objective and lambda of SHOWN."""
    seed = min(results.description["seeds"])
    paths = stored_paths(results.path_frame(), "lbfgs")
    frame, traces = results.to_frame(), results.traces()
    styles = OptimizerStyles(frame["optimizer"])
    front = results.path_frame().query("seed == @seed").assign(kind="front", front_norm=np.nan, front_loss=np.nan)
    columns = ["objective", "optimizer", "norm", "loss", "norm_matched", "loss_matched", "drop"]
    figures = []
    for lam in SHOWN:
        here = f"seed == {seed} and lam == {lam}"
        trajectory = on_the_plane(traces.query(here), paths).assign(kind="trajectory")
        answer = on_the_plane(frame.query(here), paths).assign(kind="answer")
        table = pd.concat([front, trajectory, answer], ignore_index=True)
        for name in dict.fromkeys(answer["objective"]):
            figure = plot_pareto_plane(table[table["objective"] == name], styles=styles).figure
            title = f"The Pareto plane of {name}, lambda = {lam:g}"
            caption = CAPTION if not figures else "As above."
            figures.append(ExtraFigure(title, caption, figure, answer.loc[answer["objective"] == name, columns]))
    return figures


def of(optimizer, objective=None, lam=None, **labels):
    """Select the rows of one arm (and objective, and nominal lambda, and further labels)."""
    labels |= {"optimizer": optimizer, "objective": objective, "lam": lam}

    def select(frame):
        for column, wanted in labels.items():
            frame = frame if wanted is None else frame[frame[column] == wanted]
        return frame

    return select


def slope_ratio(rows):
    return rows["ratio"].median()


study = oc.Study(
    name="pareto_plane",
    question="Where do answers lie in the plane of squared norm and training loss, and what lambda is nearest to them?",
    objectives={"cancer": linear("breast_cancer"), "diabetes": linear("diabetes"), "wine": linear("wine")},
    lambdas=[0.1, 10, 11],
    optimizers={
        "lbfgs": "lbfgs",
        "gd": GD(),
        "gd decay": oc.InUpdate(GD()),
        "heavy ball decay": oc.InUpdate(HeavyBall()),
        "adam decay": oc.InUpdate(Adam(learning_rate=0.03)),
        "pso": "pso",
        "nelder_mead": "nelder_mead",
        "cma_es": "cma_es",
    },
    seeds=range(2, 12),  # 0 and 1 served a pilot, from which the tolerances come
    budget=oc.Budget(evaluations=2500),
    path=10.0 ** np.linspace(-3, 3, 121),
    figures=[plane],
    claims=[
        oc.Claim(
            "The front's slope is -lambda/(2n): the worst of its 120 chords is off by at most 1 % (all data)",
            lambda rows: (rows["ratio"] - 1).abs().max(), 0.0, 0.01,
            rows=of("lbfgs"), control=of("heavy ball decay"), table=slopes,
        ),
        oc.Claim(
            "Plain decay in the update walks the same front: slope -lambda/(2n) at lambda = 10",
            slope_ratio, 0.99, 1.01, rows=of("gd decay"), control=of("heavy ball decay"), table=slopes,
        ),
        oc.Claim(
            "Heavy ball's decay walks it ten times too slowly: slope -(lambda/10)/(2n) at nominal lambda = 10",
            slope_ratio, 0.099, 0.101, rows=of("heavy ball decay"), control=of("gd decay"), table=slopes,
        ),
        oc.Claim(
            "Nothing lies below the front: ln(loss-matched/norm-matched) >= -0.001 at every answer and on every "
            "trajectory (control: on the fronts of other splits)",
            lambda rows: rows["log_ratio"].clip(-20, 20).min(), -0.001, float("inf"),
            rows=of(None, front="own"), control=of(None, front="other"), table=points,
        ),
        oc.Claim(
            "Heavy ball's decay ends on the front: ln(loss-matched/norm-matched) <= 0.05 on all data (lambda = 10); "
            "Adam's decay does not",
            lambda rows: rows["log_ratio"].max(), -0.001, 0.05,
            rows=of("heavy ball decay", lam=10), control=of("adam decay", lam=10), table=answers,
        ),
        oc.Claim(
            "... at the norm-matched lambda/10 (all data)",
            lambda rows: (rows["norm_matched"] / rows["lam_canonical"]).median(), 0.099, 0.101,
            rows=of("heavy ball decay", lam=10), control=of("gd decay", lam=10), table=answers,
        ),
        oc.Claim(
            "pso ends above the front on all data: ln(loss-matched/norm-matched) >= 0.05 (lambda = 10)",
            lambda rows: rows["log_ratio"].min(), 0.05, float("inf"),
            rows=of("pso", lam=10), control=of("lbfgs", lam=10), table=answers,
        ),
        oc.Claim(
            "Gradient descent out of budget has the norm of at least twice its lambda (cancer, lambda = 0.1)",
            lambda rows: (rows["norm_matched"] / rows["lam_canonical"]).median(), 2.0, float("inf"),
            rows=of("gd", "cancer", 0.1), control=of("lbfgs", "cancer", 0.1), table=answers,
        ),
    ],
)  # fmt: skip

if __name__ == "__main__":
    study.main(
        quick={"seeds": range(2), "budget": 600, "path": 10.0 ** np.linspace(-2, 2, 81)},
        smoke={"seeds": range(2), "budget": 60, "path": 10.0 ** np.linspace(-1, 2, 7), "lambdas": [10, 11],
               "objectives": {"diabetes": linear("diabetes")}},
    )  # fmt: skip
