"""Numbers and labels as a reader meets them, in figures, pages and Markdown."""

from __future__ import annotations

import hashlib
import math
import re

MISSING = "–"
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def folder_name(name: str) -> str:
    """Return the name as one folder's name: the same where it is plain, else without what paths give a meaning to.

    Letters, digits, "_", "-" and "." stay; a changed or shortened name ends in a digest, so that no two coincide.
    """
    plain = re.sub(r"[^\w.-]+", "-", name).lstrip(".-").encode()[:100].decode(errors="ignore")
    if plain == name:
        return name
    return f"{plain or 'study'}-{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:8]}"


def number(value: object, digits: int = 4) -> str:
    """Return a number with ``digits`` significant digits; infinite: "∞"; missing or no number: "–"."""
    try:
        given = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return MISSING
    if math.isnan(given):
        return MISSING
    if math.isinf(given):
        return "∞" if given > 0 else "-∞"
    if given == int(given) and abs(given) < 1e6:
        return str(int(given))
    return f"{given:.{digits}g}"


def interval(low: object, high: object, digits: int = 4) -> str:
    """Return "low to high"; one bound infinite: "at least low"; equal bounds: one number; none: "–"."""
    below, above = number(low, digits), number(high, digits)
    if below != above and MISSING not in (below, above) and "∞" not in below + above:
        first, last = float(low), float(high)  # type: ignore[arg-type]
        needed = math.ceil(math.log10(max(abs(first), abs(last)) / abs(last - first))) + 1  # the ends' difference shows
        below, above = number(low, max(digits, min(needed, 9))), number(high, max(digits, min(needed, 9)))
    if MISSING in (below, above):
        return MISSING
    if below == "-∞" and above == "∞":
        return "any number"
    if above == "∞":
        return f"at least {below}"
    if below == "-∞":
        return f"at most {above}"
    return below if below == above else f"{below} to {above}"


def tick(value: float) -> str:
    """Return a tick's label: plain from 0.001 to 9999, a power of ten in unicode outside. Never mathtext."""
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.10g}"
    mantissa, exponent = f"{value:.6e}".split("e")
    front = f"{float(mantissa):g}"
    power = "10" + str(int(exponent)).translate(_SUPERSCRIPTS)
    return power if front == "1" else f"-{power}" if front == "-1" else f"{front}·{power}"


def label(given: object, most: int = 80) -> str:
    """Return a label on one line, without control characters, of at most ``most`` characters."""
    text = " ".join(_CONTROL.sub("\ufffd", str(given)).split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def plural(count: int, noun: str) -> str:
    """Return "1 run", "2 runs"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def markdown(given: object) -> str:
    """Return text that Markdown shows as it is: no markup, no HTML, no table cell that ends early."""
    text = " ".join(_CONTROL.sub("\ufffd", str(given)).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*_\[\]|$~])", r"\\\1", text)
    text = re.sub(r"^(#|[-+=](?=[-+=\s]|$))", r"\\\1", text)
    return re.sub(r"^(\d+)(?=[.)](\s|$))", r"\1\\", text)
