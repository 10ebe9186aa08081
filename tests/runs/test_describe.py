"""What identifies a thing, and what must not."""

import dataclasses
import enum
import functools
import json
import math
import subprocess
import sys
import textwrap
import types
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from optcompare.errors import DescriptionError
from optcompare.optimizers.base import Optimizer
from optcompare.runs.describe import describe, digest

numbers = st.one_of(st.integers(), st.floats(), st.booleans(), st.none(), st.text(max_size=5), st.binary(max_size=5))
keys = st.one_of(st.integers(), st.text(max_size=5), st.floats(allow_nan=False))


def trees(leaves):
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.lists(inner, max_size=4).map(tuple),
            st.dictionaries(keys, inner, max_size=4),
            st.frozensets(keys, max_size=4),
        ),
        max_leaves=12,
    )


def load(source, name="loaded", **given):
    """Import a module from text, from a file that stays where it is."""
    path = given.pop("path")
    path.write_text(textwrap.dedent(source), encoding="utf-8")
    module = types.ModuleType(name)
    module.__dict__.update(given, __file__=str(path))
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module


@pytest.fixture
def digests(tmp_path):
    """Return a function: text of a module, and an expression in it -> its digest."""
    count = iter(range(1000))

    def compute(source, expression="f", name="loaded"):
        module = load(source, name, path=tmp_path / f"m{next(count)}.py")
        return digest(eval(expression, module.__dict__))

    return compute


# -- values -------------------------------------------------------------------------------------------------------


@given(trees(numbers))
def test_a_description_is_json_and_a_function_of_the_value(tree):
    text = json.dumps(describe(tree), allow_nan=False)
    assert json.loads(text) == describe(tree)
    assert len(digest(tree)) == 64


@given(st.dictionaries(keys, st.integers(), max_size=6), st.randoms())
def test_dicts_have_no_order(entries, random):
    shuffled = list(entries.items())
    random.shuffle(shuffled)
    assert digest(entries) == digest(dict(shuffled)) == digest(OrderedDict(shuffled))


