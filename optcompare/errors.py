"""Every error that optcompare raises on purpose.

::

    Exception
    +-- OptcompareError                 everything below is caught by this one
    |   +-- InvalidInputError           an argument is wrong (also a ValueError)
    |   |   +-- UnknownNameError        no optimizer, data set, option ... of that name
    |   |   +-- DataError               a data set or a file of data is wrong
    |   |   +-- NoEquivalentLambdaError no L2 lambda equals what was asked for
    |   |   +-- DescriptionError        an object has no reproducible identity
    |   +-- StoreError                  a store cannot be used
    |   +-- MissingLibraryError         an optional library is not installed (also an ImportError)
    +-- RunStopped                      the Recorder ends a run; optimizers let it through
        +-- BudgetExhausted
        +-- TargetReached
        +-- Diverged

``RunStopped`` is none of ValueError, TypeError, StopIteration: scipy swallows or renames those.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class OptcompareError(Exception):
    """Base of the errors that a user's input or surroundings cause."""


class InvalidInputError(OptcompareError, ValueError):
    """An argument is wrong: the text says what was given and what is allowed."""


class UnknownNameError(InvalidInputError):
    """A name is not in the list it was looked up in."""


class DataError(InvalidInputError):
    """A data set cannot be used as it is."""


class NoEquivalentLambdaError(InvalidInputError):
    """There is no L2 lambda with the same minimiser; the text says what is minimised instead."""


class DescriptionError(InvalidInputError):
    """An object cannot be described, so that a run with it would have no identity."""


class StoreError(OptcompareError):
    """A store of runs cannot be opened, read or written."""


class MissingLibraryError(OptcompareError, ImportError):
    """An optional library is needed; the text names the extra that installs it."""


class RunStopped(Exception):
    """The Recorder has ended the run."""


class BudgetExhausted(RunStopped):
    """The next call does not fit the budget."""


class TargetReached(RunStopped):
    """The objective's value is at or below the budget's target."""


class Diverged(RunStopped):
    """A gradient, or the optimizer's answer, was not finite."""


def unknown_name(kind: str, given: object, allowed: Iterable[str]) -> UnknownNameError:
    """Build the error for a name that does not exist, with the nearest one that does."""
    names = sorted(allowed)
    near = difflib.get_close_matches(str(given), names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UnknownNameError(f"unknown {kind} {given!r}.{hint} Allowed: {', '.join(names)}")
