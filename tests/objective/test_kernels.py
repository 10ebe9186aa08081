import importlib.util
import pickle
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optcompare as oc
from optcompare.errors import InvalidInputError, MissingLibraryError, UnknownNameError
from optcompare.objective import kernels
from optcompare.objective.kernel_table import BLAS_FROM, is_by_blas
from optcompare.objective.losses import Logistic
from optcompare.objective.models import ACTIVATIONS
from optcompare.objective.noise import Sample

pytest.importorskip("numba")

LOSSES = ["half_squared_error", "logistic", "softmax", "ramp", "zero_one"]
SAMPLES = ["none", "rows", "inputs", "rows and inputs", "masks", "rows, inputs, masks"]


def data_of(loss, n, p, rng):
    X = rng.standard_normal((n, p))
    if loss == "half_squared_error":
        return oc.Dataset.from_arrays(X, rng.standard_normal((n, 3)), task="regression", test_size=0.0)
    n_classes = min(n, 4 if loss == "softmax" else 2)
    return oc.Dataset.from_arrays(X, np.arange(n) % n_classes, task="classification", test_size=0.0)


def pair(loss, activation="tanh", hidden=(3,), n=11, p=4, reduction="mean", seed=0):
    """The same objective by numpy and by the compiled kernels."""
    rng = np.random.default_rng(seed)
    data = data_of(loss, n, p, rng)
    options = {"loss": loss, "reduction": reduction}
    if hidden:
        options |= {"hidden": hidden, "activation": activation}
        return [oc.mlp_objective(data, kernel=kernel, **options) for kernel in ("numpy", "numba")]
    return [oc.linear_objective(data, kernel=kernel, **options) for kernel in ("numpy", "numba")]


