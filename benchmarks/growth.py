"""How cost grows with candidates m, items n, parameters d, and the number of runs: docs/growth.png, and fitted slopes.

    python benchmarks/growth.py [--smoke] [--out docs/growth.png]

CPU time of one call of ``objective.values`` (tanh network, softmax, one thread, 16 features, 4 classes) with one size
varied at a time, d by the hidden units, for the compiled and the numpy kernel; CPU time of a whole study of short runs
in one process. A slope is that of log(time) over log(size) by least squares, over the upper half of the sizes: 1 is
linear.
"""

import argparse
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from measure import Effort, machine, seconds_a_call
from threadpoolctl import threadpool_limits

import optcompare as oc
from optcompare.report.scales import Scale
from optcompare.report.style import OptimizerStyles, dress, figure_of, new_panels, report_settings

P, K = 16, 4
MIDDLE = {"m": 32, "n": 512, "h": 16}
SIZES = {"m": [2**k for k in range(10)], "n": [2**k for k in range(4, 15)], "h": [2**k for k in range(1, 9)]}
N_RUNS = [4, 8, 16, 32, 64, 128, 256]
TITLES = {"m": "candidates m", "n": "items n", "h": "parameters d", "runs": "runs of a study"}


def objective_of(n, h, kernel):
    rng = np.random.default_rng(0)
    data = oc.Dataset.from_arrays(
        rng.normal(size=(n, P)), np.arange(n) % K, task="classification", test_size=0.0, name="random"
    )
    return oc.mlp_objective(data, hidden=(h,), penalty=oc.L2(1.0), kernel=kernel)


def median_time(call, effort):
    """Return the median CPU seconds of a call, over blocks of 0.02 s at least."""
    call()
    once = max(seconds_a_call(call, 1, time.process_time), 1e-6)
    n_calls = 1 if effort.is_smoke else max(1, round(0.02 / once))
    return float(np.median([seconds_a_call(call, n_calls, time.process_time) for _ in range(effort.repeats)]))


def over(size, values, kernel, effort):
    """Return (sizes, seconds) of one call, with one size varied."""
    times, sizes = [], []
    for value in values:
        here = {**MIDDLE, size: value}
        objective = objective_of(here["n"], here["h"], kernel)
        thetas = np.random.default_rng(1).normal(scale=0.3, size=(here["m"], objective.dim))
        times.append(median_time(partial(objective.values, thetas), effort))
        sizes.append(objective.dim if size == "h" else value)
    return sizes, times


def over_runs(counts, effort):
    """Return (numbers of runs, seconds) of studies of random search with 100 evaluations a run."""
    objective = oc.linear_objective(oc.load_dataset("iris"), penalty=oc.L2(1.0))

    def run(n_runs):
        study = oc.Study(
            name="runs", question="What do runs cost?", objectives={"iris": objective}, lambdas=[1.0],
            optimizers=["random_search"], seeds=range(n_runs), budget=100,
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            study.run(Path(folder) / "runs.db", jobs=1, progress=False)

    run(1)
    return counts, [
        median_time(partial(run, count), Effort(3 if not effort.is_smoke else 1, 0, True)) for count in counts
    ]


def slope(sizes, times):
    """Return the slope in logarithms over the upper half of the sizes."""
    half = max(2, (len(sizes) + 1) // 2)
    return float(np.polyfit(np.log(sizes[-half:]), np.log(times[-half:]), 1)[0])


def draw(curves, path):
    """Draw a panel for each size: {size: {kernel: (sizes, times)}}."""
    styles = OptimizerStyles(["numba", "numpy", "one process"])
    with report_settings():
        panels = new_panels(len(curves), width=3.9, height=3.3, margins=(0.75, 0.25, 0.6, 0.4))
        for panel, (size, lines) in zip(panels, curves.items()):
            dress(panel, title=f"over {TITLES[size]}", xlabel=TITLES[size], ylabel="CPU seconds")
            x_scale = Scale.of([x for sizes, _ in lines.values() for x in sizes], kind="log")
            y_scale = Scale.of([y for _, times in lines.values() for y in times], kind="log")
            for name, (sizes, times) in lines.items():
                style = styles[name]
                x, y = x_scale.place(sizes), y_scale.place(times)
                panel.plot(x, y, color=style.colour, marker=style.marker, markersize=4, linewidth=1.4, label=name)
                text = f"{name}: slope {slope(sizes, times):.2f}"
                place = 0.04 + 0.08 * list(lines).index(name)
                panel.text(0.97, place, text, transform=panel.transAxes, color=style.colour, fontsize=8.5, ha="right")
            x_scale.apply(panel, "x")
            y_scale.apply(panel, "y")
        figure_of(panels[0]).savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "docs" / "growth.png")
    options = parser.parse_args()
    effort = Effort(1, 0.0, True) if options.smoke else Effort(7)
    kernels = ("auto", "numpy")
    curves = {}
    with threadpool_limits(1, user_api="blas"):
        for size, values in SIZES.items():
            given = values[:4] if options.smoke else values
            lines = {}
            for kernel in kernels:
                name = objective_of(4, 2, kernel).kernel
                lines[name] = over(size, given, kernel, effort)
            curves[size] = lines
        curves["runs"] = {"one process": over_runs(N_RUNS[:2] if options.smoke else N_RUNS, effort)}
    print(machine())
    print("| over | from | to | kernel | seconds at the end | slope |\n|---|---|---|---|---|---|")
    for size, lines in curves.items():
        for name, (sizes, times) in lines.items():
            print(
                f"| {TITLES[size]} | {sizes[0]} | {sizes[-1]} | {name} | {times[-1]:.3g} | {slope(sizes, times):.2f} |"
            )
    draw(curves, options.out)
    print(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
