"""The command line: ``optcompare run | report | status | export | merge | list | show | check | lambda``."""

from __future__ import annotations

import argparse
import inspect
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import InvalidInputError, OptcompareError

LISTS = ("optimizers", "datasets", "losses", "penalties", "conventions")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0 done, 1 a clear error or a check that fails, 130 Ctrl-C."""
    arguments, rest = _parser().parse_known_args(argv)
    if rest and arguments.command is not run_command:
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.rest = rest
    try:
        return arguments.command(arguments) or 0
    except OptcompareError as error:
        print(f"optcompare: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="optcompare", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run a study script", add_help=False)
    run.add_argument("script", metavar="STUDY.py", help="the script; further options go to the study (try --help)")
    run.set_defaults(command=run_command)

    report = commands.add_parser("report", help="write the report of stored runs; solves nothing")
    report.add_argument("stores", metavar="DB", nargs="+", help="one store, or several to compare in one report")
    report.add_argument("--study", action="append", help="which study, where a store holds several; may be repeated")
    report.add_argument("--out", default="report", help="folder to write (default: report)")
    report.set_defaults(command=report_command)

    status = commands.add_parser("status", help="how far studies are: done, failed, missing, running, time left")
    status.add_argument("store", metavar="DB")
    status.add_argument("--study", help="one study alone (default: all in the store)")
    status.add_argument("--failures", action="store_true", help="show the failed runs with their tracebacks")
    status.set_defaults(command=status_command)

    export = commands.add_parser("export", help="write a store as files: tables, or data for COCO or IOHprofiler")
    export.add_argument("--to", required=True, choices=("csv", "parquet", "coco", "iohprofiler"), dest="kind")
    export.add_argument("--store", required=True, metavar="DB")
    export.add_argument("--out", required=True, metavar="DIR", help="folder to write")
    export.add_argument("--study", help="one study alone (default: all in the store)")
    export.set_defaults(command=export_command)

    merging = commands.add_parser("merge", help="copy into one store the runs that it lacks of another")
    merging.add_argument("source", metavar="SOURCE", help="store to read")
    merging.add_argument("target", metavar="TARGET", help="store to add to")
    merging.set_defaults(command=merge_command)

    listing = commands.add_parser("list", help="what there is: " + ", ".join(LISTS))
    listing.add_argument("what", nargs="?", choices=LISTS, help="one list (default: all)")
    listing.set_defaults(command=list_command)

    show = commands.add_parser("show", help="one stored run by its key, or its first digits")
    show.add_argument("run", metavar="RUN", help="the run's key or a unique beginning of it")
    show.add_argument("--store", required=True, metavar="DB")
    show.add_argument("--study", help="which study, where the store holds several")
    show.set_defaults(command=show_command)

    check = commands.add_parser("check", help="check an optimizer of your own against the contract that all keep")
    check.add_argument("optimizer", metavar="FILE.py", help="a file with an oc.Optimizer or a function; or a name")
    check.add_argument("--name", default="", metavar="CLASS", help="which one, where the file has several")
    check.add_argument("--quick", action="store_true", help="fewer budgets and dimensions")
    check.add_argument("--limit", type=float, default=60.0, metavar="SECONDS", help="a check is killed after (60)")
    check.set_defaults(command=check_command)

    _add_lambda(commands)
    return parser


def _add_lambda(commands: Any) -> None:
    convert = commands.add_parser("lambda", help="convert a lambda (weight_decay, alpha, C) between conventions")
    convert.add_argument("value", nargs="?", type=float)
    convert.add_argument("--from", dest="source", metavar="CONVENTION")
    convert.add_argument("--to", dest="target", default="canonical", metavar="CONVENTION")
    convert.add_argument("--table", action="store_true", help="print the whole table of conventions")
    convert.add_argument("--n", type=int, dest="n_samples", help="training items")
    convert.add_argument("--loss", help="cross_entropy, half_squared_error, squared_error or mse")
    convert.add_argument("--outputs", type=int, default=1, dest="n_outputs")
    convert.add_argument("--biases", action="store_true", help="the biases are penalised too")
    convert.add_argument("--batch-size", type=int)
    convert.add_argument("--learning-rate", type=float)
    convert.add_argument("--momentum", type=float, default=0.0)
    convert.add_argument("--rule", help="the update rule of a decay")
    convert.add_argument("--l1-ratio", type=float)
    convert.add_argument("--solver", help="scikit-learn's solver, where it matters")
    convert.set_defaults(command=lambda_command)


def run_command(arguments: argparse.Namespace) -> None:
    """Run the script as ``__main__`` with the remaining options as its own."""
    script = Path(arguments.script).absolute()
    if arguments.script in ("-h", "--help") or not script.is_file():
        raise InvalidInputError(f"no study script at {arguments.script!r}: give the path of a .py file")
    arguments_before, path_before = sys.argv, list(sys.path)
    sys.argv = [str(script), *arguments.rest]
    sys.path.insert(0, str(script.parent))  # as python itself does: a script imports what lies beside it
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        sys.argv, sys.path[:] = arguments_before, path_before


def report_command(arguments: argparse.Namespace) -> None:
    """Draw the report again from a store, or one report of several."""
    from .results import claims_text, load_comparison

    results = load_comparison(arguments.stores, arguments.study or ())
    page = results.report(arguments.out)
    print(claims_text(results.claims()))
    print(f"report: {page}")


def status_command(arguments: argparse.Namespace) -> None:
    """Print how many runs are done, by status, which are missing or failed, and who is at work on them."""
    from .results import load_studies, status_text

    for results in load_studies(arguments.store, arguments.study):
        print(status_text(results))
        for row in results.failures().itertuples() if arguments.failures else ():
            print(f"\n{row.objective} | lambda {row.lam:g} | {row.optimizer} | seed {row.seed}: {row.status}")
            print(f"{row.message}\n{row.traceback or ''}")


def export_command(arguments: argparse.Namespace) -> None:
    """Write the tables of a store as files, or a study's runs as data for other programs."""
    from .report.export import export
    from .results import load_results

    if arguments.kind in ("coco", "iohprofiler"):
        paths = load_results(arguments.store, arguments.study).export(arguments.out, to=arguments.kind)
        print(f"{len(paths)} data sets in {arguments.out}; README.txt there says how to read them")
        return
    for path in export(arguments.store, arguments.out, to=arguments.kind, study=arguments.study):
        print(path)