@given(st.floats(), st.floats())
def test_floats_are_equal_when_their_bits_are(a, b):
    same = (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    assert (digest(a) == digest(b)) is same


@given(st.floats(width=32), st.integers(-(2**31), 2**31 - 1), st.booleans())
def test_numpy_scalars_count_as_the_python_numbers_they_equal(x, n, flag):
    assert digest(np.float32(x)) == digest(np.float64(x)) == digest(x)
    assert digest(np.int32(n)) == digest(np.int64(n)) == digest(n)
    assert digest(np.bool_(flag)) == digest(flag)
    assert digest(np.str_("a")) == digest("a")


def test_kinds_are_told_apart():
    Pair = namedtuple("Pair", "a b")
    things = [None, False, True, 0, 1, 0.0, -0.0, 1.0, 1j, math.nan, math.inf, -math.inf, "", "1", "None", b"", b"1"]
    things += [
        bytearray(b"1"),
        [],
        (),
        {},
        set(),
        frozenset(),
        [1],
        (1,),
        {1},
        [[1]],
        {"float": "nan"},
        ["float", "nan"],
    ]
    things += [{1: 2}, {2: 1}, {"1": 2}, Pair(1, 2), (1, 2), range(3), slice(3), ..., 10**30, 10**5000, "0x1p+0", np]
    things += [
        np.float64,
        np.float32,
        float,
        len,
        np.sum,
        np.exp,
        np.dtype("f8"),
        np.datetime64("2020-01-01"),
        math.sin,
    ]
    things += [
        np.zeros(2),
        np.zeros(2, "f4"),
        np.zeros((2, 1)),
        np.zeros(3),
        np.zeros(2, int),
        np.float64(2),
        str.upper,
    ]
    digests_of = [digest(thing) for thing in things]
    assert len(set(digests_of)) == len(things)


@given(hnp.arrays(st.sampled_from(["f8", "f4", "i8", "u2", "c16", "?"]), hnp.array_shapes(max_dims=3, max_side=4)))
def test_arrays_are_their_values_not_their_memory(array):
    expected = digest(array)
    assert digest(np.asfortranarray(array)) == expected
    assert digest(array.astype(array.dtype.newbyteorder(">"))) == expected
    assert digest(np.repeat(array, 2, axis=0)[::2]) == expected
    read_only = array.copy()
    read_only.flags.writeable = False
    assert digest(read_only) == expected


def test_one_changed_bit_changes_an_array():
    array = np.arange(6.0)
    other = array.copy()
    other[3] = np.nextafter(other[3], 9)
    assert digest(array) != digest(other)
    assert digest(np.zeros(1)) != digest(-np.zeros(1))


def test_a_list_in_itself_is_described():
    a: list = [1]
    a.append(a)
    assert describe(a) == [1, {"above": 1}]


@pytest.mark.parametrize("seed", ["0", "1", "77"])
def test_hash_seeds_do_not_show(seed):
    code = (
        "import sys; from optcompare.runs.describe import digest; print(digest([{'alpha', 'beta', 'gamma', 'd', 'e'},"
        " frozenset('abcdefg'), {'x': 1, 'y': {2, 'z'}}, {('a', 1), ('b', 2)}]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
    )
    here = [{"alpha", "beta", "gamma", "d", "e"}, frozenset("abcdefg"), {"x": 1, "y": {2, "z"}}, {("a", 1), ("b", 2)}]
    assert result.stdout.strip() == digest(here)


# -- refusals -----------------------------------------------------------------------------------------------------


class Plain:
    pass


@dataclasses.dataclass
class Holder:
    content: object


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@pytest.mark.parametrize(
    ("thing", "word"),
    [
        (np.random.default_rng(0), "random number generator"),
        (np.random.rand, "random number generator"),
        (np.array([1, "a"], dtype=object), "object"),
        (np.ma.masked_array([1.0]), "MaskedArray"),
        (Plain(), "Plain"),
        (Plain().__init__, "Plain"),
        (object(), "builtins.object"),
        (iter([1]), "list_iterator"),
        (lambda: HIDDEN, "global 'HIDDEN'"),
        ({"a": [1, Holder(object())]}, "field 'content'"),
        (functools.partial(print, object()), "builtins.object"),
    ],
)
def test_what_has_no_identity_is_refused_with_advice(thing, word):
    with pytest.raises(DescriptionError, match=r"pass name='...'") as caught:
        describe(thing)
    assert word in str(caught.value)


HIDDEN = np.random.default_rng(0)


def test_a_function_without_source_is_refused():
    made: dict = {}
    exec("def f(t): return 1", made)
    with pytest.raises(DescriptionError, match=r"interactive session.*pass name='...'"):
        describe(made["f"])
    code = "from optcompare.runs.describe import describe\ntry: describe(lambda t: 1)\nexcept ValueError as e: print(e)"
    result = subprocess.run([sys.executable], input=code, capture_output=True, text=True, check=True)
    assert "pass name='...'" in result.stdout


def test_an_edited_file_is_not_mistaken_for_the_loaded_function(tmp_path):
    path = tmp_path / "m.py"
    module = load("def f(t):\n    return t\n", path=path)
    path.write_text("# moved\n\ndef f(t):\n    return 2 * t\n")
    with pytest.raises(DescriptionError, match="changed since"):
        describe(module.f)


# -- names, fields, dataclasses -----------------------------------------------------------------------------------


def test_identity_name_is_the_whole_identity():
    @dataclasses.dataclass
    class Named:
        x: int
        identity_name: str | None = None

    assert digest(Named(1, "a")) == digest(Named(2, "a")) != digest(Named(1, "b"))
    assert digest(Named(1)) != digest(Named(2))
    with pytest.raises(DescriptionError, match="identity_name"):
        describe(Named(1, 7))


def test_describe_fields_stands_for_the_fields():
    class Owner:
        def __init__(self, x, cache):
            self.x, self.cache = x, cache

        def describe_fields(self):
            return {"x": self.x}

    assert digest(Owner(1, object())) == digest(Owner(1, None)) != digest(Owner(2, None))


def test_dataclasses_by_class_and_fields():
    class Fixed(Optimizer):
        rate: float = 0.1

        def minimize(self, objective, start, rng):
            return start

    class Other(Optimizer):
        rate: float = 0.1

        def minimize(self, objective, start, rng):
            return start

    assert digest(Fixed()) == digest(Fixed(rate=0.1)) != digest(Fixed(rate=0.2))
    assert digest(Fixed()) != digest(Other())
    assert digest(Holder(Colour.RED)) != digest(Holder(Colour.BLUE))


def test_the_code_of_a_users_class_counts(digests):
    source = """
        from dataclasses import dataclass
        @dataclass(frozen=True)
        class A:
            rate: float = 0.5
            def step(self, t): return t - {what} * self.rate * A().rate
            @property
            def half(self): return self.rate / 2
    """
    one = digests(source.format(what=1), "A()")
    assert one == digests("# moved\n" + textwrap.dedent(source.format(what=1)), "A()")
    assert one != digests(source.format(what=2), "A()")
    assert one != digests(source.format(what=1).replace("rate / 2", "rate / 3"), "A()")


# -- functions ----------------------------------------------------------------------------------------------------


def test_pickling_an_instance_leaves_its_class_what_it_was(tmp_path):
    """copyreg notes __slotnames__ on the class: a second run of a study in one process found none of its runs."""
    source = "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass Step:\n    size: float = 1.0\n"
    step = load(source, path=tmp_path / "m.py").Step()
    before = digest(step)
    step.__reduce_ex__(2)
    assert "__slotnames__" in vars(type(step))
    assert digest(step) == before


def test_comments_lines_docstrings_and_module_names_do_not_show(digests):
    plain = digests("def f(t, k=2):\n    return k * t\n")
    changed = '''
        # a comment
        import math


        def f(t, k = 2):  # another
            """A docstring."""

            return (k *
                    t)
    '''
    assert plain == digests(changed) == digests(changed, name="__main__")
    assert plain != digests("def f(t, k=3):\n    return k * t\n")
    assert plain != digests("def f(t, k=2):\n    return k + t\n")


@pytest.mark.parametrize(
    "line",
    [
        "f, g = lambda t: t, lambda t: -t",
        "f, g = (lambda t: (t if t else 1)), (lambda t: (t if t else 2))",
        "f, g = lambda t: t and 1, lambda t: t and 2",
        "f, g = lambda t: 1 + 1, lambda t: 1 + 2",
        "f, g = (lambda: lambda: 0), (lambda: lambda: 1)",
        "f = lambda: (lambda: 0); g = f()",
        "f, g = lambda t: not t, lambda t: [u for u in t]",
        "é = 'ü'; f, g = lambda t: 'é' + t, lambda t: t + 'é'",
        "f, g = lambda t: f'{t}', lambda t: f'{t}!'",
        "f, g = lambda t, *, k=lambda u: u: k, lambda t, *, k=lambda u: -u: k",
    ],
)
def test_lambdas_that_share_a_line(line, digests, tmp_path):
    assert digests(line, "f") != digests(line, "g")
    module = load(line, path=tmp_path / "source.py")
    for name in "fg":
        text = describe(getattr(module, name))["definitions"][0]["function"]
        assert eval(text).__code__.co_code == getattr(module, name).__code__.co_code
        assert eval(text).__code__.co_consts[:1] == getattr(module, name).__code__.co_consts[:1] or "lambda" in text[6:]


def test_used_globals_count_and_others_do_not(digests):
    source = "import numpy as np\nc = {c}\nd = {d}\ndef h(t): return c * t\ndef f(t): return np.sum(h(t)) + len(t)\n"
    one = digests(source.format(c=1, d=1))
    assert one == digests(source.format(c=1, d=2))
    assert one != digests(source.format(c=1.5, d=1))
    assert one != digests(source.format(c=1, d=1).replace("c * t", "t * c"))


def test_globals_of_nested_code_count(digests):
    source = "c = {c}\ndef f(t):\n    def g(u):\n        return [c * v for v in u]\n    return g(t)\n"
    assert digests(source.format(c=1)) != digests(source.format(c=2))


def test_closures_defaults_partials_and_methods_count(digests):
    source = """
        from functools import partial, lru_cache, wraps
        from dataclasses import dataclass
        def make(a):
            def inner(t, *, k={k}): return a * t * k
            return inner
        def doubled(f):
            @wraps(f)
            def g(*given): return {two} * f(*given)
            return g
        @doubled
        def wrapped(t): return t
        @lru_cache
        def cached(t): return t * {two}
        @dataclass
        class A:
            x: int
            def value(self, t): return self.x * t
    """
    base = {"k": 1, "two": 2}

    def of(expression, **changes):
        return digests(source.format(**(base | changes)), expression)

    assert of("make(1)") == of("make(1)") != of("make(2)")
    assert of("make(1)") != of("make(1)", k=3)
    assert of("wrapped") == of("wrapped", k=3) != of("wrapped", two=3)
    assert of("cached") == of("cached", k=3) != of("cached", two=3)
    assert of("partial(make, 1)") != of("partial(make, 2)") != of("partial(make, a=2)")
    assert of("partial(make(1), k=2)") != of("partial(make(1), k=3)")
    assert of("A(1).value") == of("A(1).value") != of("A(2).value")


def test_defaults_are_values_and_decorators_their_effect(digests):
    source = "c = {c}\ndef keep(f): return f\n{decorator}\ndef f(t, k=c, *, m=c): return t\n"
    one = digests(source.format(c=1, decorator=""))
    assert one != digests(source.format(c=2, decorator=""))
    assert one == digests(source.format(c=1, decorator="@keep"))
    assert digests("c = 1\ndef f(t, k=c): return t") != digests("c = 2\ndef f(t, k=c): return t")
    assert digests("c = 1\ndef f(*, k=c): return k") != digests("c = 2\ndef f(*, k=c): return k")


def test_recursion_of_every_kind(digests):
    source = """
        def f(n): return g(n - 1) if n else {zero}
        def g(n): return f(n - 1) + table['f'](0) + A.make(n)
        table = {{'f': f, 'g': g}}
        class A:
            @classmethod
            def make(cls, n): return super().__init__ if n else f(A)
        def local():
            def even(n): return n == 0 or odd(n - 1)
            def odd(n): return n != {zero} and even(n - 1)
            return even
    """
    for expression in ("f", "g", "table", "A", "local()", "A.make", "[f, g, f]"):
        one = digests(source.format(zero=0), expression)
        assert one == digests("\n\n" + textwrap.dedent(source.format(zero=0)), expression)
        assert one != digests(source.format(zero=1), expression)


def test_a_name_that_does_not_exist_yet_is_described(digests):
    assert digests("def f(): return missing_name") != digests("missing_name = 1\ndef f(): return missing_name")


def test_library_code_by_name():
    from scipy.special import expit

    assert describe(np.sum) == {"library": "numpy:sum"}
    assert describe(np.exp) == {"library": "numpy:exp"}
    assert describe(expit) == {"library": "scipy.special:expit"}
    assert describe(math.sin) == {"library": "math:sin"}
    assert describe(json.dumps) == {"library": "json:dumps"}
    assert describe(digest) == {"library": "optcompare.runs.describe:digest"}
    assert describe(np.linalg.norm) == {"library": "numpy.linalg:norm"}
    assert describe(Optimizer) == {"type": "optcompare.optimizers.base:Optimizer"}
    assert describe(np) == {"module": "numpy"}


def test_a_wrapper_that_borrows_a_librarys_name_is_not_the_library():
    def wrap(f, factor):
        @functools.wraps(f)
        def wrapper(t):
            return factor * f(t)

        return wrapper

    assert digest(wrap(np.sum, 1)) != digest(wrap(np.sum, 2)) != digest(np.sum)
    assert digest(wrap(json.dumps, 1)) != digest(wrap(json.dumps, 2))


def test_imported_or_run_as_a_script_with_any_hash_seed(tmp_path):
    script = tmp_path / "study script é.py"
    script.write_text(
        textwrap.dedent("""
            import numpy as np
            from dataclasses import dataclass
            names = {"a", "b", "c", "delta"}
            @dataclass
            class Mine:
                x: float = 0.5
                def value(self, t): return help_me(t) * self.x
            def help_me(t): return Mine(2.0).x * sum(len(n) for n in names)
            both = [lambda t: t, lambda t: help_me(t)]
            if __name__ == "__main__":
                from optcompare.runs.describe import digest
                print(digest([Mine(), both, help_me, Mine().value]))
        """),
        encoding="utf-8",
    )
    module = load(script.read_text(encoding="utf-8"), path=tmp_path / "imported.py")
    expected = digest([module.Mine(), module.both, module.help_me, module.Mine().value])
    for seed in ("1", "2"):
        command = [sys.executable, "-W", "error", str(script)]
        result = subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True)
        assert result.stdout.strip() == expected


def test_a_compiled_function_is_its_python_source():
    numba = pytest.importorskip("numba")

    def f(t):
        return t + 1

    described = describe(numba.njit(f))
    assert described["function"] == describe(f)
