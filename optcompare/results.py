"""Results: what a store holds of a study, as tables and as a report."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .analysis.claims import Claim, judge_claims
from .errors import StoreError, unknown_name
from .runs.combine import Source, combine, short_names
from .runs.lock import driver_at_work
from .runs.status import Status
from .runs.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from .analysis.curves import Curves
    from .report.page import ExtraFigure

FigureMaker = Callable[["Results"], "Sequence[ExtraFigure]"]
PATH_SUFFIX = "-path"  # of the study in the same store that holds the reference path
REFERENCE_SUFFIX = "-reference"  # of the study in the same store that holds the best known errors


class Results:
    """What a study's store holds, as tables."""

    def __init__(self, store: Store, study: str) -> None:
        self.store = store
        self.study = study
        known = {row["name"]: row for row in store.studies()}
        if study not in known:
            raise StoreError(f"the store holds no study {study!r}; it has {sorted(known)}")
        self.question = str(known[study]["question"])
        description = known[study]["description"]
        self.description: dict[str, Any] = json.loads(description) if isinstance(description, str) else description

    def to_frame(self) -> pd.DataFrame:
        """Return one row a run of the study as it stands: labels, status, measurements (the study's own last)."""
        import pandas as pd

        hidden = ("study", "versions", "extras", "spec", "traceback", "trace_columns")
        runs = self._current().reset_index(drop=True)
        extras = pd.DataFrame([json.loads(text or "{}") for text in runs["extras"]], index=runs.index, dtype=float)
        return runs.drop(columns=list(hidden), errors="ignore").join(extras)

    def path_frame(self) -> pd.DataFrame:
        """Return the runs of the reference path (``Study(path=...)``), as to_frame; no rows where there is none."""
        return self._companion_frame(PATH_SUFFIX)

    def reference_frame(self) -> pd.DataFrame:
        """Return the reference runs (``Study(reference_starts=...)``), as to_frame; no rows where there are none."""
        return self._companion_frame(REFERENCE_SUFFIX)

    def _companion(self, suffix: str) -> Results | None:
        name = self.study + suffix
        return Results(self.store, name) if name in {row["name"] for row in self.store.studies()} else None

    def _companion_frame(self, suffix: str) -> pd.DataFrame:
        companion = self._companion(suffix)
        return self.to_frame().iloc[:0] if companion is None else companion.to_frame()

    def curves(self) -> Curves:
        """Return how the error of every run falls over its cost; see ``analysis.curves``."""
        from .analysis.curves import build_curves
        from .analysis.problems import with_problems

        return build_curves(with_problems(self._current(), self.description), self.store.iterate_traces(self.study))

    def problems(self) -> pd.DataFrame:
        """Return one row a problem: its facts, f_0, the best known error f_ref and who found it; see
        ``analysis.problems``.
        """
        from .analysis.curves import build_curves
        from .analysis.problems import optimizers_to_read, problem_table, with_problems

        runs = with_problems(self._current(), self.description)
        companion = self._companion(REFERENCE_SUFFIX)
        made_by = None if companion is None else companion.description
        references = with_problems(self.reference_frame(), self.description, made_by)
        names = optimizers_to_read(runs, references)
        curves = build_curves(runs, self.store.iterate_traces(self.study, names)) if names else None
        return problem_table(runs, references, self.description, curves)

    def _current(self) -> pd.DataFrame:
        """Return the stored runs that belong to the study as it is now defined."""
        runs = self.store.runs(self.study)
        return runs[runs["key"].isin(self.description["keys"])]

    def failures(self) -> pd.DataFrame:
        """Return the runs that failed, with message and traceback."""
        runs = self._current()
        columns = ["objective", "lam", "optimizer", "seed", "status", "message", "traceback"]
        return runs.loc[runs["status"].map(lambda status: Status(status).is_failure), columns]

    def mixed_versions(self) -> list[str]:
        """Return the libraries that not all runs had in the same version, as "numpy 2.3, 2.4"."""
        found: dict[str, set[str]] = {}
        for text in self._current()["versions"].dropna().unique():
            for library, version in json.loads(text).items():
                found.setdefault(library, set()).add(version)
        return [f"{library} {', '.join(sorted(names))}" for library, names in found.items() if len(names) > 1]

    def run(self, key: str) -> dict[str, Any]:
        """Return one stored run, by its key or a unique beginning of it, with theta, best_theta and trace as arrays."""
        return self.store.run(self.study, key)

    def traces(self) -> pd.DataFrame:
        """Return the traces, long: objective, dataset, lam, optimizer, seed and the trace's columns."""
        traces = self.store.traces(self.study)
        return traces[traces["key"].isin(self.description["keys"])].drop(columns="key").reset_index(drop=True)

    def claims(self) -> pd.DataFrame:
        """Return the stored verdicts, one row a claim."""
        return self.store.verdicts(self.study)

    def judge(self, claims: Sequence[Claim], *, is_final: bool = True) -> pd.DataFrame:
        """Judge claims on the stored runs, store the verdicts and return them."""
        import pandas as pd

        tables = {make: make(self) for make in dict.fromkeys(claim.table for claim in claims) if make is not None}
        frame = self.to_frame() if claims else pd.DataFrame()
        table = judge_claims(claims, frame, self.description["seeds"], is_final=is_final, tables=tables)
        self.store.set_verdicts(self.study, table.to_dict("records"))
        return table

    def report(self, folder: str | Path, *, figures: Sequence[FigureMaker] = ()) -> Path:
        """Write index.html, report.md, report.tex and the figures into the folder; return the page's path.

        Solves nothing. A study with reference runs is reported as a comparison: costs to targets, profiles, ranks.
        """
        from .report.page import ReportContent, write_report

        extra = [figure for make in figures for figure in make(self)]
        description = self.description
        is_comparison = self._companion(REFERENCE_SUFFIX) is not None
        content = ReportContent(
            title=self.study,
            question=self.question,
            formulas=list(description["formulas"].items()),
            frame=self.to_frame(),
            traces=self.to_frame().iloc[:0] if is_comparison else self.traces(),
            claims=self.claims(),
            extra_figures=extra,
            budget=budgets_text(description),
            seeds=description["seeds"],
            versions=description["versions"],
            machine=description["machine"],
            notes=description["notes"],
            problems=self.problems() if is_comparison else None,
            curves=self.curves() if is_comparison else None,
            description=description,
        )
        return write_report(content, Path(folder))

    def export(self, folder: str | Path, *, to: str) -> list[Path]:
        """Write the runs as "coco" or "iohprofiler" data, a folder an optimizer; return the index files' paths.

        See ``report.coco``, ``report.iohprofiler``. Raises UnknownNameError for another format, InvalidInputError where
        no problem has a scale, StoreError where the folder holds something or cannot be written.
        """
        from .report.coco import export_coco
        from .report.iohprofiler import export_iohprofiler

        formats = {"coco": export_coco, "iohprofiler": export_iohprofiler}
        if to not in formats:
            raise unknown_name("format", to, formats)
        return formats[to](self.curves(), self.problems(), folder)

    def __repr__(self) -> str:
        return f"<results of {self.study!r}: {len(self.to_frame())} runs in {self.store!r}>"


