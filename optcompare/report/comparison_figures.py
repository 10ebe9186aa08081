"""The figures of a comparison, a group each: on every cost axis one panel, with its numbers in tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..analysis.convergence import convergence_table
from ..analysis.profiles import log_ratio_profile
from ..analysis.summaries import numbers
from .comparison import AxisTables, Comparison
from .comparison_tables import (
    dimension_table,
    means_table,
    pairs_table,
    ranks_table,
    step_table,
)
from .cost_axes import CostAxis
from .figures import FigureGroup, Panel
from .plots import draw_convergence
from .plots_gaps import plot_areas, plot_fixed_budget
from .plots_profiles import plot_data_profile, plot_log_ratio_profile, plot_performance_profile
from .plots_ranks import plot_ranks, plot_win_matrix
from .plots_runtimes import ert_by_dimension, plot_ecdf, plot_ert_over_dimension
from .style import OptimizerStyles, better_forms, figure_of
from .tables import Table, plain_table, spread_table
from .text import label, number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_CURVES = 4  # problems whose curves are drawn
N_COSTS = 32
Draw = Callable[[AxisTables], "Axes"]
Numbers = Callable[[AxisTables], Table]


def _on_axes(
    axes: Sequence[AxisTables], default: AxisTables, key: str, title: str, caption: str, name: str, draw: Draw,
    tables: Numbers,
) -> FigureGroup:  # fmt: skip
    """Return a group with a panel and a table on every axis; without axes one on the default, whatever is switched."""
    group = FigureGroup(key, title, caption)
    for found in axes or (default,):
        axis, css_class = found.axis, found.axis.css_class if axes else ""
        is_first = found.axis == default.axis
        stem = f"{key}-{axis.key}" if axes else key
        text = f"{name}, {axis.xlabel}; the numbers follow in a table"
        group.panels.append(Panel(stem, text, figure_of(draw(found)), css_class, has_png=is_first, is_wide=True))
        group.tables.append((css_class, tables(found)))
    return group


def convergence_figures(comparison: Comparison, styles: OptimizerStyles) -> Iterator[FigureGroup]:
    """Yield what is left of the gap at fixed budgets over all problems, and the curves of some problems."""
    yield _on_axes(
        comparison.axes, comparison.default, "fixed-budget", "What is left of the gap after a budget",
        "Medians over data sets of (f - f_ref)/(f_0 - f_ref), itself the median over seeds and over a data set's "
        "problems. Bands, of the three that end lowest: bootstrap over data sets. No value yet: in the strip on top.",
        "Share of the gap left at fixed budgets",
        lambda found: plot_fixed_budget(found.gaps, xlabel=_budget_label(found.axis), styles=styles),
        lambda found: spread_table(
            found.gaps, "budget", f"Gap left after a budget, {_budget_label(found.axis)}", styles
        ),
    )  # fmt: skip
    yield _curve_figures(comparison, styles)


def _budget_label(axis: CostAxis) -> str:
    if axis.cost in ("seconds", "simplices"):
        return f"budget in {axis.unit}"
    return f"budget in multiples of d + 1 {axis.unit}"


def _curve_figures(comparison: Comparison, styles: OptimizerStyles) -> FigureGroup:
    chosen = spread_problems(comparison.problems, comparison.default.areas)
    traces, runs = gap_traces(comparison, chosen)
    caption = (
        "What is left of the gap f_0 - f_ref, medians over seeds; bands reach from the first to the third quartile of "
        "the optimizers in front. The strip at 0 is the best known value. A run that left nothing counts as never "
        f"arriving. Drawn are {len(chosen)} of {len(comparison.problems)} problems, spread evenly over the number of "
        "parameters; the details of every problem follow below."
    )
    group = FigureGroup("convergence", "Error over cost", caption)
    facts = comparison.problems.set_index("problem")
    for place, found in enumerate(comparison.axes):
        for index, problem in enumerate(chosen, 1):
            part = traces[traces["objective"] == problem]
            own = runs[runs["objective"] == problem]
            dim, measured = float(facts.at[problem, "dim"]), float(facts.at[problem, "gradient_price"])
            curves = _curves(part, own, found.axis, dim, measured)
            if not len(curves):
                continue
            ax = draw_convergence(
                curves, "passes", column="gap", is_gap=False, xlabel=found.axis.xlabel, styles=styles
            )  # fmt: skip
            name = f"Gap left over {found.axis.xlabel}, {label(problem)}; the numbers follow in a table"
            stem = f"convergence-{found.axis.key}-{index}"
            group.panels.append(Panel(stem, name, figure_of(ax), found.axis.css_class, has_png=place == 0))
            longest = curves["optimizer"] == curves.loc[curves["cost"].idxmax(), "optimizer"]
            places = numbers(curves.loc[longest, "cost"]).tolist()
            text = f"{label(problem)}: gap left, by {found.axis.xlabel}"
            group.tables.append(
                (found.axis.css_class, spread_table(curves, "cost", text, styles, places=places, most_columns=6))
            )
    return group


def spread_problems(problems: pd.DataFrame, areas: pd.DataFrame, most: int = MOST_CURVES) -> list[str]:
    """Return at most ``most`` problems that have targets, spread evenly over the number of parameters."""
    known = set(areas["problem"].astype(str))
    ordered = problems[problems["problem"].isin(known)].sort_values("dim", kind="stable")["problem"].tolist()
    if len(ordered) <= most:
        return [str(name) for name in ordered]
    return [str(ordered[round(place)]) for place in np.linspace(0, len(ordered) - 1, most)]


def gap_traces(comparison: Comparison, chosen: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the chosen problems' curves as traces with a column ``gap``, and their runs; the objective is the problem.

    gap = (f - f_ref)/(f_0 - f_ref).
    """
    import pandas as pd

    curves = comparison.curves
    runs = curves.runs
    wanted = np.flatnonzero(runs["problem"].isin(chosen).to_numpy())
    taken = curves.taken(wanted)
    scale = comparison.problems.set_index("problem")
    owner = np.repeat(np.arange(len(taken.runs)), np.diff(taken.first))
    labels = taken.runs["problem"].to_numpy(dtype=object)[owner]
    f_ref, f_0 = (scale.loc[labels, name].to_numpy(dtype=np.float64) for name in ("f_ref", "f_0"))
    table = {
        "objective": labels,
        "lam": np.full(len(owner), math.nan),
        **{name: taken.runs[name].to_numpy()[owner] for name in ("optimizer", "seed")},
        **{name: getattr(taken, name) for name in ("n_values", "n_gradients", "seconds")},
        "gap": np.maximum(taken.error - f_ref, 0.0) / (f_0 - f_ref),
    }
    plain = taken.runs[["problem", "optimizer", "seed"]].rename(columns={"problem": "objective"})
    return pd.DataFrame(table), plain.assign(lam=math.nan)


