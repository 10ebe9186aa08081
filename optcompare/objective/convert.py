"""Convert a lambda tuned in one place into the number to use in another, or say that there is none.

Two objectives have the same minimiser when one is a constant times the other. Every convention is brought
to the canonical ``mean loss + lambda/(2n) sum w^2`` and from there to the target.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from ..errors import InvalidInputError, NoEquivalentLambdaError, unknown_name
from .convention_table import CONVENTIONS, Convention, convention_table
from .conventions import check_finite
from .decay_rules import DECAY_RULES
from .facts import LOSSES, Facts


@dataclass(frozen=True)
class ConversionExplained:
    """A converted lambda with what it rests on: both formulas, the facts used, what to mind."""

    value: float
    source: str
    target: str
    number: float
    lam_canonical: float
    source_symbol: str
    target_symbol: str
    source_formula: str
    target_formula: str
    facts: dict[str, object]
    notes: tuple[str, ...]


def convert_lambda(
    value: float, source: str, target: str = "canonical", *, n_samples: int | None = None,
    loss: str | None = None, n_outputs: int = 1, biases: bool = False, batch_size: int | None = None,
    learning_rate: float | None = None, momentum: float = 0.0, rule: str | None = None,
    l1_ratio: float | None = None, solver: str | None = None,
) -> float:  # fmt: skip
    """Return the number that means in ``target`` what ``value`` means in ``source``.

    ``lambda_target = from_canonical(to_canonical(value))``: at it, the target's objective has the
    minimiser that the source's has at ``value``. ``convention_table()`` lists names and formulas. What is
    converted for scikit-learn's LogisticRegression is C, for ``decay`` the fraction delta of the original
    weight subtracted after a step without penalty.

    ``loss`` is the per-item loss as written: ``cross_entropy``, ``half_squared_error``, ``squared_error``
    (no 1/2, summed over outputs) or ``mse`` (no 1/2, mean over outputs; ``n_outputs`` then counts). The
    canonical squared error has its 1/2. ``n_outputs`` counts the model's scores: a two-class softmax over
    two logits has 2, one logit has 1. ``n_samples`` are the items the mean is taken over; items held out
    for early stopping are not among them. ``momentum`` and ``rule`` matter to ``decay`` alone.
    ``biases=True``: both sides penalise the biases too, at the same number and with another minimiser than
    with free biases. With ``biases=False`` both sides must leave them free: in torch that takes a
    parameter group of their own with weight_decay=0.

    Errors: InvalidInputError for a missing fact (it is asked for by name), a fact or value out of range,
    or a loss that a side cannot have; NoEquivalentLambdaError where no L2 lambda has the same minimiser;
    UnknownNameError for an unknown name.
    """
    return explain_conversion(
        value, source, target, n_samples=n_samples, loss=loss, n_outputs=n_outputs, biases=biases,
        batch_size=batch_size, learning_rate=learning_rate, momentum=momentum, rule=rule,
        l1_ratio=l1_ratio, solver=solver,
    ).number  # fmt: skip


def explain_conversion(
    value: float, source: str, target: str = "canonical", *, n_samples: int | None = None,
    loss: str | None = None, n_outputs: int = 1, biases: bool = False, batch_size: int | None = None,
    learning_rate: float | None = None, momentum: float = 0.0, rule: str | None = None,
    l1_ratio: float | None = None, solver: str | None = None,
) -> ConversionExplained:  # fmt: skip
    """Return ``convert_lambda`` with both formulas, the facts it used, and what to mind.

    Arguments and errors are those of ``convert_lambda``.
    """
    sides = [_find(source), _find(target)]
    facts = Facts(
        n_samples=n_samples, loss=loss, n_outputs=n_outputs, biases=biases, batch_size=batch_size,
        learning_rate=learning_rate, momentum=momentum, rule=rule, l1_ratio=l1_ratio, solver=solver,
        is_loss_shared=loss is None and all(side.owns_loss for side in sides),
    )  # fmt: skip
    _check_sides(sides, facts)
    lam = check_finite(sides[0].to_canonical(value, facts), "the canonical lambda")
    number = sides[1].from_canonical(lam, facts)
    if math.isinf(number) and sides[1].symbol != "C":
        check_finite(number, f"the value of {target}")
    facts.used["biases"] = "penalised" if biases else "free"
    return ConversionExplained(
        float(value), source, target, number, lam, sides[0].symbol, sides[1].symbol,
        _formula(sides[0], facts), _formula(sides[1], facts), dict(facts.used), _notes(sides, facts),
    )  # fmt: skip


def _find(name: str) -> Convention:
    row = CONVENTIONS.get("canonical" if name == "lambda/2n" else name)
    if row is None:
        raise unknown_name("lambda convention", name, CONVENTIONS)
    return row


def _check_sides(sides: Sequence[Convention], facts: Facts) -> None:
    for side in sides:
        if not side.has_equivalent:
            side.to_canonical(0.0, facts)  # raises, with what it minimises instead
        if facts.loss is not None and side.losses and facts.loss not in side.losses:
            raise InvalidInputError(
                f"{side.name} fits {' or '.join(side.losses)}, got loss={facts.loss!r}: "
                "no number gives it another loss, convert between places with the same one"
            )
        if facts.biases and side.name == "sklearn.MLP":
            raise NoEquivalentLambdaError(
                "sklearn.MLP never penalises its intercepts: with biases=True it has no lambda. It minimises "
                "mean loss + alpha/(2n) sum w^2 over the weights alone; convert with biases=False"
            )
    if sides[0].losses and sides[1].losses and not set(sides[0].losses) & set(sides[1].losses):
        raise InvalidInputError(
            f"{sides[0].name} and {sides[1].name} fit different losses, so no number of one means what a "
            "number of the other means; convert to 'canonical' to carry lambda over knowingly"
        )


def _formula(side: Convention, facts: Facts) -> str:
    """Return the side's formula with the loss and the penalised set filled in."""
    loss = facts.loss
    if not side.owns_loss and loss in ("squared_error", "mse"):
        loss = "half_squared_error"
    text = "loss" if loss is None else LOSSES[loss]
    if loss == "cross_entropy" and facts.n_outputs == 2:
        text += " of two logits" if side.owns_loss else " of one logit"
    if side.name == "decay" and facts.rule is not None:
        return f"{DECAY_RULES[facts.rule].update}, g = gradient of the mean over items of {text}"
    return side.formula.format(loss=text, squares="sum (w^2 + b^2)" if facts.biases else "sum w^2")


