"""Where BLAS is faster than our own product of a layer: what ``optcompare/objective/kernel_table.py`` ships.

For layers of n_in inputs and n_out outputs on a tile of items, in turn: the loop that LLVM makes vectors of, and
``dgemm``. Prints own/BLAS times and keeps them in ``kernel_table.json`` under a machine's name (--machine). BLAS_FROM
is per n_out the least n_in from which on BLAS gains 5 % or more in the geometric mean over those machines; with --write
it goes into the package. An AVX2 machine on one with AVX-512: OPENBLAS_CORETYPE=Haswell NUMBA_CPU_NAME=znver3
NUMBA_CPU_FEATURES=+avx,+avx2,+fma,+bmi2.
"""

import argparse
import json
import platform
import re
import statistics
import time
from pathlib import Path

import numpy as np
from numba import njit
from numba.extending import get_cython_function_address
from threadpoolctl import threadpool_limits

from optcompare.objective import compiled, kernel_table

N_IN = [2**power for power in range(1, 11)]
N_OUT = [2**power for power in range(9)]
N_COLUMNS = 128
GAIN = 1.05
MEASURED = Path(__file__).with_suffix(".json")
TABLE = Path(kernel_table.__file__)


@njit
def repeated(n_times, theta, blas, n_in, n_out, n, work):
    for _ in range(n_times):
        compiled._product(theta, 0 * n, n_out, 1 + 0 * n, n_in * n_out, blas, n_in, n_out, n, work, 0 * n, n,
                          n + n_in * n)  # fmt: skip


def ratio(n_in, n_out, blas, repeats):
    """Return the time of our own product over that of BLAS: the median of pairs."""
    rng = np.random.default_rng(0)
    theta, work = rng.normal(size=(n_in + 1) * n_out), np.zeros((1 + n_in + n_out) * N_COLUMNS)
    work[N_COLUMNS:] = rng.normal(size=(n_in + n_out) * N_COLUMNS)
    n_times = max(1, int(2e7 / (n_in * n_out * N_COLUMNS)))
    ratios = []
    for _ in range(repeats):
        times = []
        for address in (0, blas):
            before = time.process_time()
            repeated(n_times, theta, address, n_in, n_out, N_COLUMNS, work)
            times.append(time.process_time() - before)
        ratios.append(times[0] / max(times[1], 1e-9))
    return statistics.median(ratios)


def table_of(machines):
    """Return BLAS_FROM of the machines' tables of ratios, without rows that repeat the one before."""
    means = np.exp(np.mean([np.log(table) for table in machines.values()], axis=0))
    ratios = {(n_in, n_out): means[i, j] for i, n_in in enumerate(N_IN) for j, n_out in enumerate(N_OUT)}
    found = {}
    for n_out in N_OUT:
        least = kernel_table.NEVER
        for n_in in reversed(N_IN):
            if ratios[n_in, n_out] < GAIN:
                break
            least = n_in
        if not found or list(found.values())[-1] != least:
            found[n_out] = least
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--machine", default=platform.machine(), help="the name that the ratios are kept under")
    parser.add_argument("--write", action="store_true", help=f"write {MEASURED.name} and the package's {TABLE.name}")
    options = parser.parse_args()
    blas = get_cython_function_address("scipy.linalg.cython_blas", "dgemm")
    rows = []
    with threadpool_limits(1):
        repeated(1, np.zeros(6), 0, 2, 2, 8, np.zeros(40))
        print("own/BLAS, n_in down, n_out across\n" + " " * 6 + "".join(f"{n_out:6d}" for n_out in N_OUT))
        for n_in in N_IN:
            rows.append([round(ratio(n_in, n_out, blas, options.repeats), 2) for n_out in N_OUT])
            print(f"{n_in:6d}" + "".join(f"{one:6.2f}" for one in rows[-1]), flush=True)
    machines = (json.loads(MEASURED.read_text()) if MEASURED.exists() else {}) | {options.machine: rows}
    found = table_of(machines)
    shown = ", ".join(f"{n_out}: {'NEVER' if n == kernel_table.NEVER else n}" for n_out, n in found.items())
    print(f"BLAS_FROM = {{{shown}}}")
    if options.write:
        lines = ",\n".join(f'"{name}": [\n' + ",\n".join(map(str, table)) + "]" for name, table in machines.items())
        MEASURED.write_text("{" + lines + "}\n")
        text = re.sub(r"^BLAS_FROM = .*$", f"BLAS_FROM = {{{shown}}}", TABLE.read_text(), flags=re.MULTILINE)
        TABLE.write_text(text)


if __name__ == "__main__":
    main()
