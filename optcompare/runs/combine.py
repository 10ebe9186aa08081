"""Several stored studies as one, in memory: what compares archived runs with new ones. Nothing is run.

The same problem in two studies is one problem, so that its best known error is the best of all. Runs with the same key
are there once (of a failed one and another, the other). A label that means two things gets a suffix with the store's
name: an optimizer with other options or another budget, an objective with another formula, data set or size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InvalidInputError
from .database import MEMORY
from .rows import RUN_COLUMNS
from .status import Status
from .store import Store

SAME = 1e-6
_PLACE = {name: index for index, name in enumerate(RUN_COLUMNS)}
_FAILED = frozenset(str(status) for status in Status if status.is_failure)
Task = tuple[str, float | None, str, int]  # objective, lambda, optimizer, seed


class Source(NamedTuple):
    """A study in an open store, and the short name that tells it from the others."""

    store: Store
    study: str
    name: str


@dataclass
class _Part:
    """What is read of a source before anything is copied: its description, and the key of every task."""

    source: Source
    description: Mapping[str, Any]
    question: str
    created_at: str
    tasks: dict[Task, str]
    sizes: dict[str, tuple[Any, ...]]  # objective -> data set, dim, n_samples
    references: dict[Task, tuple[str, float]]  # of the companions: key and error
    objective_labels: dict[str, str] = field(default_factory=dict)
    optimizer_labels: dict[str, str] = field(default_factory=dict)
    n_copied: int = 0

    def renamed(self, task: Task) -> Task:
        """Return the task under its labels in the whole."""
        return self.objective_labels[task[0]], task[1], self.optimizer_labels[task[2]], task[3]


def short_names(stores: Sequence[Store], studies: Sequence[str]) -> list[str]:
    """Return a name for each (store, study): the file's, with the folder's or the study's where that is not enough."""
    paths = [Path(store.path) for store in stores]
    ways = (
        [path.stem for path in paths],
        [f"{path.parent.name}/{path.stem}" for path in paths],
        list(studies),
        [f"{path.stem} {study}" for path, study in zip(paths, studies, strict=True)],
    )
    for names in ways:
        if len(set(names)) == len(names) and all(names):
            return names
    return [str(place) for place in range(1, len(paths) + 1)]


def combine(sources: Sequence[Source], companions: Sequence[str] = ()) -> tuple[Store, str]:
    """Return a store in memory that holds the studies as one, and that study's name.

    companions: suffixes of the studies that belong to another of the same store (its reference runs); those of all are
    combined as well, under the whole's name with the suffix. The whole's description has ``sources``, a row a source,
    and ``origins``, optimizer label -> names of the sources that hold it. Verdicts come along, each with its source.
    """
    if len({(id(source.store), source.study) for source in sources}) < len(sources) or not sources:
        raise InvalidInputError("give one or more different studies to combine")
    parts = [_read(source, companions) for source in sources]
    _settle_labels(parts)
    name = " and ".join(dict.fromkeys(part.source.study for part in parts))
    taken = Store(MEMORY)
    keys = _copy_all(taken, parts, name)
    taken.add_study(name, _joined({part.source.study: part.question for part in parts}), _described(parts, keys))
    _copy_verdicts(taken, parts, name)
    for suffix in companions:
        _add_companion(taken, parts, name, suffix)
    return taken, name


def _read(source: Source, companions: Sequence[str]) -> _Part:
    row = next(row for row in source.store.studies() if row["name"] == source.study)
    description = row["description"]
    wanted = set(description["keys"])
    tasks: dict[Task, str] = {}
    sizes: dict[str, tuple[Any, ...]] = {}
    query = "SELECT objective, lam, optimizer, seed, key, dataset, dim, n_samples FROM runs WHERE study = ?"
    for *task, key, dataset, dim, n_samples in source.store.execute(query, (source.study,)):
        if key in wanted:
            tasks[task[0], task[1], task[2], task[3]] = key
            if dim is not None:
                sizes.setdefault(task[0], (dataset, dim, n_samples))
    references: dict[Task, tuple[str, float]] = {}
    query = "SELECT objective, lam, optimizer, seed, key, regularized_error FROM runs WHERE study = ?"
    for suffix in companions:
        for *task, key, error in source.store.execute(query, (source.study + suffix,)):
            found = (task[0], task[1], f"{task[2]}{suffix}", task[3])
            references[found] = key, math.nan if error is None else float(error)
    return _Part(source, description, str(row["question"]), str(row["created_at"]), tasks, sizes, references)