def _curves(part: pd.DataFrame, runs: pd.DataFrame, axis: CostAxis, dim: float, measured: float) -> pd.DataFrame:
    cost = "seconds" if axis.cost == "seconds" else "passes"
    table = convergence_table(
        part, cost=cost, column="gap", gradient_price=axis.price(dim, measured), runs=runs, n_points=N_COSTS
    )
    return table.assign(cost=numbers(table["cost"]) / (dim + 1.0)) if axis.cost == "simplices" else table


def runtime_figures(comparison: Comparison, styles: OptimizerStyles) -> Iterator[FigureGroup]:
    """Yield the ECDF of runtimes, ERT over the dimension, and areas over the convergence curve."""
    yield _on_axes(
        comparison.axes, comparison.default, "ecdf", "Share of targets reached over cost",
        "Over all problems, runs and 50 targets from tau = 1 to 1e-7: the share of (problem, target) pairs reached "
        "within a cost. A run that misses a target is followed by another one of the same optimizer and problem, drawn "
        "at random, until one reaches it (simulated restarts). Bands, of the three that reach most: bootstrap over "
        "data sets.",
        "Share of problem-target pairs reached",
        lambda found: plot_ecdf(found.ecdf, xlabel=found.axis.xlabel, styles=styles),
        lambda found: step_table(found.ecdf, "cost", f"Share reached, by {found.axis.xlabel}", styles),
    )  # fmt: skip
    tau = main_tau(comparison)
    yield _on_axes(
        comparison.axes, comparison.default, "ert-dimension", "Expected runtime over the number of parameters",
        f"ERT to tau = {number(tau)}: cost of all runs, failed ones at their full budget, over the runs that reached "
        "it. Medians over the problems of a size; in the strip on top: half of them were never solved.",
        f"Median ERT to tau {number(tau)} over d + 1",
        lambda found: plot_ert_over_dimension(
            ert_by_dimension(found.ert, tau), tau=tau, ylabel=f"ERT, {found.axis.xlabel}", styles=styles
        ),
        lambda found: dimension_table(
            ert_by_dimension(found.ert, tau), f"Median ERT to tau = {number(tau)}, {found.axis.xlabel}", styles,
            comparison.order,
        ),
    )  # fmt: skip
    yield _on_axes(
        comparison.axes, comparison.default, "areas", "Area over the convergence curve",
        "Mean over targets of the logarithmic cost to reach them, as a share of the budget: 0 if all were reached at "
        "once, 1 if none was. Ticks are data sets, bars the bootstrap interval of their mean over data sets.",
        "Area over the convergence curve by optimizer",
        lambda found: plot_areas(_area_rows(found), styles=styles),
        lambda found: means_table(found.means, f"Mean area, {found.axis.xlabel}", "area", styles),
    )  # fmt: skip


