"""Which options does each optimizer of dfo_benchmark.py take when it may try as often as every other?

Each optimizer has the same number of trials: its defaults, and options drawn at random from the ranges in ``SPACES``. A
trial is run on the tuning problems of dfo_problems.py (four generated data sets, and copper and committee of
statsmodels), none of which is in the benchmark, from two starts, with the benchmark's budget of 100 (d + 1) passes. Its
score is

    mean over problems, starts and targets tau = 1e-1 .. 1e-7 of log10(passes to the target / (d + 1)),

a target that is missed counted at ten times the budget; tau = (J - J*)/(mean first J - J*), J* the least error
of all runs. The least score wins, the defaults in a tie. The full run writes dfo_tuned.json: the winners, what the
tuning cost each optimizer in passes and seconds, versions, the data's hash and the date. A run is killed after ten
seconds. --quick and --smoke write nothing.
"""

import datetime
import json
import zlib
from pathlib import Path

import numpy as np
from dfo_problems import tuning_problems

import optcompare as oc
from optcompare.optimizers.base import optimizer_names
from optcompare.optimizers.options import PerRate
from optcompare.runs.describe import digest
from optcompare.runs.measure import versions
from optcompare.study import parse_script_options

TRIALS, SEEDS, BUDGET = 12, range(2), oc.Budget(per_dimension=100)
TAUS = 10.0 ** -np.arange(1, 8)
MISSED = 10.0  # budgets that a missed target counts
FILE = Path(__file__).with_name("dfo_tuned.json")
DOUBLES = ("fast_",)  # their namesakes' rules, with less work of their own


def names():
    """Return every registered optimizer that is compared: no doubles, no constant predictor."""
    return [name for name in optimizer_names() if not name.startswith(DOUBLES) and name != "constant_predictor"]


# What options are drawn from: functions of a generator.


def log(low, high):
    return lambda rng: float(f"{np.exp(rng.uniform(np.log(low), np.log(high))):.3g}")


def flat(low, high):
    return lambda rng: float(f"{rng.uniform(low, high):.3g}")


def one(*values):
    return lambda rng: values[rng.integers(len(values))]


SCHEDULE = one("constant", {"InverseTime": 30}, {"InverseTime": 100}, {"InverseTime": 300})
MOMENTUM = one(0.5, 0.8, 0.9, 0.95, 0.99)
SHRINKING = {"initial_step": log(0.05, 2), "final_step": log(1e-10, 1e-4)}
SWARM = {
    "particles": one(10, 20, 30, 50), "inertia": flat(0.4, 0.8), "cognitive": flat(0.5, 2.2), "social": flat(0.5, 2.2),
    "initial_spread": log(0.1, 2),
}  # fmt: skip
SPACES = {
    "adagrad": {"learning_rate": log(1e-3, 3)},
    "adam": {"learning_rate": log(1e-3, 1), "momentum": one(0.8, 0.9, 0.95), "scale_decay": one(0.9, 0.99, 0.999),
             "schedule": SCHEDULE},
    "adamw": {"learning_rate": log(1e-3, 1), "momentum": one(0.8, 0.9, 0.95), "scale_decay": one(0.9, 0.99, 0.999),
              "schedule": SCHEDULE, "decay": lambda rng: {"PerRate": log(1e-8, 1e-2)(rng)}},
    "clipped_gradient": {"learning_rate": log(1e-2, 10), "clip_norm": log(0.03, 10), "momentum": one(0.0, 0.5, 0.9)},
    "cma_es": {"initial_step": log(0.05, 2), "population": one(None, 6, 10, 20), "covariance": one("full", "diagonal")},
    "cobyla": SHRINKING,
    "cobyqa": SHRINKING,
    "differential_evolution": {"population": one(None, 10, 20, 40), "spread": log(0.1, 3),
                               "mutation_low": flat(0.2, 0.6), "mutation_high": flat(0.6, 1.2),
                               "recombination": flat(0.5, 1)},
    "dual_annealing": {"temperature": log(1, 5e4), "visit": flat(1.5, 2.9), "accept": flat(-100, -5)},
    "evolution_strategy": {"pairs": one(3, 5, 10, 20), "sigma": log(0.003, 0.3), "learning_rate": log(0.03, 3),
                           "momentum": one(0.0, 0.5, 0.9), "schedule": SCHEDULE},
    "gradient_descent": {"learning_rate": log(0.03, 10)},
    "heavy_ball": {"learning_rate": log(1e-3, 3), "momentum": MOMENTUM},
    "lbfgs": {"memory": one(3, 5, 10, 20, 40), "line_search_steps": one(5, 10, 20, 50)},
    "nelder_mead": {"initial_step": log(0.05, 3), "adaptive": one(True, False)},
    "nesterov": {"learning_rate": log(1e-3, 3), "momentum": MOMENTUM},
    "normalised_gradient": {"learning_rate": log(1e-3, 1), "schedule": SCHEDULE, "momentum": one(0.0, 0.5, 0.9)},
    "powell": {"initial_step": log(0.1, 5), "x_tolerance": log(1e-8, 1e-2)},
    "pso": SWARM,
    "pso_ring": {**SWARM, "neighbours": one(3, 5, 8)},
    "random_search": {"scale": log(0.05, 3), "distribution": one("normal", "uniform")},
    "rmsprop": {"learning_rate": log(1e-3, 0.3), "scale_decay": one(0.9, 0.99, 0.999), "schedule": SCHEDULE},
    "sign_descent": {"learning_rate": log(1e-3, 0.3), "momentum": one(0.5, 0.9, 0.99), "schedule": SCHEDULE},
    "spsa": {"learning_rate": log(0.1, 30), "stability": log(1, 1000), "perturbation": log(1e-3, 0.3)},
}  # fmt: skip


