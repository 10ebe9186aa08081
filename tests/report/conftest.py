"""Tables such as a study leaves behind, made without running anything."""

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from optcompare.analysis.curves import Curves
from optcompare.report.cost_axes import cost_axes
from optcompare.report.page import ReportContent, write_report

OPTIMIZERS = ("lbfgs", "gd in error", "gd decay", "heavy ball decay", "adam decay", "pso", "nelder_mead", "cma_es")
LAMBDAS = (0.001, 0.01, 0.1, 1.0, 10.0, 30.0)
FACTORS = {"heavy ball decay": 0.1, "adam decay": 40.0}


def make_frame(objectives=("cancer", "iris"), lambdas=LAMBDAS, optimizers=OPTIMIZERS, n_seeds=6, seed=0):
    """Return a table of runs in which each optimizer has its own implied lambda, some unidentified, some failed."""
    rng = np.random.default_rng(seed)
    rows = []
    for objective, lam, optimizer, run in itertools.product(objectives, lambdas, optimizers, range(n_seeds)):
        factor = FACTORS.get(optimizer, 1.0)
        spread = 0.6 if optimizer in ("pso", "nelder_mead") else 0.02
        implied = lam * factor * np.exp(spread * rng.standard_normal())
        if optimizer == "pso" and lam < 0.05:
            implied = rng.normal(0.02, 0.05)  # below its resolution: sometimes negative
        norm = 8 / (1 + implied if implied > 0 else 1) ** 0.4
        loss = 0.05 + 0.08 * np.log1p(max(implied, 0))
        status = "FINISHED" if optimizer == "lbfgs" else "BUDGET"
        message = "the budget of 2000 passes is spent"
        if optimizer == "nelder_mead" and lam == 10.0 and run < 2:
            status, message = "FAILED", "ValueError: x <b>must</b> be finite | see 'theta'"
        ok = status != "FAILED"
        total = loss + lam / 200 * norm**2
        number = lambda value, ok=ok: float(value) if ok else np.nan  # noqa: E731
        rows.append(
            {
                "objective": objective, "dataset": objective, "lam": lam, "lam_canonical": lam, "optimizer": optimizer,
                "seed": run, "status": status, "message": message,
                "best_value": number(total), "regularized_error": number(total),
                "loss": number(loss), "penalty_value": number(lam / 200 * norm**2), "norm": number(norm),
                "implied_lambda": number(implied), "angle": number(abs(rng.normal(2, 3))),
                "is_identified": number(implied > 0 and optimizer not in ("adam decay",)),
                "validation_loss": np.nan, "test_loss": number(loss * 1.3),
                "test_error": number(0.03 + 0.01 * rng.random() + 0.004 * np.log10(max(lam, 1e-3)) ** 2),
                "n_values": 2000.0, "n_gradients": 0.0 if optimizer in ("pso", "nelder_mead", "cma_es") else 600.0,
                "cost": 2000.0, "gradient_price": 2.0, "budget": 2000.0, "seconds": rng.uniform(0.1, 0.5), "dim": 31,
                "n_samples": 100, "n_nonfinite": 0, "n_at_bounds": 0, "host": "here",
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def make_traces(frame, n_rows=80, seed=0):
    """Return traces that fall towards the frame's final numbers."""
    rng = np.random.default_rng(seed)
    parts = []
    for run in frame[frame["status"] != "FAILED"].itertuples():
        n_values = np.unique(np.round(np.geomspace(1, run.n_values, n_rows)))
        rate = rng.uniform(0.4, 1.2)
        loss = run.loss + 0.7 * n_values**-rate
        norm = run.norm * (1 - 0.9 * n_values**-0.5)
        value = loss + run.lam / 200 * norm**2
        parts.append(
            pd.DataFrame(
                {
                    "objective": run.objective,
                    "dataset": run.dataset,
                    "lam": run.lam,
                    "optimizer": run.optimizer,
                    "seed": run.seed,
                    "n_values": n_values,
                    "n_gradients": n_values * (run.n_gradients > 0),
                    "seconds": n_values * run.seconds / run.n_values,
                    "best_value": np.minimum.accumulate(value),
                    "value": value,
                    "loss": loss,
                    "norm": norm,
                }
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def make_claims():
    """Return a claims table with every verdict, a one-sided prediction, hostile text and a claim without numbers."""
    columns = (
        "statement", "low", "high", "measured", "interval_low", "interval_high", "control_low", "control_high",
        "verdict", "reason", "n_seeds",
    )  # fmt: skip
    nan, inf = np.nan, np.inf
    rows = [
        ("lbfgs reads lambda back: implied/nominal is 1", 0.99, 1.01, 1.0, 0.9995, 1.0004, 0.09, 0.11, "holds", "", 10),
        ("heavy ball's decay acts as a tenth: implied/nominal is 0.1", 0.08, 0.12, 0.1, 0.09, 0.11, 0.99, 1.01, "holds",
         "", 10),
        ("Adam's decay is larger than L2's <script>alert(1)</script>", 2.0, inf, 41.0, 30.0, 55.0, 0.9, 1.1, "holds",
         "", 10),
        ("pso reads lambda back to 1 % | at 2000 passes", 0.99, 1.01, 2.5, 1.8, 6.0, 0.09, 0.11, "fails",
         "the interval lies outside the prediction", 10),
        ("$\\lambda$ below the resolution changes_nothing", -0.1, 0.1, 0.05, -0.12, 0.2, 0.5, 0.9, "undecided",
         "the interval reaches over the prediction's edge", 10),
        ("a claim whose runs failed", 0.0, 1.0, nan, nan, nan, nan, nan, "undecided", "30% of the runs failed", 10),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


PAIRED = ("lbfgs", "lbfgs tuned", "adam", "adam tuned", "pso", "pso tuned", "random_search")


def make_problem(number, part):
    return {
        "problem": f"data{number}, model {part}", "objective": f"data{number}, model {part}",
        "dataset": f"data{number}", "lam": 1.0, "split": -1, "dim": 3 * 2**number % 200 + part, "n_samples": 100,
        "is_convex": part == 0, "is_smooth": True, "is_noisy": False, "has_gradient": True,
        "is_generated": number == 1, "f_0": 1.0, "f_ref": 0.25, "finder": "lbfgs seed 1000 (reference)",
        "accuracy": 1e-9, "is_gap": number != 2, "gradient_price": 0.8 + 0.1 * number, "version": "abc123",
    }  # fmt: skip


def make_comparison(n_datasets=8, optimizers=PAIRED, n_seeds=3, per_dataset=1, seed=0):
    """Return (frame, problems, curves) of a comparison in which earlier optimizers are faster on every problem.

    lbfgs and adam take gradients. The last optimizer reaches no target beyond 0.3, and its first run of every problem
    FAILED and left no row.
    """
    rng = np.random.default_rng(seed)
    problems = [make_problem(*place) for place in itertools.product(range(n_datasets), range(per_dataset))]
    runs, parts = [], []
    for facts, (place, name), run in itertools.product(problems, enumerate(optimizers), range(n_seeds)):
        is_last, takes_gradients = place == len(optimizers) - 1, name.startswith(("lbfgs", "adam"))
        is_failed, limit = is_last and run == 0, 100.0 * (facts["dim"] + 1)
        n_values = np.unique(np.round(np.geomspace(1, limit / (3 if takes_gradients else 1), 30)))
        rate = 4.0 / (1.0 + place) * rng.uniform(0.9, 1.1)
        error = 0.25 + 0.75 * np.maximum(n_values**-rate, 0.3 if is_last else 0.0)
        error = error[:1] if is_failed else np.minimum.accumulate(error)
        kept = np.r_[True, np.diff(error) < 0] if not is_failed else np.zeros(1, dtype=bool)
        counts = n_values[: len(kept)][kept]
        parts.append(np.stack([counts, counts * takes_gradients, counts * 1e-4 * (1 + place), error[kept]], axis=1))
        runs.append({
            **{key: facts[key] for key in ("problem", "objective", "dataset", "lam", "dim", "n_samples")},
            "lam_canonical": 1.0, "optimizer": name, "seed": run, "status": "FAILED" if is_failed else "BUDGET",
            "message": "ValueError: sour" if is_failed else "", "n_values": float(n_values[-1]),
            "n_gradients": float(n_values[-1]) * takes_gradients, "seconds": float(n_values[-1]) * 1e-4 * (1 + place),
            "budget": limit, "gradient_price": 2.0, "implied_lambda": np.nan if is_failed else 1.0 + 0.1 * place,
            "regularized_error": np.nan if is_failed else error[-1], "loss": np.nan if is_failed else error[-1],
            "norm": 1.0, "is_identified": 1.0,
        })  # fmt: skip
    frame = pd.DataFrame(runs)
    first = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    columns = ["problem", "objective", "dataset", "lam", "optimizer", "seed", "status", "dim", "n_values",
               "n_gradients", "seconds", "budget", "gradient_price"]  # fmt: skip
    curves = Curves(frame[columns].copy(), first, *np.concatenate(parts).T.copy())
    return frame, pd.DataFrame(problems), curves


@pytest.fixture(scope="session")
def synthetic():
    return SimpleNamespace(
        frame=make_frame, traces=make_traces, claims=make_claims, comparison=make_comparison,
        content=comparison_content, OPTIMIZERS=OPTIMIZERS, LAMBDAS=LAMBDAS, PAIRED=PAIRED,
    )  # fmt: skip


def comparison_content(made, **changes):
    """Return the report's content of a made comparison."""
    frame, problems, curves = made
    fields = {
        "title": "who wins", "question": "Which optimizer is cheapest?",
        "formulas": [(name, "J") for name in problems["objective"]], "frame": frame, "traces": frame.iloc[:0],
        "claims": pd.DataFrame(), "problems": problems, "curves": curves, "seeds": range(3), "budget": "100 (d + 1)",
        "description": {"optimizers": {name: f"{name}()" for name in frame["optimizer"].unique()}},
    }  # fmt: skip
    return ReportContent(**{**fields, **changes})


@pytest.fixture(scope="session")
def comparison_page(tmp_path_factory):
    """Return the folder of a comparison's whole report, with some figures packed; it takes seconds, so it is drawn
    once.
    """
    folder = tmp_path_factory.mktemp("comparison")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("optcompare.report.page.FIGURE_BYTES", 400_000)
        write_report(comparison_content(make_comparison()), folder)
    return folder


@pytest.fixture
def few(few_figures, monkeypatch):
    """Draw few figures, as SVG alone."""
    monkeypatch.setattr("optcompare.report.page.png_bytes", lambda figure: b"")
    monkeypatch.setattr("optcompare.report.page.pdf_bytes", lambda figure: b"")


@pytest.fixture
def few_figures(monkeypatch):
    """Draw two cost axes, one target, one curve and two problems' details alone."""
    monkeypatch.setattr("optcompare.report.sections.cost_axes", lambda *given, **more: cost_axes(*given, **more)[:2])
    monkeypatch.setattr("optcompare.report.comparison.MAIN_TAUS", (1e-3,))
    monkeypatch.setattr("optcompare.report.comparison_figures.MOST_CURVES", 1)
    monkeypatch.setattr("optcompare.report.problem_details.MOST_PROBLEMS", 2)
