"""Complementary suppression: which further figures have to be hidden.

For every figure that asks for an interval, a move of the hidden figures has to reach either end
of it, so that a reader cannot exclude either. Moves are found one at a time by linear programming
at least cost, after the alternative tables of Fischetti and Salazar-González (2001); what a move
needs is hidden, what no move needs is shown again, and then the dearest hidden figures are tried
to be done without.

Where blocks hang together by few shared figures only (the schools of one ward), the figures of a
block move with what it shares held fast; where that is not enough, what they share moves too, and
the other blocks have to be able to follow. Who can follow some moves can follow any mixture of
them. Where blocks add up to each other (wards to the city), or one cannot follow, all is one block.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

import numpy as np

from harvesters.disclosure.block import FOLLOW, Block
from harvesters.disclosure.moves import Move
from harvesters.disclosure.system import Index, Mask, System, Values

_ROUNDS = 8
_MUCH = 10_000
"""From so many needs on, each core works on blocks."""


class Unprotectable(Exception):
    """No choice of hidden figures keeps what `figures` (their numbers) ask for."""

    def __init__(self, figures: Sequence[int]):
        self.figures = list(figures)
        super().__init__(f"{len(self.figures)} figures cannot be protected.")


def suppress(system: System) -> Mask:
    """Which published figures are hidden: shape (figures,). The same system, the same answer.

    :raises Unprotectable: what some figures ask for cannot be kept.
    """
    weight, of_sum = _weights(system), _of_sums(system)
    if _adding_up(system, of_sum):
        return _as_one(system, weight)
    top, blocks = _split(system, of_sum, weight)
    _require(top, top.cover())
    top.thin_out()
    _follow(system, top, top.moves, blocks.values())
    with _workers(sum(one.needs for one in blocks.values())) as each:
        waiting = sorted(blocks)
        for _ in range(_ROUNDS):
            failed = []
            for number, (one, stuck) in each(_cover, {n: blocks[n] for n in waiting}).items():
                blocks[number] = one
                if stuck:
                    failed.append((one, stuck))
            if not failed:
                break
            if any(FOLLOW in stuck for _, stuck in failed):
                return _as_one(system, weight)
            made = [
                move for one, stuck in failed
                for move in _together(system, top, one, stuck, weight)
            ]  # fmt: skip
            # Those that failed are asked again, even where the move is none that is new to them.
            again = {one for one, _ in failed} | _follow(system, top, made, blocks.values())
            waiting = [number for number in sorted(blocks) if blocks[number] in again]
        else:
            return _as_one(system, weight)
        thin = each(_thin_out, blocks)
    hidden = np.zeros(len(system), dtype=bool)
    hidden[top.own] = top.hidden
    for number, mask in thin.items():
        hidden[blocks[number].own] = mask
    return hidden & system.published


def _as_one(system: System, weight: Values) -> Mask:
    """What is hidden where all figures are one block, shape (figures,).

    :raises Unprotectable: what some figures ask for cannot be kept.
    """
    every = Block(system, np.arange(len(system)), system.sums, weight, system.block)
    _require(every, every.cover())
    every.thin_out()
    return every.hidden & system.published


def _cover(block: Block) -> tuple[Block, list[int]]:
    stuck = block.cover()
    return block, stuck


def _thin_out(block: Block) -> Mask:
    block.thin_out()
    return block.hidden


T = TypeVar("T")


class _Each(Protocol):
    """Does some work on each block; the results by the blocks' numbers."""

    def __call__(self, work: Callable[[Block], T], blocks: Mapping[int, Block]) -> dict[int, T]: ...


