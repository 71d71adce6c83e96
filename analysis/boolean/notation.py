"""Formulas as people write them: "AC' + AB' + BCD'", "(A+B)(A+C)", "wheel·face' + hand"."""

import re
from collections.abc import Sequence

from analysis.boolean.formula import LETTERS, Form, Formula
from analysis.boolean.terms import Term, term_of

Literal = tuple[int, bool]
"""The place of an input, and whether it stands plain."""


def letters(inputs: int) -> tuple[str, ...]:
    """What so many inputs without names are called: A, B, C and on."""
    return tuple(LETTERS[:inputs])


def parse(text: str, names: Sequence[str]) -> Formula:
    """A sum of products, or a product of sums where there are parentheses, over inputs of these names.

    A prime negates the name before it, which may stand in brackets. Factors stand side by side or with `·` or `*`
    between. "0" and "1" are the sum of no product and the product of no clause. Terms keep their order. ValueError
    where the text says something else, has a name that is no input, or a term with a name and its negation.
    """
    stripped = text.strip()
    if stripped in ("0", "1"):
        return Formula("sum" if stripped == "0" else "product", (), len(names))
    tokens = _tokens(text, names)
    form: Form = "product" if "(" in tokens else "sum"
    groups = _clauses(tokens, text) if form == "product" else _between_plus_signs(tokens, text)
    return Formula(form, tuple(_term(group, form, text, names) for group in groups), len(names))


def _tokens(text: str, names: Sequence[str]) -> list[Literal | str]:
    """Literals, plus signs and parentheses; of names that fit the longest is meant."""
    known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    pattern = re.compile(rf"(\[)?({known})(?(1)\])(['\u2032\u2019]?)|([+()])|[\s·*]+")
    tokens: list[Literal | str] = []
    at = 0
    while at < len(text):
        match = pattern.match(text, at)
        if match is None:
            raise ValueError(f"Formula {text!r} has {text[at:]!r} where one of {list(names)}, + or ( was expected.")
        if match[2]:
            tokens.append((names.index(match[2]), not match[3]))
        elif match[4]:
            tokens.append(match[4])
        at = match.end()
    return tokens


def _between_plus_signs(tokens: list[Literal | str], text: str) -> list[list[Literal]]:
    groups: list[list[Literal]] = [[]]
    for token in tokens:
        if isinstance(token, tuple):
            groups[-1].append(token)
        else:
            groups.append([])
    if not all(groups):
        raise ValueError(f"Formula {text!r} has a + or a parenthesis without a term on both sides.")
    return groups


def _clauses(tokens: list[Literal | str], text: str) -> list[list[Literal]]:
    """The literals of every clause; a literal outside parentheses is a clause of its own."""
    clauses: list[list[Literal]] = []
    rest = tokens
    while rest:
        if isinstance(rest[0], tuple):
            clauses.append([rest[0]])
            rest = rest[1:]
            continue
        if rest[0] != "(" or ")" not in rest:
            raise ValueError(f"Formula {text!r} is no product of sums: {rest[0]!r} stands where it cannot.")
        end = rest.index(")")
        summands = _between_plus_signs(rest[1:end], text)
        if any(len(summand) > 1 for summand in summands):
            raise ValueError(f"Formula {text!r} has a product within a sum within a product; two levels are read.")
        clauses.append([literal for (literal,) in summands])
        rest = rest[end + 1 :]
    return clauses


def _term(group: list[Literal], form: Form, text: str, names: Sequence[str]) -> Term:
    """Of a clause, the term at which it is false."""
    literals: dict[int, bool] = {}
    for place, plain in group:
        if literals.setdefault(place, plain == (form == "sum")) != (plain == (form == "sum")):
            raise ValueError(f"Formula {text!r} has {names[place]} and {names[place]}' in one term; leave it out.")
    return term_of(literals, len(names))
