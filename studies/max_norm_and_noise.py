"""Which lambda is a max-norm, input noise or dropout, and what does noise do to optimizers that keep their best?

max-norm: the minimiser of the loss subject to |w| <= r is an L2 optimum, at a lambda that the meter reads off it; r is
chosen here so that this lambda is known. With a radius for each neuron, every neuron has a lambda of its own. A ball
that is too wide has multiplier 0; a direct search must find its way into it, since every error is that of the projected
point, and outside only the direction of w counts.

Noise: for a linear model and the squared error, E[loss under N(0, s^2) input noise] = loss + s^2/2 |w|^2, which is
ridge with lambda = n s^2; inverted dropout, each input dropped with probability p, is ridge with lambda = n p/(1 - p)
where inputs are standardised. Under cross-entropy neither is ridge; to second order the noise penalises in proportion
to the loss's curvature q(1 - q) <= 1/4, q the probability of a class, so that it should read below n s^2/4. (It reads
far below: the data are separable and the weights grow; lbfgs on 100 frozen draws, run to its end, reads 0.01 n s^2.)

Elitism: pso, nelder_mead and cma_es answer with the best value they were shown. Under fresh noise that is the luckiest
of N draws, up to sqrt(2 ln N) standard deviations below its mean, and points worse by as much can win. Frozen draws
leave little luck, but k of them cost k passes an evaluation. Regret: expected error above the least, in closed form.

Thresholds were fixed on seeds 100 to 102, which are not among the study's; the claims on the wide ball came after a
first run, in which cma_es (8 seeds of 10) and pso (5) ended outside of it at a worse error: both were mended for it.
"""

import numpy as np
import pandas as pd

import optcompare as oc
from optcompare.analysis.monitored import monitored_table
from optcompare.analysis.summaries import median_interval
from optcompare.report.page import ExtraFigure
from optcompare.report.plots_monitored import plot_monitored
from optcompare.report.style import INK, MUTED, PAPER, dress, figure_of, new_panels

GD = oc.optimizers.GradientDescent
STD, DROPPED = 0.5, 0.2
BALLS = {"max-norm of L2 10": 10.0, "max-norm of L2 100": 100.0, "max-norm, loose": 10.0}  # and the lambda read against
NEURONS, NOISE, DROPOUT = "max-norm per neuron", "input noise", "dropout"
ENTROPY, ENTROPY_DROPOUT = "input noise, cross-entropy", "dropout, cross-entropy"
ROW, ONE, TEN = "input noise, each row", "input noise, 1 frozen", "input noise, 10 frozen"
POLICIES = {ROW: "fresh, each row", NOISE: "fresh, each call", ONE: "1 frozen draw", TEN: "10 frozen draws"}
DIRECT = ("pso", "nelder_mead", "cma_es")


def ridge(data, lam):
    """Return the weights (p, k) that minimise 1/2 sum of squared errors + lam/2 |w|^2."""
    y = (data.y - data.y.mean(axis=0)).reshape(data.n_samples, -1)
    return np.linalg.solve(data.X.T @ data.X + lam * np.eye(data.n_features), data.X.T @ y)


def ball(lam, times=1.0):
    """Constrain diabetes to the norm of its ridge answer at lam."""

    def objective(seed):
        data = oc.load_dataset("diabetes", seed=seed)
        return oc.linear_objective(data, penalty=oc.MaxNorm(times * np.linalg.norm(ridge(data, lam))))

    return objective


def neurons(seed):
    return oc.linear_objective(oc.load_dataset("linnerud", seed=seed), penalty=oc.MaxNorm(0.3, per_neuron=True))


def noisy(name, noise):
    return lambda seed: oc.linear_objective(oc.load_dataset(name, seed=seed), noise=noise)


def multiplier(objective, theta):
    is_ball = objective.is_constrained and not objective.penalty.per_neuron
    return oc.implied_multiplier(objective, theta) if is_ball else np.nan


def off_ridge(is_common):
    """Return a measurement: the largest |w_k - ridge_k|/|w_k| over neurons k, at their own or at one common lambda."""

    def distance(objective, theta):
        if not (objective.is_constrained and objective.penalty.per_neuron):
            return np.nan
        lams = oc.implied_multiplier(objective, theta)
        if is_common:
            lams = np.full_like(lams, oc.implied_lambda(objective, theta).value)
        W = objective.layout.unpack(theta)[0]
        gaps = [W[:, k] - ridge(objective.data, lam)[:, k] for k, lam in enumerate(lams)]
        return (np.linalg.norm(gaps, axis=1) / np.linalg.norm(W, axis=0)).max()

    return distance


def lambda_of_noise(objective):
    noise = objective.noise[0]
    share = noise.std**2 if isinstance(noise, oc.InputNoise) else noise.probability / (1.0 - noise.probability)
    return objective.n_samples * share


def over_ridge(objective, theta):
    """Return implied lambda over the lambda of the ridge that the noise amounts to under squared error."""
    return oc.implied_lambda(objective, theta).value / lambda_of_noise(objective) if objective.is_noisy else np.nan