def sample_of(kind, objective, rng):
    n = objective.n_samples
    rows = rng.integers(0, n, max(1, n // 2)) if "rows" in kind else None
    n_items = n if rows is None else len(rows)
    X = rng.standard_normal((n_items, objective.data.n_features)) if "inputs" in kind else None
    masks = None
    if "masks" in kind:
        masks = [(rng.random((n_items, width)) < 0.7) / 0.7 for width, _ in objective.model.sizes]
        masks[rng.integers(len(masks))] = None
    return None if kind == "none" else Sample(n_items, rows, X, None if masks is None else tuple(masks))


def assert_close(ours, reference, n):
    """1e-10 relative; sums of n losses or slopes of order 1 and more are known to some n roundings."""
    size = np.abs(reference).max(initial=1.0)
    np.testing.assert_allclose(ours, reference, rtol=1e-10, atol=1e-15 * n * size)


# -- equal to the reference -------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    loss=st.sampled_from(LOSSES),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    hidden=st.lists(st.integers(1, 9), max_size=3),
    n=st.one_of(st.integers(2, 40), st.sampled_from([128, 192, 193, 300])),
    p=st.integers(1, 9),
    kind=st.sampled_from(SAMPLES),
    reduction=st.sampled_from(["mean", "sum"]),
    seed=st.integers(0, 10_000),
)
def test_equals_the_numpy_reference(loss, activation, hidden, n, p, kind, reduction, seed):
    reference, ours = pair(loss, activation, tuple(hidden), n, p, reduction, seed)
    rng = np.random.default_rng(seed)
    thetas, sample = rng.standard_normal((5, ours.dim)), sample_of(kind, ours, rng)
    values = ours.values(thetas, sample)
    assert_close(values, reference.values(thetas, sample), n)
    assert [ours.value(theta, sample) for theta in thetas] == values.tolist()
    np.testing.assert_array_equal(ours.values(thetas, sample, threads=2), values)
    if ours.has_gradient:
        value, gradient = ours.value_and_gradient(thetas[0], sample)
        assert value == values[0]
        assert_close(gradient, reference.value_and_gradient(thetas[0], sample)[1], n)


def test_every_loss_and_activation_over_several_tiles():
    rng = np.random.default_rng(0)
    for loss in LOSSES:
        for activation in ACTIVATIONS:
            reference, ours = pair(loss, activation, (7, 5), n=333)
            thetas = rng.standard_normal((70, ours.dim))
            assert_close(ours.values(thetas), reference.values(thetas), 333)
            if ours.has_gradient:
                assert_close(ours.gradient(thetas[0]), reference.gradient(thetas[0]), 333)


@pytest.mark.parametrize("hidden", [(3,), (6, 1), (70, 2)])
def test_blas_and_own_products_agree(hidden):
    for loss in ("logistic", "softmax"):
        reference, ours = pair(loss, hidden=hidden, n=150, p=90)
        loss_by_blas = ours._compiled
        loss_by_blas._plan[-len(ours.model.sizes) :] = 1  # every layer through BLAS
        thetas = np.random.default_rng(1).standard_normal((4, ours.dim)) / 5
        assert_close(ours.values(thetas), reference.values(thetas), 150)
        assert_close(ours.gradient(thetas[0]), reference.gradient(thetas[0]), 150)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_nan_and_inf_are_where_the_reference_has_them(loss, activation):
    reference, ours = pair(loss, activation, (3,), n=9)
    rng = np.random.default_rng(0)
    thetas = rng.standard_normal((200, ours.dim))
    for theta in thetas:  # one number: of several that cancel, what is left depends on the order of the sum
        theta[rng.integers(ours.dim)] = rng.choice([np.nan, np.inf, -np.inf, 1e150, -1e100, -0.0])
    with np.errstate(all="ignore"):
        expected = reference.values(thetas)
        gradients = [reference.gradient(theta) for theta in thetas] if ours.has_gradient else []
    assert np.isfinite(expected).any() and (loss in ("ramp", "zero_one") or not np.isfinite(expected).all())
    np.testing.assert_allclose(ours.values(thetas), expected, rtol=1e-10)
    for theta, gradient in zip(thetas, gradients):
        largest = np.abs(gradient[np.isfinite(gradient)]).max(initial=1.0)  # what the sums over items may cancel from
        np.testing.assert_allclose(ours.gradient(theta), gradient, rtol=1e-10, atol=1e-14 * largest)


def test_what_goes_wrong_in_a_thread_is_raised(monkeypatch):
    _, ours = pair("logistic")
    thetas = np.zeros((8, ours.dim))

    def no_room(workspace, n):
        if threading.current_thread() is not threading.main_thread():
            raise MemoryError("no room")
        return np.zeros(n)

    monkeypatch.setattr(kernels._Workspace, "of", no_room)
    with pytest.raises(MemoryError, match="no room"):
        ours.values(thetas, threads=3)


@pytest.mark.parametrize("threads", [0, -1, 1.5])
def test_threads_are_a_whole_number(threads):
    _, ours = pair("logistic")
    with pytest.raises(InvalidInputError, match="threads must be"):
        ours.values(np.zeros((8, ours.dim)), threads=threads)


def test_thetas_of_any_layout():
    _, ours = pair("softmax")
    thetas = np.random.default_rng(0).standard_normal((6, ours.dim))
    wide = np.repeat(thetas, 2, axis=1)
    np.testing.assert_array_equal(ours.values(wide[:, ::2]), ours.values(thetas))
    assert ours.value(wide[0, ::2]) == ours.value(thetas[0]) == ours.value(thetas[0].tolist())
    thetas.setflags(write=False)
    assert np.isfinite(ours.value_and_gradient(thetas[0])[1]).all()


@pytest.mark.parametrize(
    "sample",
    [
        Sample(2, rows=np.array([0, 11])),
        Sample(2, rows=np.array([0, -1])),
        Sample(0, rows=np.array([], dtype=int)),
        Sample(3, X=np.zeros((3, 4))),
        Sample(11, masks=(None, np.ones((11, 2)))),
    ],
)
def test_a_sample_that_does_not_fit_is_refused(sample):
    _, ours = pair("logistic")
    with pytest.raises(InvalidInputError, match="sample"):
        ours.value(np.zeros(ours.dim), sample)


# -- the functions of one number --------------------------------------------------------------------------------------


def elementwise(name):
    from numba import njit

    from optcompare.objective import compiled

    function = getattr(compiled, name)

    @njit(**compiled.OPTIONS)
    def apply(x, out):
        for i in range(len(x)):
            out[i] = function(x[i])

    return apply


def units_apart(ours, exact):
    """The largest distance from the exact values in units in the last place of their nearest float64."""
    import mpmath

    worst = 0.0
    for value, truth in zip(ours.tolist(), exact):
        nearest = float(truth)
        if value != nearest:
            worst = max(worst, abs(float((mpmath.mpf(value) - truth) / mpmath.mpf(float(np.spacing(abs(nearest)))))))
    return worst


RNG = np.random.default_rng(0)
SCALES = RNG.choice([-1.0, 1.0], 2500) * 10.0 ** RNG.uniform(-320, 2.8, 2500)
RANGES = {
    "tanh": np.concatenate([SCALES, RNG.uniform(-1, 1, 2500), RNG.uniform(-25, 25, 1500), [5e-324, 2.3e-308, 1e308]]),
    "exp": np.concatenate([SCALES, RNG.uniform(-1, 1, 1000), RNG.uniform(-745.1, 709.7, 2500), [-708.5, -745.13]]),
    "log1p_of_share": np.concatenate([np.abs(SCALES[np.abs(SCALES) < 1]), RNG.uniform(0, 1, 2500), [0.0, 1.0, 5e-324]]),
    "log": np.concatenate([1 + RNG.uniform(0, 1, 2000) * 10.0 ** RNG.uniform(-16, 4, 2000), [2.3e-308, 1.7e308]]),
}


@pytest.mark.parametrize("name", RANGES)
def test_within_4_units_in_the_last_place(name):
    mpmath = pytest.importorskip("mpmath")
    exact = getattr(mpmath, name.removesuffix("_of_share"))
    x = RANGES[name]
    out = np.empty_like(x)
    elementwise(name)(x, out)
    with mpmath.workprec(120):
        # tanh and log1p of tiny numbers lose digits there by cancellation, tanh at large ones takes long
        safe = [mpmath.mpf(v) if abs(v) < 1e-30 and name != "exp" else exact(mpmath.mpf(max(min(v, 800), -800)))
                for v in x.tolist()] if name != "log" else [exact(mpmath.mpf(v)) for v in x.tolist()]  # fmt: skip
        assert units_apart(out, safe) <= 4


def test_special_numbers():
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e308, -1e308, 800.0, -800.0])
    out = np.empty_like(x)
    elementwise("tanh")(x, out)
    np.testing.assert_array_equal(out, np.tanh(x))
    assert np.signbit(out[:2]).tolist() == [False, True]
    elementwise("exp")(x, out)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(out, np.exp(x))
    elementwise("log")(x[2:5], out[:3])
    assert np.isnan(out[[0, 2]]).all()