def _notes(sides: Sequence[Convention], facts: Facts) -> tuple[str, ...]:
    notes = []
    for side in sides:
        notes += [side.note, side.penalised_biases_note if facts.biases else side.free_biases_note]
        if side.name == "decay" and facts.rule is not None:
            notes.append(DECAY_RULES[facts.rule].note)
            if facts.loss is None:
                notes.append("No loss was given: g is the gradient of the canonical per-item loss.")
    if facts.biases:
        notes.append("The biases are penalised on both sides: a minimiser other than with free biases.")
    if facts.loss == "cross_entropy" and facts.n_outputs == 2 and "n_outputs" in facts.used:
        notes.append(
            "lambda on a softmax over two logits is lambda/2 on one: exact for a linear model; in a network "
            "with hidden layers for the last layer's weights only."
        )
    return tuple(dict.fromkeys(note for note in notes if note))


def lambda_command_text(explained: ConversionExplained, width: int = 100) -> str:
    """Return what ``optcompare lambda`` prints: the number, both formulas side by side, the facts used."""
    e = explained
    column = max(24, (width - 3) // 2)
    left = [e.source, *textwrap.wrap(e.source_formula, column), f"{e.source_symbol} = {e.value:.10g}"]
    right = [e.target, *textwrap.wrap(e.target_formula, column), f"{e.target_symbol} = {e.number:.10g}"]
    lines = [
        f"{e.source_symbol} = {e.value:.10g} in {e.source} is {e.target_symbol} = {e.number:.10g} in {e.target}",
        f"canonical lambda = {e.lam_canonical:.10g} (mean loss + lambda/(2n) sum w^2)",
        "",
        *(f"{a:<{column}} | {b}".rstrip() for a, b in zip_longest(left, right, fillvalue="")),
        "",
        "facts used: " + ", ".join(f"{name} = {value}" for name, value in e.facts.items()),
    ]
    for note in e.notes:
        lines += textwrap.wrap(f"note: {note}", width, subsequent_indent="      ")
    return "\n".join(lines)


def lambda_table_text() -> str:
    """Return what ``optcompare lambda --table`` prints: every convention with its canonical lambda."""
    lines = ["canonical: mean over the n items of the loss + lambda/(2n) sum w^2", ""]
    for row in convention_table():
        lines.append(f"{row['name']} ({row['symbol']}): {row['where']}")
        lines.append(f"    written    {row['formula']}")
        lines.append(f"    canonical  {row['canonical']}")
        if row["needs"]:
            lines.append(f"    needs      {row['needs']}")
    return "\n".join(lines)
