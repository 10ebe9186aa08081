"""A simplex kept in order of its values without being sorted, copied and measured anew at every move.

scipy's Nelder-Mead does three things of O(d^2) at every iteration: it sums d vertices for their mean, copies the
simplex into its new order, and measures its size. Here a new value is inserted by bisection, and the size is measured
only while the values are together, where one coordinate mostly suffices to see that it is not small. The vertices
are kept in one of two ways:

- :class:`SmallSimplex`, up to d = ``EXACT_UP_TO``: a matrix in order, whose mean is summed vertex after vertex as
  scipy sums it (1 to 3 microseconds). All moves have scipy's bits, for as long as the search runs.
- :class:`LargeSimplex`, above: a list of vectors, and the running sum of all but the worst,
  sum <- sum + new vertex - new worst vertex, which is O(d). It is summed anew every d moves (O(d) a move again), so
  that its rounding error stays near that of a plain sum. The size is measured vertex by vertex, the worst first, up
  to the first that is too far away.

Equal values: scipy orders them by numpy's "quicksort", which is not stable and depends on the processor. While two
values of the simplex are equal, the same call is made here on the same array, so that the order is scipy's on the
same machine; where all differ, every sort gives the same order.

At these sizes a call costs more than its arithmetic, hence BLAS daxpy (y <- y + a x) at half the price of a call of
numpy, and factors as arrays of no dimension. Where scipy's bits matter a is 1, -1 or another power of two: the product
is then exact, and the sum rounds as numpy's does, fused or not.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable
from operator import eq
from typing import Any, ClassVar

import numpy as np
from numpy import divide, multiply
from numpy.typing import NDArray

from .base import Vector

Value = Callable[[Vector], float]
Order = NDArray[np.intp]

EXACT_UP_TO = 64

_TWO = np.array(2.0)
_sum: Any = np.add.reduce


def new_simplex(value: Value, vertices: Vector) -> Simplex:
    """Evaluate the d + 1 vertices (d + 1, d) in turn and return them in order."""
    kind = SmallSimplex if vertices.shape[1] <= EXACT_UP_TO else LargeSimplex
    return kind([value(vertex) for vertex in vertices], vertices)


class Simplex(ABC):
    """The vertices by rising value; no value may be NaN.

    ``values`` (d + 1 numbers), and the vertices of the least and the largest of them: ``best`` and ``worst`` (d,),
    to be read before the next move and not to be written to.
    """

    values: list[float]
    best: Vector
    worst: Vector
    _has_scipys_bits: ClassVar[bool]
    _far = 0  # a coordinate in which worst and best were far from one another
    _has_equal = False  # whether two values were equal at the last sort, so that the next move must sort again

    def __init__(self, values: list[float], vertices: Vector) -> None:
        from scipy.linalg.blas import daxpy

        self.values = values
        self._add_to = daxpy
        self._n_coordinates = vertices.shape[1]
        self._count = np.array(float(self._n_coordinates))
        self._mean = np.empty(self._n_coordinates)
        self._keep(np.array(vertices))
        self._sort()
        self._sort()  # as scipy, should a second sort order equal values anew

    def replace_worst(self, point: Vector, value: float) -> None:
        """Put ``point`` (d,), to which nobody writes any more, in the place of the worst vertex."""
        values = self.values
        del values[-1]
        place = bisect_right(values, value)
        if self._has_equal or (place and values[place - 1] == value):
            values.append(value)
            self._insert(len(values) - 1, point)
            self._sort()
        else:
            values.insert(place, value)
            self._insert(place, point)

    def shrink(self, factor: float, value: Value) -> None:
        """Move every vertex but the best to best + factor (vertex - best), and evaluate it there."""
        for place in range(1, len(self.values)):
            point = self.best + factor * (self._vertex(place) - self.best)
            self.values[place] = value(point)
            self._set_vertex(place, point)
        self._sort()

    def _sort(self) -> None:
        values = np.array(self.values)
        order = np.argsort(values)
        self.values = values[order].tolist()
        self._has_equal = any(map(eq, self.values, self.values[1:]))
        self._reorder(order)

    def reflection(self) -> Vector:
        """Return 2 m - worst, (d,), m being the mean of all vertices but the worst."""
        point = multiply(_TWO, self._take_mean())
        self._add_to(self.worst, point, None, -1.0)
        return point

    def line(self, mean: float, worst: float) -> Callable[[], Vector]:
        """Return a function that returns ``mean`` m + ``worst`` times the worst vertex, m being reflection's."""
        of_mean, of_worst, part = np.array(mean), np.array(worst), np.empty(self._n_coordinates)
        m, add_to = self._mean, self._add_to

        def point() -> Vector:
            there = multiply(of_mean, m)
            add_to(multiply(of_worst, self.worst, part), there)
            return there

        def point_in_one_go() -> Vector:
            there = multiply(of_mean, m)
            add_to(self.worst, there, None, worst)
            return there

        is_exact = abs(math.frexp(worst)[0]) == 0.5  # a product with a power of two needs no rounding of its own
        return point_in_one_go if is_exact or not self._has_scipys_bits else point

    def is_narrow(self, tolerance: float) -> bool:
        """Tell whether all coordinates are that near to the best vertex's."""
        far = self._far
        if abs(self.worst.item(far) - self.best.item(far)) > tolerance:  # one coordinate is enough to say no
            return False
        self._far = int(np.abs(self.worst - self.best).argmax())
        return self._is_narrow(tolerance)

    @abstractmethod
    def _take_mean(self) -> Vector: ...

    @abstractmethod
    def _keep(self, vertices: Vector) -> None: ...

    @abstractmethod
    def _vertex(self, place: int) -> Vector: ...

    @abstractmethod
    def _set_vertex(self, place: int, point: Vector) -> None: ...

    @abstractmethod
    def _insert(self, place: int, point: Vector) -> None:
        """Drop the worst vertex and let ``point`` be the one at ``place``, 0 to d."""

    @abstractmethod
    def _reorder(self, order: Order) -> None: ...

    @abstractmethod
    def _is_narrow(self, tolerance: float) -> bool: ...