def test_loops_are_vector_instructions():
    apply = elementwise("tanh")
    apply(np.zeros(3), np.zeros(3))
    assembly = apply.inspect_asm(apply.signatures[0])
    if "vdivsd" not in assembly:
        pytest.skip("not an x86 processor with AVX")
    assert "vdivpd" in assembly


# -- choosing, loading ------------------------------------------------------------------------------------------------


class OtherLogistic(Logistic):
    pass


def test_which_kernel_serves():
    data = oc.load_dataset("breast_cancer")
    assert oc.mlp_objective(data).kernel == "numba"
    assert oc.mlp_objective(data, penalty=oc.L2(1.0), kernel="auto").with_lambda(2.0).kernel == "numba"
    assert oc.linear_objective(data, kernel="numpy").kernel == "numpy"
    assert oc.linear_objective(data, loss=OtherLogistic()).kernel == "numpy"
    assert oc.function_objective(sum, dim=2).kernel == "numpy"
    with pytest.raises(InvalidInputError, match="no compiled form of OtherLogistic"):
        oc.linear_objective(data, loss=OtherLogistic(), kernel="numba")
    with pytest.raises(UnknownNameError, match="numby"):
        oc.linear_objective(data, kernel="numby")


def test_the_table_is_by_size_alone():
    assert not is_by_blas(10**6, 1) and is_by_blas(10**6, 10**6)
    assert list(BLAS_FROM.values()) == sorted(BLAS_FROM.values(), reverse=True)
    assert [is_by_blas(n_in, 300) for n_in in (BLAS_FROM[256] - 1, BLAS_FROM[256])] == [False, True]


