"""An optimizer with a share of the study's budget, so that one study compares budgets."""

import numpy as np

import optcompare as oc


class Within(oc.Optimizer):
    """``inner``, ended before the call that would go beyond ``passes`` values."""

    inner: oc.Optimizer = oc.optimizers.Pso()
    passes: int = 1000

    def minimize(self, objective, start, rng):
        """Minimize by the inner optimizer."""
        return self.inner.minimize(Purse(objective, self.passes), start, rng)


class Purse:
    """A Recorder's face that stops after so many values; for optimizers that ask for values only."""

    def __init__(self, recorder, passes):
        self._recorder, self._left = recorder, passes

    def __getattr__(self, name):
        return getattr(self._recorder, name)

    def value(self, theta):
        """Return one value."""
        return float(self.values(np.array([theta]))[0])

    def values(self, thetas):
        """Return the values of the rows."""
        if len(thetas) > self._left:
            raise oc.errors.BudgetExhausted("the arm's own share of the budget is spent")
        self._left -= len(thetas)
        return self._recorder.values(thetas)
