"""What a page of bounded size holds: as it is, packed (the page's script unpacks it when it is looked at), or not."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Fitted:
    """A piece of HTML as a page holds it: ``plain``, or ``packed`` (deflated, base64), or neither: there is a file."""

    plain: str = ""
    packed: str = ""


@dataclass
class Space:
    """The bytes that are left for pieces as they are, and for packed ones."""

    plain: int
    packed: int

    def fit(self, html: str, *, is_seen_first: bool) -> Fitted:
        """Return the piece as it fits: what is not seen first is kept as it is only where it takes an eighth of what is
        left.
        """
        size = len(html.encode())
        if size <= (self.plain if is_seen_first else self.plain // 8):
            self.plain -= size
            return Fitted(plain=html)
        packed = pack(html)
        if len(packed) <= self.packed:
            self.packed -= len(packed)
            return Fitted(packed=packed)
        return Fitted()


def pack(text: str) -> str:
    """Return the text deflated (zlib) and in base64: what ``DecompressionStream("deflate")`` of a browser reads."""
    return base64.b64encode(zlib.compress(text.encode("utf-8"), 9)).decode("ascii")
