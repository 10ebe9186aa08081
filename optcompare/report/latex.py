"""Text as LaTeX shows it, whatever it holds: nothing in a label is ever a command."""

from __future__ import annotations

import unicodedata

from .text import _CONTROL

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}", "'": r"\textquotesingle{}",
    "[": "{[}", "]": "{]}", "-": "{-}", "\ufffd": "?",
    "–": "--", "∞": r"$\infty$", "×": r"$\times$", "·": r"$\cdot$", "…": r"\ldots{}", "≤": r"$\le$", "≥": r"$\ge$",
    "λ": r"$\lambda$", "τ": r"$\tau$", "ε": r"$\varepsilon$", "²": r"$^2$",
}  # fmt: skip


def latex(given: object) -> str:
    """Return text for LaTeX's text mode, on one line, in ASCII: special characters escaped, accents without a name
    dropped, what has no ASCII form a question mark.
    """
    text = " ".join(_CONTROL.sub("\ufffd", str(given)).split())
    return "".join(_SPECIAL.get(character) or _ascii(character) for character in text)


def _ascii(character: str) -> str:
    if character.isascii():
        return character
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return "".join(_SPECIAL.get(part, part) for part in plain) or "?"
