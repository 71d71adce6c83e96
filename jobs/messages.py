"""A validation error of pydantic as one line: the key, the value, what was expected, and the nearest valid name.

Pydantic reports every branch of a union with its own names for them; here the branch that understood most of what the
user wrote speaks, and keys are those of the file.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo

from jobs.errors import nearest

Place = tuple[str | int, ...]

EXPECTED = {
    "bool": "true or false",
    "dict": "a mapping, as `key: value`",
    "finite_number": "a finite number",
    "float": "a number",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "int": "a whole number",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "list": "a list, as [{input}]",
    "literal_error": "{expected}",
    "path": "a path",
    "string": "text",
    "string_pattern_mismatch": "letters, digits, '-', '_' and '.', the first a letter or a digit",
    "too_long": "at most {max_length} entries",
    "too_short": "at least {min_length} entry",
    "string_too_short": "a name",
    "tuple": "a list, as [{input}]",
}
"""By pydantic's name of the problem, or by its first word: `int_type` and `int_parsing` are one thing to a user."""


def one_line(error: ValidationError, annotation: Any, data: Any, under: str = "") -> str:
    """The problem of `error`, raised while `data` was validated as `annotation`, whose keys stand below `under`."""
    problems = error.errors(include_url=False)
    places = [_visible(data, problem["loc"], problem["type"]) for problem in problems]
    # The branches of a union lie at one key; the one that got furthest down is the one that was meant. Where a needed
    # key is missing and another unknown, the unknown one is the needed one misspelt.
    near = [number for number, place in enumerate(places) if place[: len(places[0])] == places[0]]
    chosen = max(near, key=lambda number: (len(places[number]), problems[number]["type"] == "extra_forbidden"))
    place = places[chosen]
    here = [problem for problem, at in zip(problems, places, strict=True) if at == place]
    models = _models(annotation)
    for part in here[0]["loc"][:-1]:
        models = _descend(models, part)
    key = ".".join(str(part) for part in ((under, *place) if under else place))
    return _said(key, here, models)


def _said(key: str, problems: Sequence[Any], models: list[type[BaseModel]]) -> str:
    problem = problems[0]
    kind, last, context = problem["type"], problem["loc"][-1] if problem["loc"] else "", problem.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys(models)
        return f"{key}: unknown key; {nearest(str(last), known) if known else 'there are no keys here, remove it'}"
    if kind == "missing":
        if isinstance(last, int):
            return f"{key.rpartition('.')[0]}: expected {last + 1} entries or more, found {last}"
        about = next((f.description for m in models if (f := _field(m, last)) and f.description), None)
        return f"{key}: missing; add it ({re.split('[.;] ', about)[0].rstrip('.')})" if about else (
            f"{key}: missing; add it, as `vitrine init` shows"
        )  # fmt: skip
    if kind.startswith("union_tag"):
        tags = re.findall(r"'([^']+)'", context.get("expected_tags", "")) or _tags(models, last)
        key = f"{key}.{context['discriminator'].strip(chr(39))}"
        return f"{key}: {context['tag']!r} is unknown; {nearest(context['tag'], tags)}" if "tag" in context else (
            f"{key}: missing; choose from {', '.join(tags)}"
        )  # fmt: skip
    if kind in ("value_error", "assertion_error"):
        return _own_words(key, problem, models, last)
    expected = list(dict.fromkeys(_expectation(one, models) for one in problems))
    return f"{key}: {_shown(problem.get('input'))}expected {', or '.join(expected)}"


def _own_words(key: str, problem: Any, models: list[type[BaseModel]], last: str | int) -> str:
    """A validator's own message; one that begins with a key of its model names that key."""
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    inner = message.partition(":")[0]
    if inner in _keys(_descend(models, last)):
        return f"{key}.{message}" if key else message
    value = problem.get("input")
    return f"{key}: {'' if repr(value) in message else _shown(value)}{message}"


def _expectation(problem: Any, models: list[type[BaseModel]]) -> str:
    kind, value = problem["type"], problem.get("input")
    if kind.startswith("model"):
        inside = _descend(models, problem["loc"][-1])
        fields = next((m for m in inside if m.__name__ in problem["msg"]), inside[0]).model_fields
        example = [name for name, field in fields.items() if name == "source" or field.is_required()] or list(fields)
        return f"a mapping, as {{{example[0]}: ...}}" if example else EXPECTED["dict"]
    text = EXPECTED.get(kind) or EXPECTED.get(kind.partition("_")[0])
    if text is None:
        return problem["msg"].removeprefix("Input should be ")
    if kind == "literal_error" and isinstance(value, str):
        meant = nearest(value, re.findall(r"'([^']+)'", problem["ctx"]["expected"]))
        return problem["ctx"]["expected"] + (f"; {meant}" if meant.startswith("did you mean") else "")
    if kind == "string_type" and isinstance(value, int | float):
        return f"text: put it in quotes, '{value}'"
    return text.format(input=value if isinstance(value, str) else "first, second", **problem.get("ctx", {}))


def _shown(value: Any) -> str:
    """The value where it is short enough to be seen in a line."""
    if value is None or value in ({}, [], ()):
        return "empty; "
    return "" if isinstance(value, Mapping | list | tuple) else f"{value!r}; "


def _visible(data: Any, place: Place, kind: str) -> Place:
    """The parts of `place` that are keys or indices of the file, without pydantic's names for branches."""
    found, here = list[str | int](), data
    for number, part in enumerate(place):
        inside = (isinstance(here, Mapping) and part in here) or (
            isinstance(here, list | tuple) and isinstance(part, int) and part < len(here)
        )
        if inside:
            here = here[part]
        if inside or (number == len(place) - 1 and kind in ("missing", "extra_forbidden")):
            found.append(part)
    return tuple(found)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """All models that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    value = getattr(annotation, "__value__", annotation)
    return [model for part in get_args(value) for model in _models(part)]


def _descend(models: list[type[BaseModel]], part: str | int) -> list[type[BaseModel]]:
    """Models below a key; an index or a mapping's key keeps them, a branch's name narrows them."""
    fields = [field for model in models if (field := _field(model, part))]
    if fields:
        return [model for field in fields for model in _models(field.annotation)]
    tagged = [m for m in models if m.__name__ == part or part in _literals(m)]
    return tagged or models


def _literals(model: type[BaseModel]) -> list[Any]:
    return [value for field in model.model_fields.values() for value in get_args(field.annotation)]


def _tags(models: list[type[BaseModel]], last: str | int) -> list[str]:
    return [
        str(model.model_fields["source"].default) for model in _descend(models, last) if "source" in model.model_fields
    ]


def _field(model: type[BaseModel], key: str | int) -> FieldInfo | None:
    return next((field for name, field in model.model_fields.items() if key in (name, _key(name, field))), None)


def _keys(models: list[type[BaseModel]]) -> list[str]:
    """Keys as a study writes them."""
    return sorted({_key(name, field) for model in models for name, field in model.model_fields.items()})


def _key(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else alias if isinstance(alias, str) else name
