"""Where BLAS is the faster product of a layer: measured by benchmarks/kernel_table.py, not while running.

BLAS_FROM[n_out] is the least number of inputs from which a layer of that many outputs goes through BLAS; a layer in
between two rows follows the smaller one. Never the result of a race at run time: the same seed gives the same bits.
"""

from __future__ import annotations

NEVER = 1 << 30
BLAS_FROM = {1: NEVER, 32: 1024, 64: 512, 128: 256, 256: 128}


def is_by_blas(n_in: int, n_out: int) -> bool:
    """Whether a layer of n_in inputs and n_out outputs is multiplied by BLAS."""
    return n_in >= BLAS_FROM[max(size for size in BLAS_FROM if size <= n_out)]