def test_a_run_says_its_kernel_and_its_best_value_is_exact():
    data = oc.load_dataset("iris")
    runs = {}
    for kernel in ("numpy", "numba"):
        objective = oc.mlp_objective(data, hidden=(3,), penalty=oc.L2(0.1), kernel=kernel)
        for optimizer in ("pso", "lbfgs", "nelder_mead"):
            run = oc.minimize(objective, optimizer, budget=300)
            assert run.best_value == objective.value(run.best_theta) == objective.value(run.best_theta.copy())
            assert ("numba" in run.versions) == (kernel == "numba")
            runs[kernel, optimizer] = run
    assert runs["numpy", "lbfgs"].best_value == pytest.approx(runs["numba", "lbfgs"].best_value, rel=1e-3)


def test_memory_does_not_grow_with_items_and_candidates():
    rng = np.random.default_rng(0)
    data = oc.Dataset.from_arrays(
        rng.standard_normal((150_000, 4)), np.arange(150_000) % 2, task="classification", test_size=0.0
    )
    objective = oc.mlp_objective(data, hidden=(16,), kernel="numba")
    thetas = rng.standard_normal((20, objective.dim))
    objective.value(thetas[0])
    tracemalloc.start()  # the kernels allocate nothing: their room is a numpy array, made anew in a new thread
    thread = threading.Thread(target=objective.values, args=(thetas,))
    thread.start()
    thread.join()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6


def test_works_without_numba():
    code = """
        import sys
        sys.modules["numba"] = None
        import numpy as np
        import optcompare as oc
        from optcompare.errors import MissingLibraryError
        objective = oc.mlp_objective(oc.load_dataset("iris"))
        assert objective.kernel == "numpy" and np.isfinite(objective.value(np.zeros(objective.dim)))
        try:
            oc.mlp_objective(oc.load_dataset("iris"), kernel="numba")
        except MissingLibraryError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert "pip install 'optcompare[fast]'" in done.stdout


def test_an_objective_that_needs_numba_says_so_where_it_is_missing(monkeypatch):
    _, ours = pair("logistic")
    ours = pickle.loads(pickle.dumps(ours))
    assert ours.kernel == "numba"
    monkeypatch.setattr(kernels, "compiled_functions", lambda: None)  # as on another machine
    with pytest.raises(MissingLibraryError, match="not installed here"):
        ours.value(np.zeros(ours.dim))


TINY = """
from numba import njit, types
OPTIONS = {}
SIGNATURES = {"double": (types.float64,)}
@njit
def double(x):
    return 2.0 * x
"""


def test_a_cache_that_cannot_be_used_is_done_without(tmp_path, monkeypatch):
    def loaded():
        spec = importlib.util.spec_from_file_location("tiny", tmp_path / "tiny.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return kernels._compiled(module, "double")

    (tmp_path / "tiny.py").write_text(TINY)
    assert loaded()(4.0) == 8.0
    (index,) = tmp_path.rglob("*.nbi")
    index.write_bytes(index.read_bytes()[:40])
    assert loaded()(4.0) == 8.0

    from numba.core.caching import FunctionCache

    def nowhere(*arguments):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(FunctionCache, "__init__", nowhere)
    assert loaded()(4.0) == 8.0


def test_a_long_preparation_is_announced(monkeypatch, capsys):
    monkeypatch.setattr(kernels, "SECONDS_UNTIL_SAID", 0.05)
    with kernels.said_if_slow("the population kernel"):
        time.sleep(0.2)
    assert "preparing the population kernel (numba): compiled once and kept on disk" in capsys.readouterr().err
    with kernels.said_if_slow("the population kernel"):
        pass
    time.sleep(0.1)
    assert capsys.readouterr().err == ""