def _settle_labels(parts: Sequence[_Part]) -> None:
    """Give every label of every part its label in the whole; those that mean two things end in their source's name."""
    for kind, is_same in (("objective_labels", _is_same_objective), ("optimizer_labels", _is_same_arm)):
        owners: dict[str, list[_Part]] = {}
        for part in parts:
            known = part.description["formulas" if kind == "objective_labels" else "optimizers"]
            found = dict.fromkeys([*known, *(task[0 if kind == "objective_labels" else 2] for task in part.tasks)])
            for label in found:
                owners.setdefault(label, []).append(part)
        for label, having in owners.items():
            is_one = all(is_same(having[0], other, label) for other in having[1:])
            for part in having:
                getattr(part, kind)[label] = label if is_one else f"{label} ({part.source.name})"


def _is_same_objective(a: _Part, b: _Part, label: str) -> bool:
    """Return whether an objective is one: a run of both has the same key; else formula, data set and size are equal
    and so is what both have of reference runs (within 1e-6: versions of libraries differ).
    """
    if any(key == b.tasks.get(task) for task, key in a.tasks.items() if task[0] == label):
        return True
    formulas = [part.description["formulas"].get(label) for part in (a, b)]
    if formulas[0] != formulas[1] or a.sizes.get(label) != b.sizes.get(label):
        return False
    pairs = [(found, b.references[task]) for task, found in a.references.items()
             if task[0] == label and task in b.references]  # fmt: skip
    return any(one[0] == two[0] for one, two in pairs) or all(
        math.isclose(one[1], two[1], rel_tol=SAME, abs_tol=SAME**2) for one, two in pairs
    )


def _is_same_arm(a: _Part, b: _Part, label: str) -> bool:
    """Return whether an optimizer has the same options, and the same key wherever both ran the same task."""
    for what in ("optimizers", "arms"):
        if a.description.get(what, {}).get(label) != b.description.get(what, {}).get(label):
            return False
    a.optimizer_labels.setdefault(label, label)
    b.optimizer_labels.setdefault(label, label)
    others = {b.renamed(task): key for task, key in b.tasks.items() if task[2] == label}
    mine = {a.renamed(task): key for task, key in a.tasks.items() if task[2] == label}
    return all(others.get(task, key) == key for task, key in mine.items())


def _copy_all(taken: Store, parts: Sequence[_Part], name: str) -> list[str]:
    """Copy every part's runs under the whole's name and labels; return their keys."""
    held: dict[str, str] = {}
    with taken.errors(), taken.transaction():
        for part in parts:
            for row in _renamed_rows(part, part.source.study, set(part.description["keys"])):
                key, status = str(row[_PLACE["key"]]), str(row[_PLACE["status"]])
                if key not in held or (held[key] in _FAILED and status not in _FAILED):
                    part.n_copied += 1
                    held[key] = status
                    _insert(taken, [name, *row[1:]])
    return sorted(held)


def _renamed_rows(part: _Part, study: str, wanted: set[str]) -> Iterator[list[Any]]:
    """Yield a study's rows under the labels of the whole; a renamed run's key gets its source's name too."""
    query = f"SELECT {', '.join(RUN_COLUMNS)} FROM runs WHERE study = ?"
    for found in part.source.store.execute(query, (study,)):
        row = list(found)
        if row[_PLACE["key"]] not in wanted:
            continue
        labels = row[_PLACE["objective"]], row[_PLACE["optimizer"]]
        row[_PLACE["objective"]] = part.objective_labels.get(labels[0], labels[0])
        row[_PLACE["optimizer"]] = part.optimizer_labels.get(labels[1], labels[1])
        if labels != (row[_PLACE["objective"]], row[_PLACE["optimizer"]]):
            row[_PLACE["key"]] += f" ({part.source.name})"
        yield row


def _insert(taken: Store, row: Sequence[Any]) -> None:
    taken.execute(f"INSERT OR REPLACE INTO runs VALUES ({', '.join('?' * len(row))})", row)


def _copy_verdicts(taken: Store, parts: Sequence[_Part], name: str) -> None:
    rows = []
    for part in parts:
        for record in part.source.store.verdicts(part.source.study).to_dict("records"):
            start = f"{part.source.name}: " if len(parts) > 1 else ""
            rows.append({**record, "statement": start + str(record["statement"])})
    taken.set_verdicts(name, rows)