class SmallSimplex(Simplex):
    """The vertices as a matrix in order: O(d^2) numbers move in an iteration, but in few calls."""

    _has_scipys_bits = True

    def _keep(self, vertices: Vector) -> None:
        self._matrix = vertices
        self._all_but_worst = vertices[:-1]
        self._numbers = vertices.reshape(-1).data  # moves a piece along itself, which numpy does slowly
        self.best, self.worst = vertices[0], vertices[-1]

    def _take_mean(self) -> Vector:
        mean = self._mean
        return divide(_sum(self._all_but_worst, 0, None, mean), self._count, mean)

    def _vertex(self, place: int) -> Vector:
        return self._matrix[place]

    def _set_vertex(self, place: int, point: Vector) -> None:
        self._matrix[place] = point

    def _insert(self, place: int, point: Vector) -> None:
        numbers, d = self._numbers, self._n_coordinates
        first = place * d
        numbers[first + d :] = numbers[first:-d]
        numbers[first : first + d] = point  # type: ignore[call-overload]  # any buffer of floats will do

    def _reorder(self, order: Order) -> None:
        self._matrix[...] = self._matrix[order]

    def _is_narrow(self, tolerance: float) -> bool:
        return bool(np.abs(self._matrix[1:] - self.best).max() <= tolerance)


class LargeSimplex(Simplex):
    """The vertices as a list of vectors, and the running sum of all but the worst: O(d) an iteration."""

    _has_scipys_bits = False

    def _keep(self, vertices: Vector) -> None:
        self._vertices = list(vertices)
        self.best, self.worst = self._vertices[0], self._vertices[-1]
        self._moves_to_sum = 0  # until the sum is taken anew

    def _take_mean(self) -> Vector:
        return divide(self._sum, self._count, self._mean)

    def _vertex(self, place: int) -> Vector:
        return self._vertices[place]

    def _set_vertex(self, place: int, point: Vector) -> None:
        self._vertices[place] = point
        self._moves_to_sum = 0

    def _insert(self, place: int, point: Vector) -> None:
        vertices = self._vertices
        vertices[-1] = point  # the sum is of all others
        if place < self._n_coordinates:
            vertices.insert(place, vertices.pop())
            self._settle(point)
        else:
            self.worst = point

    def _reorder(self, order: Order) -> None:
        last = self._vertices[-1]
        self._vertices = [self._vertices[place] for place in order.tolist()]
        self._settle(last)

    def _settle(self, last: Vector) -> None:
        """Bring the sum up to date, now that ``last`` is perhaps no longer the last vertex."""
        self.best, self.worst = self._vertices[0], self._vertices[-1]
        if not self._moves_to_sum:
            self._sum_anew()
        elif last is not self.worst:
            self._moves_to_sum -= 1
            self._add_to(last, self._sum)
            self._add_to(self.worst, self._sum, None, -1.0)

    def _sum_anew(self) -> None:
        self._sum = np.zeros(self._n_coordinates)
        for vertex in self._vertices[:-1]:
            self._add_to(vertex, self._sum)
        self._moves_to_sum = self._n_coordinates

    def _is_narrow(self, tolerance: float) -> bool:
        return all(np.abs(vertex - self.best).max() <= tolerance for vertex in reversed(self._vertices))
