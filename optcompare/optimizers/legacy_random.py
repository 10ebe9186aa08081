"""A private stream for libraries that draw from numpy's global generator and take no seed.

``np.random.uniform(...)`` draws from one hidden generator for the whole process. A run that must be
reproducible owns a generator of its own and puts it in that place only while the library computes; user
code (the objective, above all) never runs inside, so that nested and interleaved runs do not meet.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.random.mtrand import get_bit_generator, set_bit_generator

_GLOBAL_GENERATOR = threading.Lock()


class LegacyRandom:
    """A Mersenne Twister, seeded by 126 bits of ``rng``, that can stand in for numpy's global generator.

    It suits libraries that draw uniforms and integers. The legacy Gaussian makes pairs and keeps the second
    for the next call; that spare is forgotten between two ``swapped_in`` blocks (the caller's is kept).
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.bits = np.random.MT19937(rng.integers(2**63, size=2))

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Let ``np.random`` draw from this stream inside the block; the caller's generator comes back after it.

        One block at a time in a process: a second thread waits, a nested block in one thread would wait for ever.
        """
        with _GLOBAL_GENERATOR:
            callers = get_bit_generator()
            state = np.random.get_state(legacy=False)  # noqa: NPY002
            try:
                set_bit_generator(self.bits)
                yield
            finally:
                set_bit_generator(callers)
                if state["has_gauss"]:  # the spare Gaussian is no part of the generator and was dropped
                    np.random.set_state(state)  # noqa: NPY002