def _add_companion(taken: Store, parts: Sequence[_Part], name: str, suffix: str) -> None:
    """Copy the studies NAME + suffix of all sources as the whole's; their optimizers keep their labels."""
    found = []
    for part in parts:
        rows = {row["name"]: row for row in part.source.store.studies()}
        if part.source.study + suffix in rows:
            found.append((part, rows[part.source.study + suffix]))
    if not found:
        return
    keys: set[str] = set()
    with taken.errors(), taken.transaction():
        for part, row in found:
            plain = _Part(part.source, {}, "", "", {}, {}, {}, part.objective_labels)
            for values in _renamed_rows(plain, row["name"], set(row["description"]["keys"])):
                if values[_PLACE["key"]] not in keys:
                    keys.add(values[_PLACE["key"]])
                    _insert(taken, [name + suffix, *values[1:]])
    merged = dict(found[0][1]["description"])
    for what in ("optimizers", "arms", "formulas", "problems"):
        merged[what] = {}
        for part, row in found:
            labels = part.objective_labels if what in ("formulas", "problems") else {}
            for label, fact in row["description"].get(what, {}).items():
                merged[what].setdefault(labels.get(label, label), fact)
    taken.add_study(name + suffix, str(found[0][1]["question"]), {**merged, "keys": sorted(keys)})


def _described(parts: Sequence[_Part], keys: Sequence[str]) -> dict[str, Any]:
    """Return the whole's description: what the parts agree on, the union of what they list."""
    descriptions = [part.description for part in parts]
    whole: dict[str, Any] = dict(descriptions[0])
    for what, labels in (
        ("formulas", "objective_labels"), ("problems", "objective_labels"), ("optimizers", "optimizer_labels"),
        ("arms", "optimizer_labels"),
    ):  # fmt: skip
        whole[what] = {}
        for part in parts:
            renamed = getattr(part, labels)
            for label, fact in part.description.get(what, {}).items():
                whole[what].setdefault(renamed.get(label, label), fact)
    origins: dict[str, list[str]] = {}
    for part in parts:
        for label in dict.fromkeys(task[2] for task in part.tasks):
            origins.setdefault(part.optimizer_labels[label], []).append(part.source.name)
    budgets = [description["budget"] for description in descriptions]
    differing = any(budget != budgets[0] for budget in budgets)
    return {
        **whole,
        "lambdas": _lambdas(parts),
        "seeds": sorted({seed for description in descriptions for seed in description["seeds"]}),
        "budgets": {part.source.name: part.description["budget"] for part in parts} if differing else {},
        "versions": _versions(descriptions),
        "machine": "; ".join(dict.fromkeys(str(description["machine"]) for description in descriptions)),
        "notes": _joined({part.source.name: str(part.description["notes"]) for part in parts}),
        "is_final": all(description.get("is_final", True) for description in descriptions),
        "keys": list(keys),
        "sources": [_source_row(part) for part in parts],
        "origins": origins,
    }


def _source_row(part: _Part) -> dict[str, Any]:
    return {
        "source": part.source.name,
        "store": Path(part.source.store.path).name,
        "study": part.source.study,
        "runs": len(part.tasks),
        "copied": part.n_copied,
        "optimizers": len({task[2] for task in part.tasks}),
        "objectives": len({task[0] for task in part.tasks}),
        "since": part.created_at,
    }


def _lambdas(parts: Sequence[_Part]) -> list[float] | None:
    """Return every lambda that was run, ascending; None where no part has a grid of them."""
    if all(part.description.get("lambdas") is None for part in parts):
        return None
    found = {task[1] for part in parts for task in part.tasks if task[1] is not None}
    return sorted(lam for lam in found if math.isfinite(lam))


def _versions(descriptions: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    known: dict[str, dict[str, None]] = {}
    for description in descriptions:
        for library, version in description["versions"].items():
            known.setdefault(library, {})[str(version)] = None
    return {library: ", ".join(versions) for library, versions in known.items()}


def _joined(texts: Mapping[str, str]) -> str:
    """Return the texts that differ, each after whose it is; one text alone as it is."""
    known = {text for text in texts.values() if text}
    if len(known) < 2:
        return next(iter(known), "")
    return "\n".join(f"{name}: {text}" for name, text in texts.items() if text)