def merge_command(arguments: argparse.Namespace) -> None:
    """Copy what one store lacks from another."""
    from .runs.store import merge

    print(f"{merge(arguments.source, arguments.target)} runs copied into {arguments.target}")


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").splitlines()[0]


def list_command(arguments: argparse.Namespace) -> None:
    """Print names with one line each."""
    from .objective.convention_table import convention_table
    from .objective.datasets import dataset_summaries
    from .objective.losses import LOSSES
    from .objective.penalties import PENALTIES
    from .optimizers.base import optimizer_class, optimizer_names

    tables = {
        "optimizers": {name: optimizer_class(name).summary() for name in optimizer_names()},
        "datasets": dataset_summaries(),
        "losses": {name: loss.formula for name, loss in LOSSES.items()},
        "penalties": {penalty.__name__: _first_line(penalty) for penalty in PENALTIES},
        "conventions": {row["name"]: row["formula"] for row in convention_table()},
    }
    for what in [arguments.what] if arguments.what else LISTS:
        print(f"{what}:")
        width = max(len(name) for name in tables[what])
        for name, line in tables[what].items():
            print(f"  {name:<{width}}  {line}")


def show_command(arguments: argparse.Namespace) -> None:
    """Print one stored run."""
    import numpy as np

    from .results import load_results

    results = load_results(arguments.store, arguments.study)
    for name, value in results.run(arguments.run).items():
        if isinstance(value, np.ndarray):
            value = np.array2string(value, threshold=20, precision=6) if value.ndim == 1 else f"{value.shape} numbers"
        if value not in (None, ""):
            print(f"{name:<18} {value}")


def check_command(arguments: argparse.Namespace) -> int:
    """Print what every check of the contract finds; return 0 where all are passed, else 1."""
    from .contract import CHECKS, Finding, check_source
    from .contract.source import Source
    from .contract.suite import finding_text

    def show(found: str | Finding) -> None:
        print(finding_text(found) if isinstance(found, Finding) else f"{found}\n", flush=True)

    source = Source(arguments.optimizer, arguments.name)
    findings = check_source(source, is_quick=arguments.quick, limit=arguments.limit, show=show)
    n_kept, n_left = sum(found.is_kept for found in findings), len(CHECKS) - len(findings)
    rest = f"; {n_left} not tried before this one passes" if n_left else ""
    print(f"\n{n_kept} of {len(CHECKS)} checks passed{rest}")
    return int(n_kept < len(CHECKS))


def lambda_command(arguments: argparse.Namespace) -> None:
    """Convert a lambda, or print the table of conventions."""
    from .objective.convert import explain_conversion, lambda_command_text, lambda_table_text

    if arguments.table:
        print(lambda_table_text())
        return
    if arguments.value is None or arguments.source is None:
        raise InvalidInputError("give a value and --from CONVENTION, or --table")
    names = inspect.signature(explain_conversion).parameters
    facts = {name: getattr(arguments, name) for name in names if hasattr(arguments, name)}
    print(lambda_command_text(explain_conversion(**facts)))


if __name__ == "__main__":
    raise SystemExit(main())