def load_results(store: str | Path, study: str | None = None) -> Results:
    """Open a store for reading; ``study`` may be left out where the store holds one."""
    if not Path(store).exists():
        raise StoreError(f"no store at {str(store)!r}: give the path of a .db file that a study has written")
    opened = Store(store, read_only=True)
    names = [row["name"] for row in opened.studies()]
    companions = {name + suffix for name in names for suffix in (PATH_SUFFIX, REFERENCE_SUFFIX)}
    names = [name for name in names if name not in companions or name == study]
    if study is None and len(names) != 1:
        raise StoreError(f"the store {str(store)!r} holds {len(names)} studies, name one of {names}")
    return Results(opened, names[0] if study is None else study)


def load_comparison(stores: Sequence[str | Path], studies: Sequence[str] = ()) -> Results:
    """Open stores for reading and return their studies as one, in memory; see ``runs.combine``. Nothing is run.

    studies: names to take from whichever store holds them; without names every store must hold one study. One study of
    one store is returned as it is.
    """
    paths = [Path(store).absolute() for store in stores]
    if len(set(paths)) < len(paths):
        raise StoreError(f"a store is given twice in {[str(store) for store in stores]}: name its studies instead")
    found, known = list[Results](), list[str]()
    for store in stores:
        held = [results.study for results in load_studies(store)]
        known += held
        wanted = [name for name in studies if name in held]
        found += [load_results(store, name) for name in (wanted if studies else [None])]
    if missing := [name for name in studies if name not in {results.study for results in found}]:
        raise StoreError(f"no study {missing[0]!r} in {[str(store) for store in stores]}: name some of {known}")
    if len(found) == 1:
        return found[0]
    opened, names = [results.store for results in found], [results.study for results in found]
    sources = [Source(*parts) for parts in zip(opened, names, short_names(opened, names), strict=True)]
    return Results(*combine(sources, (PATH_SUFFIX, REFERENCE_SUFFIX)))