def drawn(name, trial):
    """Return the options of one trial, plain values; trial 0 is the defaults."""
    rng = np.random.default_rng([trial, zlib.crc32(name.encode())])
    return {} if trial == 0 else {option: draw(rng) for option, draw in SPACES.get(name, {}).items()}


def built(name, options):
    """Return the optimizer with options as they are in the file."""
    makers = {"InverseTime": oc.optimizers.InverseTime, "PerRate": PerRate}

    def value(given):
        if isinstance(given, dict):
            ((kind, number),) = given.items()
            return makers[kind](number)
        return given

    return oc.optimizers.base.get_optimizer(name, **{option: value(given) for option, given in options.items()})


def tuned():
    """Return name -> optimizer, as dfo_tuned.json has it."""
    found = json.loads(FILE.read_text())["optimizers"]
    return {name: built(name, entry["options"]) for name, entry in found.items()}


def scored(results):
    """Return one row a run: optimizer, trial, score, passes, seconds."""
    frame, store = results.to_frame(), results.store
    frame[["name", "trial"]] = frame["optimizer"].str.split(" #", expand=True)
    rows = []
    for _, runs in frame.groupby("objective"):
        traces = {key: store.run(results.study, key)["trace"] for key in runs["key"]}
        traces = {key: trace for key, trace in traces.items() if trace is not None and len(trace)}
        errors = {key: np.nan_to_num(np.minimum.accumulate(t[:, 3]), nan=np.inf) for key, t in traces.items()}
        least, first = min(e.min() for e in errors.values()), np.mean([e[0] for e in errors.values()])
        for run in runs.itertuples():
            budget, cost = run.budget, MISSED * run.budget * np.ones(len(TAUS))
            if run.key in errors:
                trace = traces[run.key]
                reached = errors[run.key][:, None] <= least + TAUS * (first - least)
                passes = trace[:, 0] + run.gradient_price * np.nan_to_num(trace[:, 1])
                cost = np.where(reached.any(axis=0), passes[reached.argmax(axis=0)], MISSED * budget)
            score = float(np.log10(cost / (run.dim + 1)).mean())
            spent = run.cost if np.isfinite(run.cost) else budget
            rows.append((run.name, int(run.trial), score, spent, run.seconds))
    return rows


def winners(results):
    """Return name -> options, score, default score, passes and seconds of its tuning."""
    import pandas as pd

    table = pd.DataFrame(scored(results), columns=["name", "trial", "score", "passes", "seconds"])
    found = {}
    for name, runs in table.groupby("name"):
        scores = runs.groupby("trial")["score"].mean()
        best = int(scores.idxmin())  # the first of equals: the defaults are trial 0
        found[name] = {
            "options": drawn(name, best), "trial": best, "score": round(float(scores[best]), 4),
            "default_score": round(float(scores[0]), 4), "passes": round(float(runs["passes"].sum())),
            "seconds": round(float(runs["seconds"].sum()), 1),
        }  # fmt: skip
    return found


def study_of(suffix="", optimizers=None, problems=None, trials=TRIALS, seeds=SEEDS):
    arms = {
        f"{name} #{trial}": built(name, drawn(name, trial)) for name in optimizers or names() for trial in range(trials)
    }
    return oc.Study(
        name=f"dfo_tuning{suffix}",
        question="Which options does each optimizer take when it may try as often as every other?",
        objectives=problems or tuning_problems(),
        optimizers=arms,
        seeds=seeds,
        budget=BUDGET,
    )


def main(argv=None):
    """Tune, print what it cost, and (the full run) write the file."""
    options = parse_script_options(__doc__.splitlines()[0], argv)
    study = study_of()
    if options.quick or options.smoke:
        few = tuning_problems() if options.quick else {"correlated ridge": tuning_problems()["correlated ridge"]}
        chosen = ["adam", "nelder_mead", "pso", "random_search"] if options.quick else ["adam", "pso"]
        study = study_of("-quick" if options.quick else "-smoke", chosen, few, 4 if options.quick else 2, [0])
    folder = Path(options.out or Path("out") / study.name)
    folder.mkdir(parents=True, exist_ok=True)
    results = study.run(options.store or folder / "runs.db", jobs=options.jobs, run_timeout=options.run_timeout or 10.0)
    found = winners(results)
    print(f"{'optimizer':<24}{'trial':>6}{'score':>8}{'default':>9}{'passes':>10}{'seconds':>9}  options")
    for name, entry in found.items():
        print(f"{name:<24}{entry['trial']:>6}{entry['score']:>8.3f}{entry['default_score']:>9.3f}"
              f"{entry['passes']:>10}{entry['seconds']:>9.1f}  {entry['options']}")  # fmt: skip
    total = {what: round(sum(entry[what] for entry in found.values())) for what in ("passes", "seconds")}
    print(f"tuning cost {total['passes']} passes, {total['seconds']} s, {TRIALS} trials an optimizer")
    if study.name == "dfo_tuning":
        FILE.write_text(json.dumps(provenance(study, total) | {"optimizers": found}, indent=1) + "\n")
    return found


def provenance(study, total):
    """Return where the winners come from."""
    return {
        "made_by": "studies/dfo_tuning.py", "date": datetime.date.today().isoformat(),
        "trials": TRIALS, "seeds": list(SEEDS), "budget": "100 (d + 1) passes", "cost": total,
        "problems": {label: objective.formula() for label, objective in study.objectives.items()},
        "data_hash": digest(dict(study.objectives))[:16],
        "versions": versions(("pyswarms", "cma", "scikit-learn", "statsmodels")),
    }  # fmt: skip


if __name__ == "__main__":
    main()
