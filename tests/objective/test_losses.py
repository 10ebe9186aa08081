"""numpy's softmax keeps bits and layout of the plain formula: the order of later sums, and so a run, hangs on them."""

import numpy as np
import pytest

from optcompare.objective.losses import Softmax


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("n_scores", [2, 3, 16, 17])
def test_the_bits_and_the_layout_of_the_plain_formula(order, n_scores):
    rng = np.random.default_rng(0)
    shape = (6, 105, n_scores)
    laid = rng.standard_normal([shape[axis] for axis in order])
    Z = laid.transpose(np.argsort(order))
    y = rng.integers(n_scores, size=105)
    top = Z.max(axis=-1)
    plain = top + np.log(np.exp(Z - top[..., None]).sum(axis=-1)) - Z[..., np.arange(105), y]
    ours = Softmax().per_item(Z, y)
    assert Z.shape == shape and ours.strides == plain.strides
    assert (ours == plain).all() and (ours.sum(axis=-1) == plain.sum(axis=-1)).all()
