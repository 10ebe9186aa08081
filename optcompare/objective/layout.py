"""How a flat parameter vector theta is cut into named blocks of weights and biases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """One named piece of theta: ``theta[offset : offset + size]`` read in C order with ``shape``.

    ``layer`` counts from the inputs; a weight block has shape (inputs, units), a bias block (units,).
    """

    name: str
    shape: tuple[int, ...]
    is_weight: bool
    layer: int
    offset: int

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)

    @property
    def where(self) -> slice:
        """The block's place in theta."""
        return slice(self.offset, self.offset + self.size)


@dataclass(frozen=True)
class Layout:
    """The blocks of theta in order, their total size ``dim`` and the mask ``is_weight`` (dim,)."""

    blocks: tuple[Block, ...]
    dim: int = field(init=False)
    is_weight: NDArray[np.bool_] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dim", sum(block.size for block in self.blocks))
        mask = np.zeros(self.dim, dtype=bool)
        for block in self.blocks:
            mask[block.where] = block.is_weight
        mask.flags.writeable = False
        object.__setattr__(self, "is_weight", mask)

    @classmethod
    def of(cls, pieces: Sequence[tuple[str, tuple[int, ...], bool, int]]) -> Layout:
        """Lay out ``(name, shape, is_weight, layer)`` pieces one after another."""
        blocks, offset = [], 0
        for name, shape, is_weight, layer in pieces:
            blocks.append(Block(name, shape, is_weight, layer, offset))
            offset += math.prod(shape)
        return cls(tuple(blocks))

    @classmethod
    def plain(cls, dim: int) -> Layout:
        """One block of ``dim`` weights: for functions without a model behind them."""
        return cls.of([("theta", (dim,), True, 0)])

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers that have weights, from the inputs to the outputs."""
        return tuple(dict.fromkeys(block.layer for block in self.blocks if block.is_weight))

    def unpack(self, theta: NDArray[Any]) -> list[NDArray[Any]]:
        """Return views of theta (..., dim), one per block, each of shape (..., *block.shape)."""
        lead = theta.shape[:-1]
        return [theta[..., block.where].reshape(*lead, *block.shape) for block in self.blocks]

    def pack(self, pieces: Sequence[NDArray[Any]]) -> Vector:
        """Return the flat vector (dim,) made of one array per block."""
        return np.concatenate([np.ravel(piece) for piece in pieces])
