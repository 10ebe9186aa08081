"""The package's face: public names, lazy and cheap imports, types."""

import subprocess
import sys

import pytest

import optcompare as oc


@pytest.mark.parametrize("name", oc.__all__)
def test_public_names_exist_and_are_documented(name):
    thing = getattr(oc, name)
    assert name == "__version__" or (thing.__doc__ or "").strip()


def test_import_is_light():
    heavy = ("numpy", "scipy", "pandas", "matplotlib", "sklearn", "numba", "pyswarms", "cma", "dask")
    code = f"import sys, optcompare; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_typos_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'minimise'"):
        _ = oc.minimise
    with pytest.raises(AttributeError):
        _ = oc.optimizers.Nope