@contextmanager
def _workers(needs: int) -> Iterator[_Each]:
    """Work on blocks: here, or in a process a core where there is much to do. The outcome is the
    same."""

    def here(work: Callable[[Block], T], blocks: Mapping[int, Block]) -> dict[int, T]:
        return {number: work(block) for number, block in blocks.items()}

    cores = len(os.sched_getaffinity(0))
    if needs < _MUCH or cores == 1:
        yield here
        return
    # A new process each, not a fork: this one may hold threads and locks of databases.
    with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as pool:

        def there(work: Callable[[Block], T], blocks: Mapping[int, Block]) -> dict[int, T]:
            # The largest first, so that none is left over at the end.
            order = sorted(blocks, key=lambda number: (-blocks[number].needs, number))
            done = pool.map(work, [blocks[number] for number in order])
            found = dict(zip(order, done, strict=True))
            return {number: found[number] for number in blocks}

        yield there


def _require(block: Block, stuck: Sequence[int]) -> None:
    if stuck:
        raise Unprotectable([int(block.own[figure]) for figure in stuck])


def _adding_up(system: System, of_sum: Index) -> bool:
    """Whether some sum joins two blocks other than 0."""
    sums, block = system.sums, system.block
    figures = np.concatenate([sums.part, sums.total])
    other = np.concatenate([of_sum[sums.of_part], of_sum])
    return bool(((block[figures] != 0) & (block[figures] != other)).any())


def _of_sums(system: System) -> Index:
    """The block of each sum: that of its figures which has the highest number."""
    found = system.block[system.sums.total].copy()
    np.maximum.at(found, system.sums.of_part, system.block[system.sums.part])
    return found


def _weights(system: System) -> Values:
    """How much is lost with each figure: more with large ones, totals, and what blocks share."""
    weight: Values = 1 + 0.1 * np.log10(1 + system.value)
    is_total = np.zeros(len(system), dtype=bool)
    is_total[system.sums.total] = True
    weight[is_total] *= 1.5
    if system.block.any():
        weight[system.block == 0] *= 4
    return weight


def _split(system: System, of_sum: Index, weight: Values) -> tuple[Block, dict[int, Block]]:
    """Block 0, and the others by number."""
    block = system.block
    group = _groups(system, of_sum)
    figures, sums = np.argsort(block, kind="stable"), np.argsort(of_sum, kind="stable")
    found = {}
    for number in np.unique(np.append(block, 0)).tolist():
        own = figures[slice(*np.searchsorted(block[figures], [number, number + 1]))]
        its = sums[slice(*np.searchsorted(of_sum[sums], [number, number + 1]))]
        found[number] = Block(system, own, system.sums.take(its), weight, group)
    return found.pop(0), found


def _groups(system: System, of_sum: Index) -> Index:
    """Of what blocks share, the block that it is a total of, shape (figures,); 0 for the rest."""
    found = np.zeros(len(system), dtype=np.int64)
    np.maximum.at(found, system.sums.total, of_sum)
    return np.where(system.block == 0, found, 0)


def _follow(
    system: System, top: Block, moves: Iterable[Move], blocks: Iterable[Block]
) -> set[Block]:
    """Ask each block to follow moves of what is shared; the blocks that are asked anew."""
    asked = set()
    for move in moves:
        shared = np.zeros(len(system))
        shared[top.own[move.figures]] = move.steps
        asked |= {block for block in blocks if block.ask_to_follow(shared)}
    return asked


def _together(
    system: System, top: Block, block: Block, stuck: Sequence[int], weight: Values
) -> list[Move]:
    """Moves of what is shared by which figures of a block get what they ask for.

    :raises Unprotectable: there are none.
    """
    near = np.zeros(len(system), dtype=np.int64)
    both = Block(system, np.concatenate([top.own, block.own]), top.sums + block.sums, weight, near)
    both.hide(np.concatenate([top.hidden, block.hidden]))
    size = len(top.own)
    both.ask_only([size + figure for figure in stuck])
    _require(both, both.cover())
    top.hide(both.hidden[:size])
    return [
        Move(move.figures[move.figures < size], move.steps[move.figures < size])
        for move in both.moves
    ]