def _area_rows(found: AxisTables) -> pd.DataFrame:
    """Return areas averaged over a data set's problems, with the optimizer's mean and interval."""
    spots = found.areas.groupby(["optimizer", "dataset"], sort=False)["area"].mean().reset_index()
    return spots.merge(found.means, on="optimizer", how="left")


def profile_figures(comparison: Comparison, styles: OptimizerStyles) -> Iterator[FigureGroup]:
    """Yield performance and data profiles, at the middle target on every axis, at the others on the default axis, and
    log-ratio profiles of close pairs.
    """
    middle = main_tau(comparison)
    yield from _profiles(comparison, styles, middle, comparison.axes)
    for tau in comparison.taus:
        if tau != middle:
            yield from _profiles(comparison, styles, tau, ())
    yield from _log_ratios(comparison, styles)


def main_tau(comparison: Comparison) -> float:
    """Return the middle one of the profiles' targets: what figures with one target show."""
    return comparison.taus[min(1, len(comparison.taus) - 1)]


def _profiles(
    comparison: Comparison, styles: OptimizerStyles, tau: float, axes: Sequence[AxisTables]
) -> Iterator[FigureGroup]:  # fmt: skip
    stem, text = f"{tau:.0e}".replace("-", ""), number(tau)
    only = "" if axes else f" Drawn for {comparison.default.axis.xlabel} alone."

    def performance(found: AxisTables) -> pd.DataFrame:
        return _of_tau(found.performance, tau)

    def data(found: AxisTables) -> pd.DataFrame:
        return _of_tau(found.data, tau)

    yield _on_axes(
        axes, comparison.default, f"performance-{stem}", f"Performance profile, tau = {text}",
        "Share of problems that are solved at no more than x times the least cost of any optimizer. At the left edge: "
        f"where it is the cheapest; at the right: what it solves at all.{only}",
        f"Performance profile at tau {text}",
        lambda found: plot_performance_profile(performance(found), styles=styles),
        lambda found: step_table(
            performance(found), "x", f"Share solved within a multiple of the least cost, tau {text}, "
            f"{found.axis.xlabel}", styles, unit="×",
        ),
    )  # fmt: skip
    yield _on_axes(
        [found for found in axes if found.data is not None], comparison.default, f"data-{stem}",
        f"Data profile, tau = {text}",
        "Share of problems that are solved within x (d + 1) passes."
        + (only or " Seconds have no data profile."),
        f"Data profile at tau {text}",
        lambda found: plot_data_profile(data(found), styles=styles),
        lambda found: step_table(
            data(found), "x", f"Share solved within multiples of d + 1, tau {text}, {found.axis.xlabel}", styles
        ),
    )  # fmt: skip


