"""What does lambda do to hidden units: are they cancelled, made linear, or both - and when is nothing left?

One hidden layer, L2 on all weights, biases free. Around W1 = W2 = 0, with c_i = t_i - mean t (for a softmax: one-hot
minus class frequencies), a_h = act'(b_h) of unit h and C = (1/n) sum x_i c_i', the error is

    const + sum over units [lambda/(2n) (|w_in|^2 + |w_out|^2) - a_h w_in' C w_out] + higher order

and w_in' C w_out <= sigma_max(C) |w_in| |w_out|: zero is a minimum above lambda_c = n max|act'| sigma_max(C), and a
saddle below it. That is local: where the linear correlation C is nil, units live on although lambda_c = 0. Below
lambda_c the penalty acts on the product W1 W2 like its nuclear norm, so that rank falls, mode by mode; how a mode is
shared among units is all the same to it. The text's picture of units switched off one after another is therefore
claimed as drawn, and fails: all units carry the modes that are left, until none is left.

A first run on seeds 0 to 9 counted singular values above 0.01, which at the diabetes data are gone at 0.965 lambda_c
already: "0.953 [0.940, 0.978]", undecided. With the same predictions, 0.001 and new seeds this is the second run.
"""

import numpy as np
import pandas as pd

import optcompare as oc
from optcompare.objective.diagnostics import unit_contributions
from optcompare.report.page import ExtraFigure
from optcompare.report.scales import Scale
from optcompare.report.style import COLOURS, MUTED, SIZE, OptimizerStyles, dress, new_panels

LARGEST_SLOPE = {"tanh": 1.0, "sigmoid": 0.25, "identity": 1.0}
TANH, SIGMOID, DIGITS, LINEAR, PRODUCT = (
    "diabetes, tanh", "diabetes, sigmoid", "digits, tanh", "digits, no hidden layer", "x1 x2, tanh"
)  # fmt: skip
THRESHOLD = 1e-3  # of a singular value, or of a unit's |w_in| |w_out|, that counts as left
FLOOR = 1e-3  # of a figure's logarithmic axis
LAMBDAS = [1, 3, 10, 20, 35, 50, *np.round(np.geomspace(60, 480, 37), 1)]


def diabetes(activation):
    return lambda seed: oc.mlp_objective(
        oc.load_dataset("diabetes", seed=seed), hidden=(8,), activation=activation, penalty=oc.L2(1.0)
    )


def digits(hidden):
    return lambda seed: oc.mlp_objective(
        oc.load_dataset("digits", test_size=0.75, seed=seed), hidden=hidden,
        activation="tanh" if hidden else "identity", penalty=oc.L2(1.0),
    )  # fmt: skip


def product(seed):
    """Return the objective of y = x1 x2 + noise on 200 generated points that come in pairs x, -x: C = 0."""
    rng = np.random.default_rng(seed)
    half = rng.uniform(-2, 2, (100, 2))
    X, noise = np.vstack([half, -half]), np.tile(0.1 * rng.standard_normal(100), 2)
    data = oc.Dataset.from_arrays(X, X[:, 0] * X[:, 1] + noise, task="regression", name="x1 x2 (generated)")
    return oc.mlp_objective(data, hidden=(8,), penalty=oc.L2(1.0))


def collapse(objective, theta):
    """Return lambda_c = n max|act'| sigma_max(C); theta plays no part."""
    X, y = objective.data.X, objective.data.y
    targets = np.eye(objective.data.n_classes)[y] if objective.data.classes else y.reshape(len(X), -1)
    correlation = X.T @ (targets - targets.mean(axis=0)) / len(X)
    return len(X) * LARGEST_SLOPE[objective.model.activation] * float(np.linalg.norm(correlation, 2))


def units(objective, theta):
    return oc.diagnostics(objective, theta, threshold=THRESHOLD).effective_units


def rank(objective, theta):
    return oc.diagnostics(objective, theta, threshold=THRESHOLD).layer_rank


def nonlinearity(objective, theta):
    return oc.diagnostics(objective, theta).nonlinearity