def least_error(objective, theta):
    """Return the least expected error, that of ridge."""
    if not objective.is_noisy or objective.data.task != "regression":
        return np.nan
    exact = oc.linear_objective(objective.data, penalty=oc.L2(lambda_of_noise(objective)))
    w = ridge(objective.data, exact.lam)
    return exact.value(np.where(exact.is_weight, np.append(w, 0.0), objective.data.y.mean()))


def above_least(table):
    """Return the expected error under input noise, loss + s^2/2 |w|^2, above the least."""
    return table["loss"] + 0.5 * STD**2 * table["norm"] ** 2 - table["least error"]


def luck(rows):
    """Return by how many standard deviations of a draw the answer was shown better than it is.

    Var[mean over n items of 1/2 (r - u)^2] = (mean r^2 t^2 + t^4/2)/n for u ~ N(0, t^2), t = s |w|; mean r^2 = 2 loss.
    """
    t2 = STD**2 * rows["norm"] ** 2
    std = np.sqrt((2.0 * rows["loss"] * t2 + 0.5 * t2**2) / rows["n_samples"])
    return ((above_least(rows) + rows["least error"] - rows["best_shown"]) / std).median()


def regret_ratio(above, below):
    def ratio(rows):
        regret = above_least(rows).groupby(rows["objective"]).median()
        return regret.get(above, np.nan) / regret.get(below, np.nan)

    return ratio


def over_known(rows):
    """Return the multiplier over the lambda that it should be: the reading that is furthest off."""
    ratios = rows["multiplier"] / rows["objective"].map(BALLS)
    return ratios.iloc[int(np.argmax(np.abs(ratios.to_numpy() - 1.0)))]


def middle(column):
    return lambda rows: rows[column].median()


def of(optimizer, *objectives):
    return lambda frame: frame[(frame["optimizer"] == optimizer) & frame["objective"].isin(objectives)]


def at_common_lambda(frame):
    return of("gd", NEURONS)(frame).assign(**{"off ridge": lambda rows: rows["off ridge, common lambda"]})


