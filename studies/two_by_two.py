"""Penalty in the error or decay in the update, by gradient or directly: what one lambda means in each of the four.

Logistic regression on breast_cancer. In the error lambda belongs to the problem, and whoever minimizes it reads it. In
the update each method gets the naive transcription: after a step the fraction rate * lambda/n of the original weight is
subtracted; for a swarm, whose moves have no rate, lambda/n of each particle's old position.
"""

from dataclasses import replace

import optcompare as oc

O = oc.optimizers  # noqa: E741
CELLS = {  # (where lambda is, what is used) -> arms
    ("error", "gradient"): ("lbfgs", "gd"),
    ("update", "gradient"): ("gd decay", "heavy ball decay", "adam decay"),
    ("error", "direct"): ("nelder_mead", "cma_es", "pso"),
    ("update", "direct"): ("spsa decay", "evolution decay", "pso decay"),
}


class PositionDecay(oc.Bare):
    """A swarm whose particles lose lambda/n of their old position in each move."""

    def bind(self, objective):
        """Return the bare loss and the swarm with its decay."""
        decay = objective.penalty_scale * objective.lam_canonical
        return objective.without_penalty(), replace(self.optimizer, decay=decay)


def cancer(seed):
    return oc.linear_objective(oc.load_dataset("breast_cancer", seed=seed), penalty=oc.L2(1.0))


def of(optimizer, low=0.0, high=1e9):
    return lambda frame: frame[(frame["optimizer"] == optimizer) & frame["lam"].between(low, high)]


def ratio(rows):
    """Implied over nominal lambda: the median over the rows of one seed."""
    return float((rows["implied_lambda"] / rows["lam_canonical"]).median())


def claim(statement, low, high, rows, control):
    return oc.Claim(f"{statement}: implied over nominal", ratio, low, high, rows=rows, control=control)


def angle(rows):
    return rows["angle"].median()


HEAVY = of("heavy ball decay", 10, 100)
CLAIMS = [
    claim("gradient, in the error (gd, lambda >= 1)", 0.99, 1.01, of("gd", 1), HEAVY),
    claim("gradient, in the update (gd decay, lambda >= 1): the same", 0.99, 1.01, of("gd decay", 1), HEAVY),
    claim("gradient, in the update (heavy ball, lambda >= 10): a tenth", 0.095, 0.105, HEAVY, of("gd decay", 10, 100)),
    oc.Claim(
        "gradient, in the update (adam, lambda >= 10): no L2, the angle is above 8 degrees", angle, 8.0, 90.0,
        rows=of("adam decay", 10), control=of("gd decay", 10),
    ),
    *(
        claim(f"direct, in the error ({name}, lambda = 10 to 100)", 0.9, 1.1, of(name, 10, 100), HEAVY)
        for name in ("nelder_mead", "cma_es", "pso")
    ),
    *(
        claim(f"direct, in the update ({name}, lambda = 10 to 100)", 0.9, 1.1, of(name, 10, 100), HEAVY)
        for name in ("spsa decay", "evolution decay")
    ),
    oc.Claim(
        "direct, in the update (pso): position decay is no L2, lambda = 10 to 100 leaves an angle above 8 degrees",
        angle, 8.0, 90.0, rows=of("pso decay", 10, 100), control=of("pso", 10, 100),
    ),
]  # fmt: skip


def figures(results):
    from optcompare.analysis.summaries import implied_lambda_table
    from optcompare.report.page import ExtraFigure
    from optcompare.report.plots_two_by_two import plot_two_by_two
    from optcompare.report.style import figure_of

    table = implied_lambda_table(results.to_frame())
    return [
        ExtraFigure(
            "Two by two",
            "The lambda that the meter reads over the lambda that was put in: medians over seeds with their interval; "
            "hollow: at most half of the readings are identified as an L2 lambda at all. Dashed: implied = nominal.",
            figure_of(plot_two_by_two(table, CELLS)), table.drop(columns=["objective"]),
        )
    ]  # fmt: skip


study = oc.Study(
    name="two_by_two",
    question="Penalty in the error or decay in the update, by gradient or directly: what does one lambda mean?",
    objectives={"cancer linear": cancer},
    lambdas=[0.1, 1, 10, 30, 100],
    optimizers={
        "lbfgs": "lbfgs",
        "gd": O.GradientDescent(learning_rate=0.3, update_tolerance=1e-9),
        "gd decay": oc.InUpdate(O.GradientDescent(learning_rate=0.3, update_tolerance=1e-9)),
        "heavy ball decay": oc.InUpdate(O.HeavyBall(learning_rate=0.1, update_tolerance=1e-9)),
        "adam decay": oc.InUpdate(O.Adam(learning_rate=0.03, schedule=O.Cosine(9000))),
        "nelder_mead": "nelder_mead",
        "cma_es": "cma_es",
        "pso": "pso",
        "spsa decay": oc.InUpdate(O.Spsa()),
        "evolution decay": oc.InUpdate(
            O.EvolutionStrategy(
                pairs=30, sigma=0.02, shaping="raw", divide_by_sigma=True, learning_rate=0.3, schedule=O.Cosine(500)
            )
        ),
        "pso decay": PositionDecay("pso"),
    },
    seeds=range(10),
    budget=oc.Budget(evaluations=30_000),
    claims=CLAIMS,
    figures=[figures],
)

if __name__ == "__main__":
    study.main(
        quick={"seeds": range(2), "lambdas": [1, 10, 100], "budget": 3000},
        smoke={"seeds": range(2), "lambdas": [10], "budget": 100},
    )
