"""Run the benchmarks, each in a process of its own, and write their tables.

    python -m benchmarks [NAME ...] [--smoke] [--repeats N] [--avx2] [--table] [--out DIR]

NAME is a script (population_loop) or a goal's number (1); default: all 13. Writes results.json and results.md to DIR
(default: benchmarks/), and prints a compact table for the README. A goal that is missed is shown as "short", and the
exit status stays 0; it is 1 where a script fails. Torture and ten_thousand are run by themselves.

--avx2 keeps numpy, BLAS, torch and numba from AVX-512 and writes results_avx2: the goals were set on a machine without,
where numpy's tanh, and with it every peer in numpy, takes several times as long.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = (
    *("population_loop", "population_torch", "population_threads", "numpy_fallback", "memory", "gradient_torch"),
    *("gradient_sklearn", "whole_pso", "nelder_mead_overhead", "recording", "harness", "two_processes", "import_time"),
)
AVX2 = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR", "OPENBLAS_CORETYPE": "Haswell",
    "NUMBA_CPU_NAME": "znver3", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+bmi2", "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2", "BENCHMARKS_LIMITED_TO": "AVX2",
}  # fmt: skip


def chosen(names):
    """Return the scripts of those names or numbers, in order; all without any."""
    known = {name: name for name in SCRIPTS} | {str(place): name for place, name in enumerate(SCRIPTS, 1)}
    for name in names:
        if name not in known:
            raise SystemExit(
                f"there is no benchmark {name!r}: choose from {', '.join(SCRIPTS)}, or 1 to {len(SCRIPTS)}"
            )
    return [name for name in SCRIPTS if not names or name in {known[one] for one in names}]


def result_of(name, options, folder):
    """Run a script and return its result, None where it failed; what it prints is shown."""
    path = Path(folder) / f"{name}.json"
    command = [sys.executable, str(HERE / f"{name}.py"), "--repeats", str(options.repeats), "--json", str(path)]
    command += ["--smoke"] if options.smoke else []
    done = subprocess.run(command, check=False, env={**os.environ, **(AVX2 if options.avx2 else {})})
    return json.loads(path.read_text(encoding="utf-8")) if done.returncode == 0 else None


def merged(results, path):
    """Return one result: what was measured now, and of an older file the goals that were not."""
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    found = {**old, **results}
    return {name: found[name] for name in SCRIPTS if name in found}


def main():
    from .measure import Measured, Row, compact, table

    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="a script or a goal's number (default: all)")
    parser.add_argument("--smoke", action="store_true", help="everything once, on little work: does it run at all")
    parser.add_argument("--repeats", type=int, default=7, help="pairs of blocks (default: 7)")
    parser.add_argument("--table", action="store_true", help="write the tables of what was measured before; no run")
    parser.add_argument("--avx2", action="store_true", help="without AVX-512, into results_avx2")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of results.json and results.md")
    options = parser.parse_args()
    results, failed = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for name in () if options.table else chosen(options.names):
            print(f"== {name}", flush=True)
            result = result_of(name, options, folder)
            if result is None:
                failed.append(name)
            else:
                results[name] = result
    path = options.out / f"results{'_avx2' if options.avx2 else ''}.json"
    every = merged(results, path)
    rows = [Row(**{**row, "measured": Measured(**row["measured"])}) for one in every.values() for row in one["rows"]]
    machines = dict.fromkeys(f"{one['machine'].partition(' (load')[0]}" for one in every.values())
    versions = {name: found for one in every.values() for name, found in one["versions"].items()}
    facts = f"{'; '.join(machines)}; {', '.join(f'{name} {found}' for name, found in versions.items())}."
    loads = ", ".join(
        f"{name} {one['machine'].partition('(load ')[2].partition(')')[0]}" for name, one in every.items()
    )
    loaded = f"Load average while measuring (wall clock needs idle cores): {loads}."
    options.out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(every, indent=1) + "\n", encoding="utf-8")
    text = f"# Benchmarks: results\n\nWritten by `python -m benchmarks`. {facts}\n\n{loaded}\n\n{table(rows)}\n"
    path.with_suffix(".md").write_text(text, encoding="utf-8")
    print(f"\n{compact(rows)}\n\n{facts}")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