def shown_and_true(results):
    """Return the main figure: what each optimizer reported, and what its answer is worth."""
    frame = results.to_frame()
    frame = frame[frame["objective"].isin(POLICIES)]
    arms = [name for name in results.description["optimizers"] if name in DIRECT]
    rows = []
    for panel, name in zip(new_panels(len(arms), margins=(1.15, 0.25, 0.55, 0.42)), arms, strict=True):
        for place, (label, policy) in enumerate(POLICIES.items()):
            part = of(name, label)(frame)
            true, shown = above_least(part), part["best_shown"] - part["least error"]
            for height, values, face in ((0.12, true, INK), (-0.12, shown, PAPER)):
                middle_, low, high = median_interval(values)
                panel.hlines(place + height, low, high, color=MUTED, linewidth=1.1)
                panel.plot(middle_, place + height, marker="o", markersize=5, color=INK, markerfacecolor=face)
                rows.append((name, policy, "true" if face == INK else "shown", middle_, low, high))
        panel.axvline(0.0, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        dress(panel, title=name, xlabel="error above the least expected error")
        panel.set_xscale("symlog", linthresh=1e-2)
        panel.set_xlim(-0.1, 1.0)
        panel.set_xticks([-0.1, -0.01, 0, 0.01, 0.1, 1], ["-0.1", "-0.01", "0", "0.01", "0.1", "1"])
        panel.set_yticks(range(len(POLICIES)), list(POLICIES.values()))
        panel.set_ylim(len(POLICIES) - 0.5, -0.5)
    table = pd.DataFrame(rows, columns=["optimizer", "draws", "what", "median", "low", "high"])
    caption = (
        "Input noise, squared error: hollow, the value that the answer was shown with; filled, its expected error. "
        "Both above the least expected error, linear within 0.01; medians and intervals over seeds. What is shown to "
        "the left of 0 no point has: a lucky draw, or one frozen draw that is easier than the mean."
    )
    return [ExtraFigure("Reported and true", caption, figure_of(panel), table)]


def regret_over_cost(results):
    """Return the figure of regret over the cost, a panel an optimizer, a line a policy."""
    frame = results.to_frame()
    traces = results.traces()
    traces = traces[traces["objective"].isin(POLICIES)]
    traces = traces.merge(
        frame[["objective", "optimizer", "seed", "least error"]], on=["objective", "optimizer", "seed"]
    )
    swapped = {"objective": traces["optimizer"], "optimizer": traces["objective"].map(POLICIES)}
    table = monitored_table(traces.assign(regret=above_least(traces), **swapped), "regret")
    figure = figure_of(plot_monitored(table, ylabel="expected error above the least", kind="log"))
    caption = "Expected error of the current answer above the least, over the cost: median and quartiles over seeds."
    return [ExtraFigure("Regret under noise", caption, figure, table[table["cost"] == table["cost"].max()])]


study = oc.Study(
    name="max_norm_and_noise",
    question="Which lambda is a max-norm, input noise or dropout, and what does noise do to those who keep their best?",
    objectives={
        "max-norm of L2 10": ball(10.0),
        "max-norm of L2 100": ball(100.0),
        "max-norm, loose": ball(0.0, times=2.0),
        NEURONS: neurons,
        DROPOUT: noisy("diabetes", oc.Dropout(DROPPED)),
        **{label: noisy("diabetes", oc.InputNoise(STD)) for label in POLICIES},
        ENTROPY: noisy("breast_cancer", oc.InputNoise(STD)),
        ENTROPY_DROPOUT: noisy("breast_cancer", oc.Dropout(DROPPED)),
    },
    draws={ROW: oc.Redraw("row"), ONE: oc.Frozen(1), TEN: oc.Frozen(10)},  # elsewhere, one draw a call
    optimizers={
        "gd": GD(),
        "gd 1/t": GD(schedule=oc.optimizers.InverseTime(half=50)),
        **{name: name for name in DIRECT},
    },
    seeds=range(10),
    budget=oc.Budget(evaluations=6000),
    measurements={
        "multiplier": multiplier,
        "off ridge": off_ridge(is_common=False),
        "off ridge, common lambda": off_ridge(is_common=True),
        "over ridge": over_ridge,
        "least error": least_error,
    },
    claims=[
        *[
            oc.Claim(
                f"max-norm's multiplier at {name}'s answer is the lambda of the L2 optimum of that norm (ratio)",
                over_known, 0.98, 1.02,
                rows=of(name, *list(BALLS)[:2]), control=of(name, "max-norm, loose"),
            )
            for name in ("gd", *DIRECT)
        ],
        *[
            oc.Claim(
                f"A ball twice too wide does not hold {name} back: multiplier 0",
                middle("multiplier"), -0.01, 0.01,
                rows=of(name, "max-norm, loose"), control=of(name, "max-norm of L2 10"),
            )
            for name in DIRECT
        ],
        oc.Claim(
            "A max-norm per neuron is ridge with a lambda per neuron, not with one for all (distance over norm)",
            middle("off ridge"), -1e-9, 0.01, rows=of("gd", NEURONS), control=at_common_lambda,
        ),
        oc.Claim(
            "Squared error: input noise s reads as ridge with lambda = n s^2 (ratio)",
            middle("over ridge"), 0.9, 1.1, rows=of("gd 1/t", NOISE), control=of("gd 1/t", ENTROPY),
        ),
        oc.Claim(
            "Squared error: dropout p reads as ridge with lambda = n p/(1 - p) (ratio)",
            middle("over ridge"), 0.9, 1.1, rows=of("gd 1/t", DROPOUT), control=of("gd 1/t", ENTROPY_DROPOUT),
        ),
        oc.Claim(
            "Cross-entropy: input noise reads below n s^2/4, as its curvature bounds it (ratio)",
            middle("over ridge"), 0.0, 0.25, rows=of("gd 1/t", ENTROPY), control=of("gd 1/t", NOISE),
        ),
        oc.Claim(
            "Cross-entropy: the answer under input noise is no L2 optimum, the meter's angle above 8 degrees",
            middle("angle"), 8.0, 90.0, rows=of("gd 1/t", ENTROPY), control=of("gd 1/t", NOISE),
        ),
        *[
            oc.Claim(
                f"Fresh noise: {name}'s reported best is a lucky draw, by 1.5 to 5 standard deviations",
                luck, 1.5, 5.0, rows=of(name, ROW), control=of(name, TEN),
            )
            for name in DIRECT
        ],
        *[
            oc.Claim(
                f"Fresh noise at least doubles {name}'s regret against {POLICIES[label]} (ratio)",
                regret_ratio(ROW, label), 2.0, float("inf"),
                rows=of(name, ROW, label), control=of("gd 1/t", ROW, label),
            )
            for name, label in (("pso", ONE), ("nelder_mead", TEN), ("cma_es", TEN))
        ],
        oc.Claim(
            "The price: with 10 frozen draws pso has at least twice the regret of 1 frozen draw (ratio)",
            regret_ratio(TEN, ONE), 2.0, float("inf"), rows=of("pso", TEN, ONE), control=of("nelder_mead", TEN, ONE),
        ),
        oc.Claim(
            "One draw for a whole generation halves cma_es's regret under fresh noise, at no price (ratio)",
            regret_ratio(NOISE, ROW), 0.0, 0.5, rows=of("cma_es", NOISE, ROW), control=of("nelder_mead", NOISE, ROW),
        ),
    ],
    figures=[shown_and_true, regret_over_cost],
    notes="The claims on the wide ball were added after a first run, in which cma_es (8 seeds of 10) and pso (5) ended "
    "outside of it; both were mended.",
)  # fmt: skip

if __name__ == "__main__":
    study.main(
        quick={"seeds": range(2), "budget": 1500},
        smoke={
            "seeds": range(2),
            "budget": 40,
            "objectives": {label: study.objectives[label] for label in ("max-norm of L2 10", NEURONS, ROW, TEN)},
            "draws": {label: study.draws[label] for label in (ROW, TEN)},
            "optimizers": {name: study.optimizers[name] for name in ("gd 1/t", "pso")},
        },
    )
