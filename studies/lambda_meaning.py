"""What does lambda mean to backprop, to a particle swarm and to Nelder-Mead?

The same lambda is put into the error (lbfgs, gradient descent, Adam, pso, nelder_mead, cma_es) or given as decay in
the update (gradient descent, heavy ball, Adam). The meter then reads which lambda each answer looks like the optimum
of.
"""

import optcompare as oc

GD, HeavyBall, Adam = oc.optimizers.GradientDescent, oc.optimizers.HeavyBall, oc.optimizers.Adam


def cancer(seed):
    return oc.linear_objective(oc.load_dataset("breast_cancer", seed=seed), penalty=oc.L2(1.0))


def iris(seed):
    return oc.mlp_objective(oc.load_dataset("iris", seed=seed), hidden=(4,), penalty=oc.L2(1.0))


def diabetes(seed):
    return oc.mlp_objective(oc.load_dataset("diabetes", seed=seed), hidden=(3,), penalty=oc.L2(1.0))


def of(optimizer, objective=None, low=0.0, high=1e9):
    """Select the rows of one arm, on one objective, at nominal lambdas from low to high."""

    def select(frame):
        rows = frame[(frame["optimizer"] == optimizer) & frame["lam"].between(low, high)]
        return rows if objective is None else rows[rows["objective"] == objective]

    return select


def ratio(rows):
    """Implied over nominal lambda: the median over the rows of one seed."""
    return (rows["implied_lambda"] / rows["lam_canonical"]).median()


def worst(rows):
    """Largest relative distance of the implied from the nominal lambda over the rows of one seed."""
    return (rows["implied_lambda"] / rows["lam_canonical"] - 1).abs().max()


def angle(rows):
    return rows["angle"].median()


CANCER, IRIS, DIABETES = "cancer linear", "iris mlp", "diabetes mlp"

study = oc.Study(
    name="lambda_meaning",
    question="What does one lambda mean to backprop, to a particle swarm and to Nelder-Mead?",
    objectives={CANCER: cancer, IRIS: iris, DIABETES: diabetes},
    lambdas=[0.001, 0.01, 0.1, 1, 10, 30],
    optimizers={
        "lbfgs": "lbfgs",
        "gd": GD(),
        "gd decay": oc.InUpdate(GD()),
        "heavy ball decay": oc.InUpdate(HeavyBall()),
        "adam": Adam(learning_rate=0.03),
        "adam decay": oc.InUpdate(Adam(learning_rate=0.03)),
        "pso": "pso",
        "nelder_mead": "nelder_mead",
        "cma_es": "cma_es",
    },
    seeds=range(10),
    budget=oc.Budget(evaluations=8000),
    claims=[
        oc.Claim(
            "In the error, every answer of lbfgs reads the lambda that was put in, to 1 % (cancer, all lambdas)",
            worst, 0.0, 0.01, rows=of("lbfgs", CANCER), control=of("heavy ball decay", CANCER),
        ),
        oc.Claim(
            "In the error, every answer of lbfgs on the MLPs reads it as well, to 1 % (all data, lambda >= 0.1)",
            worst, 0.0, 0.01, rows=of("lbfgs", low=0.1), control=of("heavy ball decay", low=0.1),
        ),
        oc.Claim(
            "In the update, plain gradient descent with decay reads the same lambda (cancer, lambda >= 1)",
            ratio, 0.95, 1.05, rows=of("gd decay", CANCER, low=1), control=of("heavy ball decay", CANCER, low=1),
        ),
        oc.Claim(
            "In the update, momentum 0.9 makes it a tenth: lambda (1 - 0.9) (cancer, lambda >= 10)",
            ratio, 0.095, 0.105, rows=of("heavy ball decay", CANCER, low=10), control=of("gd decay", CANCER, low=10),
        ),
        oc.Claim(
            "Adam's decay is no L2 lambda, Adam's penalty is: the meter's angle above 8 degrees (cancer, lambda >= 10)",
            angle, 8.0, 90.0, rows=of("adam decay", CANCER, low=10), control=of("adam", CANCER, low=10),
        ),
        oc.Claim(
            "In the error, cma_es reads the lambda that was put in (cancer, lambda = 10)",
            ratio, 0.9, 1.1, rows=of("cma_es", CANCER, 10, 10), control=of("heavy ball decay", CANCER, 10, 10),
        ),
        oc.Claim(
            "In the error, nelder_mead reads the lambda that was put in (cancer, lambda = 10)",
            ratio, 0.8, 1.25, rows=of("nelder_mead", CANCER, 10, 10), control=of("heavy ball decay", CANCER, 10, 10),
        ),
        oc.Claim(
            "In the error, pso reads the lambda that was put in (cancer, lambda = 10)",
            ratio, 0.8, 1.25, rows=of("pso", CANCER, 10, 10), control=of("heavy ball decay", CANCER, 10, 10),
        ),
        oc.Claim(
            "In the error, cma_es reads it on the MLPs too, to 10 % (all data, lambda = 30)",
            worst, 0.0, 0.1, rows=of("cma_es", None, 30, 30), control=of("heavy ball decay", None, 30, 30),
        ),
        oc.Claim(
            "A finite budget regularises on its own: gradient descent reads ten times lambda (cancer, lambda <= 0.01)",
            ratio, 10.0, float("inf"), rows=of("gd", CANCER, high=0.01), control=of("lbfgs", CANCER, high=0.01),
        ),
    ],
)  # fmt: skip

if __name__ == "__main__":
    study.main(
        quick={"seeds": range(3), "lambdas": [0.01, 10, 30], "budget": 1500},
        smoke={"objectives": {CANCER: cancer}, "seeds": range(2), "lambdas": [1], "budget": 100},
    )