def _of_tau(table: pd.DataFrame | None, tau: float) -> pd.DataFrame:
    assert table is not None
    return table[np.isclose(numbers(table["tau"]), tau, rtol=1e-6)]


def _log_ratios(comparison: Comparison, styles: OptimizerStyles) -> Iterator[FigureGroup]:
    """Yield log-ratio profiles of the first three by area, on the default axis."""
    names, tau = better_forms(comparison.order)[:3], main_tau(comparison)
    if len(names) < 2:
        return
    group = FigureGroup(
        "log-ratio", f"Who is cheaper, problem by problem, tau = {number(tau)}",
        "Bars are problems, in ascending order of the ratio of costs; downwards the first of the pair is cheaper. The "
        f"three optimizers with the least area, of two forms the better one, {comparison.default.axis.xlabel}. A bar "
        "into a strip: only one of the "
        "two solves the problem.",
    )  # fmt: skip
    pairs = [(a, b) for place, a in enumerate(names) for b in names[place + 1 :]]
    one = _of_tau(comparison.default.ert, tau)
    for index, (a, b) in enumerate(pairs, 1):
        table = log_ratio_profile(one, a, b)
        title = f"{label(a, 20)} / {label(b, 20)}"
        figure = figure_of(plot_log_ratio_profile(table, title=title, styles=styles))
        name = f"Log-ratio profile of {label(a)} and {label(b)}; the numbers follow in a table"
        group.panels.append(Panel(f"log-ratio-{index}", name, figure))
        shown = table[["problem", "log_ratio", "case"]].rename(columns={"case": "solved by"})
        group.tables.append(("", plain_table(shown, f"log2 of cost of {label(a)} / cost of {label(b)}", 100)))
    yield group


def rank_figures(comparison: Comparison, styles: OptimizerStyles) -> Iterator[FigureGroup]:
    """Yield mean ranks with the critical difference, the win matrix, and tuned against default."""
    yield _on_axes(
        comparison.axes, comparison.default, "mean-ranks", "Mean ranks over data sets",
        "Optimizers are ranked on every problem by the area over the convergence curve; ranks are averaged over a data "
        "set's problems and ranked again (Friedman). Inside the band nobody is significantly worse than the best "
        "(Nemenyi, 5 %).",
        "Mean ranks with the critical difference",
        lambda found: plot_ranks(found.ranks, styles=styles),
        lambda found: ranks_table(found.ranks, f"Mean ranks, {found.axis.xlabel}", styles),
    )  # fmt: skip
    axis = comparison.default.axis
    group = FigureGroup(
        "wins", "Who beats whom",
        f"By area, {axis.xlabel}. Blue: the row's optimizer has the smaller area on more data sets than the column's; "
        "orange: on fewer. The stronger the colour, the larger the share. A dot: significant after Holm's correction "
        "over all pairs "
        f"(exact {comparison.test_name} test over data sets, 5 %).",
    )  # fmt: skip
    order = comparison.default.ranks["optimizer"].astype(str).tolist()
    figure = figure_of(plot_win_matrix(comparison.pairs, order=order, styles=styles))
    name = "Pairwise wins over data sets; the numbers follow in a table"
    group.panels.append(Panel("wins", name, figure, is_wide=True))
    group.tables.append(("", pairs_table(comparison.pairs, f"Pairs over data sets, {axis.xlabel}")))
    if len(comparison.form_pairs):
        text = "Tuned against default, Holm-corrected over these pairs alone"
        group.tables.append(("", pairs_table(comparison.form_pairs, text)))
    yield group
