"""Which attention modules of a network a step looks at, and where the patches lie among their tokens."""

from fnmatch import fnmatchcase
from math import isqrt
from typing import TYPE_CHECKING

from jobs.errors import UserError, nearest
from jobs.steps.attend.options import NetworksAttention

if TYPE_CHECKING:
    from jobs.plan import Plan


def chosen_modules(patterns: tuple[str, ...], net: str, plan: "Plan") -> tuple[str, ...]:
    """The attention modules that patterns name, in the network's order.

    UserError where there is none, where a pattern names none, and where they do not look at the same tokens.
    """
    known = plan.nets[net].attention
    if not known:
        raise UserError(
            f"steps.attend.nets: {net} ({plan.nets[net].arch}) has no attention over a whole image; "
            "leave it out, or choose a network with nn.MultiheadAttention or blocks of timm's ViTs."
        )
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise UserError(
                f"steps.attend.blocks: {pattern!r} is no attention module of {net}; {nearest(pattern, list(known))}"
            )
    chosen = tuple(name for name in known if any(fnmatchcase(name, pattern) for pattern in patterns))
    _require_alike({name: known[name] for name in chosen}, net)
    return chosen


def _require_alike(chosen: dict[str, tuple[int, int, int]], net: str) -> None:
    """UserError unless all are self-attention of as many heads over as many tokens."""
    first, (first_heads, _, first_keys) = next(iter(chosen.items()))
    for name, (heads, queries, keys) in chosen.items():
        if queries != keys:
            raise UserError(
                f"steps.attend.blocks: {name} of {net} has {queries} queries for {keys} keys, and rollout needs "
                "self-attention; choose other blocks."
            )
        if (heads, keys) != (first_heads, first_keys):
            raise UserError(
                f"steps.attend.blocks: {name} of {net} has {heads} heads over {keys} tokens and {first} {first_heads} "
                f"over {first_keys}; choose blocks that are alike."
            )


def grid_of(options: NetworksAttention, net: str, chosen: tuple[str, ...], plan: "Plan") -> tuple[int, int]:
    """Rows and columns of the patches, which are the last tokens; UserError where the tokens are fewer, or no square.

    UserError too for a token that is not there.
    """
    tokens = plan.nets[net].attention[chosen[0]][1]
    grid = options.grid or _square(tokens)
    if grid is None:
        raise UserError(
            f"steps.attend.grid: the {tokens} tokens of {net} are no square of patches, with a class token or without; "
            "write [rows, columns]."
        )
    if grid[0] * grid[1] > tokens:
        raise UserError(
            f"steps.attend.grid: {list(grid)} are {grid[0] * grid[1]} patches and {net} has {tokens} tokens; "
            "write [rows, columns] of its patches."
        )
    if options.token == "class" and grid[0] * grid[1] == tokens:
        raise UserError(
            f"steps.attend.token: all {tokens} tokens of {net} are patches, none of them a class token; "
            "write mean, or the number of a token."
        )
    if isinstance(options.token, int) and options.token >= tokens:
        raise UserError(f"steps.attend.token: {options.token} is no token of {net}, which has 0 to {tokens - 1}.")
    return grid


def _square(tokens: int) -> tuple[int, int] | None:
    """The side of the square that all tokens make, or all but the first."""
    for patches in (tokens, tokens - 1):
        if patches and isqrt(patches) ** 2 == patches:
            return isqrt(patches), isqrt(patches)
    return None
