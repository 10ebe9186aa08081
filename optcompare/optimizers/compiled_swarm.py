"""A swarm's steps compiled by numba: the bits of numpy's, at a fraction of the time.

Only ``fast_pso.py`` imports this module, and only where numba is loaded anyway. The uniform numbers are those of
numpy's Mersenne Twister, made 624 words at a time by vector instructions: 0.7 ns a number, where numpy takes 4 to 7.

No liberty is taken with floating point: no fused operations, every sum in the order that is written.

Source: Matsumoto & Nishimura 1998, "Mersenne Twister", ACM TOMACS 8(1), MT19937; 53-bit numbers as in numpy's
``random_double`` of legacy and new generators: (a 2^26 + b)/2^53, a and b the upper 27 and 26 bits of two words.
"""

# mypy: allow-untyped-defs, allow-untyped-decorators, allow-untyped-calls

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, uint32

OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True}
INNER = OPTIONS | {"no_cpython_wrapper": True}  # called from compiled code only: half as much to compile

N_WORDS = 624
ROOM = 4096  # words that are made at a time: 16 kB

UPPER_BIT, LOWER_BITS = 0x80000000, 0x7FFFFFFF
MATRIX = 0x9908B0DF
TEMPER_B, TEMPER_C = 0x9D2C5680, 0xEFC60000


@njit(**INNER)
def _twisted(word, upper, lower):
    y = (upper & uint32(UPPER_BIT)) | (lower & uint32(LOWER_BITS))
    return word ^ (y >> uint32(1)) ^ ((uint32(0) - (y & uint32(1))) & uint32(MATRIX))


@njit(**INNER)
def _twist(key):
    """Replace the 624 words of the state by the next 624."""
    for i in range(227):
        key[i] = _twisted(key[i + 397], key[i], key[i + 1])
    for i in range(227, 623):
        key[i] = _twisted(key[i - 227], key[i], key[i + 1])
    key[623] = _twisted(key[396], key[623], key[0])


@njit(**INNER)
def _next_words(key, place, words):
    """Fill ``words`` from word ``place`` of the state on; return the place after it."""
    done = 0
    while done < len(words):
        if place == N_WORDS:
            _twist(key)
            place = 0
        n = min(N_WORDS - place, len(words) - done)
        source, target = key[place : place + n], words[done : done + n]
        for i in range(n):
            y = source[i]
            y ^= y >> uint32(11)
            y ^= (y << uint32(7)) & uint32(TEMPER_B)
            y ^= (y << uint32(15)) & uint32(TEMPER_C)
            target[i] = y ^ (y >> uint32(18))
        done += n
        place += n
    return place


@njit(**INNER)
def _uniforms(key, place, words, out):
    """Fill ``out`` with uniform numbers on [0, 1); return the place in the state."""
    for first in range(0, len(out), ROOM // 2):
        part = out[first : first + ROOM // 2]
        place = _next_words(key, place, words[: 2 * len(part)])
        for i in range(len(part)):
            a, b = np.int32(words[2 * i] >> uint32(5)), np.int32(words[2 * i + 1] >> uint32(6))
            part[i] = (np.float64(a) * 67108864.0 + np.float64(b)) * (1.0 / 9007199254740992.0)
    return place


@njit(
    "int64(uint32[::1], int64, uint32[::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1], "
    "float64[:, ::1], float64[:, ::1], float64[:, ::1], float64, float64, float64)",
    cache=True,
    **OPTIONS,
)
def move(
    key, place, words, first_draws, second_draws, before, best_positions, leaders, velocity, position,
    cognitive, social, inertia,
):  # fmt: skip
    """Write v <- ((w v) + (c1 U1) (p - x)) + (c2 U2) (g - x) and x + v; return the place in the state.

    before, velocity, position: (n, d); leaders (n, d) or (1, d); first_draws (n d,) is room for all U1, which come
    before U2 in the stream, second_draws for the U2 of some rows, at least d.
    """
    n_particles, dim = before.shape
    place = _uniforms(key, place, words, first_draws)
    n_rows = len(second_draws) // dim
    for first in range(0, n_particles, n_rows):
        last = min(first + n_rows, n_particles)
        place = _uniforms(key, place, words, second_draws[: (last - first) * dim])
        for row in range(first, last):
            x, v, after = before[row], velocity[row], position[row]
            p, g = best_positions[row], leaders[row if len(leaders) > 1 else 0]
            u1 = first_draws[row * dim : (row + 1) * dim]
            u2 = second_draws[(row - first) * dim : (row - first + 1) * dim]
            for i in range(dim):
                step = v[i] * inertia + cognitive * u1[i] * (p[i] - x[i])
                step += social * u2[i] * (g[i] - x[i])
                v[i] = step
                after[i] = x[i] + step
    return place


@njit("int64(float64[::1], float64[::1], float64[:, ::1], float64[:, ::1])", cache=True, **OPTIONS)
def remember(costs, best_costs, position, best_positions):
    """Update the personal bests from the costs (n,) of ``position``; return the number of the best of them."""
    best = 0
    for row in range(len(costs)):
        if costs[row] < best_costs[row]:
            best_costs[row] = costs[row]
            source, target = position[row], best_positions[row]
            for i in range(len(source)):
                target[i] = source[i]
        if best_costs[row] < best_costs[best]:
            best = row
    return best