def load_studies(store: str | Path, study: str | None = None) -> list[Results]:
    """Open a store for reading; return its studies, oldest first, or the one that is named."""
    if not Path(store).exists():
        raise StoreError(f"no store at {str(store)!r}: give the path of a .db file that a study has written")
    opened = Store(store, read_only=True)
    names = [row["name"] for row in opened.studies()] if study is None else [study]
    return [Results(opened, name) for name in names]


def status_text(results: Results) -> str:
    """Return how far a study is: stored and missing runs, counts by status, mixed versions, the driver at work."""
    keys = set(results.description["keys"])
    runs = results.store.runs(results.study)
    runs = runs[runs["key"].isin(keys)]
    n_missing = len(keys) - len(runs)
    lines = [f"{results.study}: {len(runs)} of {len(keys)} runs stored, {n_missing} missing"]
    lines += [f"  {status:<9} {count}" for status, count in runs["status"].value_counts().items()]
    if mixed := results.mixed_versions():
        lines.append("  versions differ between runs: " + "; ".join(mixed))
    driver = driver_at_work(Path(results.store.path))
    if driver is not None:
        lines.append(f"  {_driver_text(driver, results.study, runs['seconds'].mean())}")
    elif n_missing:
        lines.append("  no driver is at work: run the study again to go on")
    return "\n".join(lines)


def _driver_text(driver: Mapping[str, Any], study: str, seconds: float) -> str:
    """Say who is at work, on how many runs at a time, and how long it will take at the pace so far.

    seconds: of a mean run; they serve until this driver has stored one.
    """
    who = f"process {driver['process']} is at work"
    if driver.get("study") != study:
        return f"{who} on study {driver['study']!r}" if "study" in driver else who
    n_total, n_done, since = int(driver["n_total"]), int(driver["n_done"]), float(driver["since"])
    n_workers = driver.get("n_workers")
    running, left = "", math.nan
    if n_workers is not None:
        running = f", {min(int(n_workers), n_total - n_done)} running"
        left = seconds * n_total / int(n_workers)
    if n_done:
        left = (time.time() - since) * (n_total - n_done) / n_done
    rest = f"about {left:.0f} s left" if math.isfinite(left) else "time left not known yet"
    return f"{who}{running}, {n_total - n_done} to go, {rest}"


def claims_text(claims: pd.DataFrame) -> str:
    """Return the claims as lines of text: verdict, statement, prediction, measured, reason."""
    lines = []
    for row in claims.itertuples():
        lines.append(f"{row.verdict:>9}  {row.statement}")
        measured = f"measured {row.measured:.4g} [{row.interval_low:.4g}, {row.interval_high:.4g}]"
        predicted = f"predicted [{row.low:.4g}, {row.high:.4g}]"
        control = f"control [{row.control_low:.4g}, {row.control_high:.4g}]"
        lines.append(f"{'':>9}  {predicted}, {measured}, {control}" + (f" ({row.reason})" if row.reason else ""))
    return "\n".join(lines)


def budgets_text(description: Mapping[str, Any]) -> str:
    """Return a study's budget as a sentence; where combined studies differ, each one's."""
    budgets = description.get("budgets") or {"": description["budget"]}
    return "; ".join(
        f"{name}: {budget_text(budget)}" if name else budget_text(budget) for name, budget in budgets.items()
    )


def budget_text(budget: Mapping[str, Any]) -> str:
    """Return a budget's limits as a sentence."""
    parts = []
    if budget.get("evaluations") is not None:
        parts.append(f"{budget['evaluations']:g} passes over the training data a run")
    if budget.get("per_dimension") is not None:
        parts.append(f"{budget['per_dimension']:g} (d + 1) passes a run")
    if budget.get("seconds") is not None:
        parts.append(f"{budget['seconds']:g} s a run")
    if budget.get("target") is not None:
        parts.append(f"stop at {budget['target']:g}")
    price = budget.get("gradient_price", math.nan)
    return "; ".join(parts) + f"; a gradient is charged {price:g} passes on top of its value"