def of(objective, slope=1.0, low=0.0, high=float("inf")):
    """Select an objective's runs from low to high times lambda_c, which is multiplied by ``slope`` first."""

    def select(frame):
        rows = frame[frame["objective"] == objective]
        rows = rows.assign(collapse=rows["collapse"] * slope)
        return rows[(rows["lam"] / rows["collapse"]).between(low, high)]

    return select


def vanishing_point(rows):
    """Where the rank of W1 W2 becomes 0, between two lambdas of the grid, over lambda_c."""
    rows = rows.sort_values("lam")
    above = rows.loc[rows["rank"] > 0, "lam"].max()
    return np.sqrt(above * rows.loc[rows["lam"] > above, "lam"].min()) / rows["collapse"].iloc[0]


def bend_left(rows):
    """Nonlinearity at the last lambda with a unit left over that at the first lambda."""
    rows = rows.sort_values("lam")
    return rows.loc[rows["units"] > 0, "nonlinearity"].iloc[-1] / rows["nonlinearity"].iloc[0]


def at_half(column):
    return lambda rows: rows.loc[(rows["lam"] - 0.5 * rows["collapse"]).abs().idxmin(), column]


def most_units(rows):
    return rows["units"].max()


def over_lambda(results):
    """Return the figure of rank, units and nonlinearity over lambda / lambda_c."""
    frame = results.to_frame()
    frame = frame[frame["objective"] != PRODUCT]
    near = 10 ** (np.round(20 * np.log10(frame["lam"] / frame["collapse"])) / 20)
    styles = OptimizerStyles(frame["objective"])
    panels = new_panels(3, margins=(0.72, 0.25, 0.55, 0.42))
    names = {"rank": "rank of W1 W2", "units": "units left", "nonlinearity": "nonlinearity"}
    tables = []
    for panel, (column, name) in zip(panels, names.items()):
        table = frame.assign(at=near).groupby(["objective", "at"])[column].median().reset_index()
        for style in styles:
            rows = table[table["objective"] == style.label].dropna()
            panel.plot(rows["at"], rows[column], color=style.colour, marker=style.marker, ms=3, label=style.label)
        panel.axvline(1.0, color=MUTED, linestyle=(0, (4, 3)), linewidth=0.9)
        Scale.of(near, kind="log").apply(panel, "x")
        dress(panel, title=name, xlabel="lambda / lambda_c")
        tables.append(table.rename(columns={column: "median", "at": "lambda / lambda_c"}).assign(of=column))
    panels[0].legend(fontsize=SIZE - 2, frameon=False)
    caption = (
        "Medians over seeds; dashed: the predicted collapse. Tanh and sigmoid fall together in units of lambda_c, "
        "although the sigmoid's is a quarter. A linear model has no collapse. All units stay until the rank is small. "
        f"Left: |w_in| |w_out| > {THRESHOLD:g}, for the rank: singular values above it."
    )
    return [ExtraFigure("Rank, units and nonlinearity", caption, panels[0].figure, pd.concat(tables))]


def each_unit(results):
    """Return the figure of every unit's |w_in| |w_out| over lambda, of the first seed."""
    frame = results.to_frame()
    frame = frame[frame["seed"] == frame["seed"].min()].sort_values("lam")
    panels, tables = new_panels(3, margins=(0.72, 0.25, 0.55, 0.42)), []
    for panel, (label, source) in zip(panels, [(TANH, diabetes("tanh")), (DIGITS, digits((12,))), (PRODUCT, product)]):
        rows, layout = frame[frame["objective"] == label], source(0).layout
        sizes = []
        for key in rows["key"]:
            matrices = [piece for piece in layout.unpack(results.run(key)["theta"]) if piece.ndim == 2]
            sizes.append(np.sort(unit_contributions(matrices)[0])[::-1])
        panel.plot(rows["lam"], np.maximum(sizes, FLOOR), color=COLOURS[0], alpha=0.6, linewidth=1.1)
        if rows["collapse"].iloc[0] > LAMBDAS[0]:
            panel.axvline(rows["collapse"].iloc[0], color=MUTED, linestyle=(0, (4, 3)), linewidth=0.9)
        Scale.of(rows["lam"], kind="log").apply(panel, "x")
        Scale.of([FLOOR, np.max(sizes)], kind="log").apply(panel, "y")
        dress(panel, title=label, xlabel="lambda", ylabel="|w_in| |w_out| of each unit")
        tables.append(pd.DataFrame(sizes).assign(objective=label, lam=rows["lam"].to_numpy())[::6])
    caption = "First seed, units sorted by size at every lambda; dashed: the predicted collapse (at 0 for x1 x2). "
    caption += f"What is below {FLOOR:g} is drawn there."
    return [ExtraFigure("Each hidden unit's weight in the network", caption, panels[0].figure, pd.concat(tables))]


study = oc.Study(
    name="hidden_units",
    question="Does lambda cancel hidden units or make them linear, and at which lambda is nothing left?",
    objectives={
        TANH: diabetes("tanh"), SIGMOID: diabetes("sigmoid"), DIGITS: digits((12,)), LINEAR: digits(()),
        PRODUCT: product,
    },
    lambdas=LAMBDAS,
    optimizers=["lbfgs"],
    seeds=range(10, 20),
    budget=oc.Budget(evaluations=6000),
    measurements={"collapse": collapse, "units": units, "rank": rank, "nonlinearity": nonlinearity},
    figures=[over_lambda, each_unit],
    claims=[
        oc.Claim(
            "tanh: the rank becomes 0 at lambda_c = n sigma_max(C) (diabetes; control: the sigmoid judged by slope 1)",
            vanishing_point, 0.95, 1.05, rows=of(TANH), control=of(SIGMOID, slope=4),
        ),
        oc.Claim(
            "sigmoid: it does so at a quarter of that, max|act'| = 1/4 (diabetes; control: tanh judged by slope 1/4)",
            vanishing_point, 0.95, 1.05, rows=of(SIGMOID), control=of(TANH, slope=0.25),
        ),
        oc.Claim(
            "The same formula holds for a softmax over ten classes (digits, tanh; control: the sigmoid judged by "
            "slope 1)",
            vanishing_point, 0.95, 1.05, rows=of(DIGITS), control=of(SIGMOID, slope=4),
        ),
        oc.Claim(
            "Below it the rank falls: at lambda_c/2 it is at most 5 of 9 (digits; control: no hidden layer)",
            at_half("rank"), 1, 5, rows=of(DIGITS), control=of(LINEAR),
        ),
        oc.Claim(
            "Units become linear before they vanish: at the last lambda with a unit left a tenth of the nonlinearity "
            "or less remains (diabetes, tanh; control: x1 x2, which no linear unit can learn)",
            bend_left, 0.0, 0.1, rows=of(TANH), control=of(PRODUCT),
        ),
        oc.Claim(
            "The formula is local: on x1 x2, where C = 0 predicts no unit at any lambda > 0, three and more are left "
            "(control: diabetes, 10 % above lambda_c)",
            most_units, 3, 8, rows=of(PRODUCT, low=1.1), control=of(TANH, low=1.1),
        ),
        oc.Claim(
            "As drawn in the text, units are cancelled one after another: at lambda_c/2, with half of the rank gone, "
            "at most 8 of 12 are left (digits; control: at lambda = 1)",
            most_units, 0, 8, rows=of(DIGITS, low=0.47, high=0.53), control=of(DIGITS, high=0.01),
        ),
    ],
)  # fmt: skip

if __name__ == "__main__":
    study.main(
        quick={"seeds": range(2), "lambdas": [1, 10, 50, *np.round(np.geomspace(60, 480, 13), 1)]},
        smoke={
            "seeds": range(2),
            "lambdas": [1, 450],
            "budget": 150,
            "objectives": {TANH: diabetes("tanh"), DIGITS: digits((12,)), PRODUCT: product},
        },
    )
