"""A validation error of pydantic as one line: the key, the value, what was expected, and the nearest valid name."""

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from jobs.errors import nearest


def one_line(error: ValidationError, model: type[BaseModel]) -> str:
    """The first problem of `error`, raised while `model` was validated."""
    problem = error.errors(include_url=False)[0]
    place, value = problem["loc"], problem.get("input")
    key = ".".join(str(part) for part in place if not _is_tag(model, place, part)) or "the study"
    if problem["type"] == "extra_forbidden":
        return f"{key}: unknown key; {nearest(str(place[-1]), _known(model, place[:-1]))}"
    if problem["type"] == "missing":
        return f"{key}: missing; add it (see `vitrine init` for an example)."
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message[:1].lower() + message[1:]
    shown = "" if isinstance(value, dict | list) or value is None else f" {value!r}"
    return f"{key}:{shown}{':' if shown else ''} {message}"


def _models(annotation: Any) -> list[type[BaseModel]]:
    """All models that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    value = getattr(annotation, "__value__", annotation)
    return [model for part in get_args(value) for model in _models(part)]


def _descend(models: list[type[BaseModel]], part: str | int) -> list[type[BaseModel]]:
    found = [
        m for model in models if part in model.model_fields for m in _models(model.model_fields[str(part)].annotation)
    ]
    if found:
        return found
    # A key of a mapping, an index of a list or the tag of a union: a tag narrows to the models that carry it.
    tagged = [m for m in models if any(part in get_args(f.annotation) for f in m.model_fields.values())]
    return tagged or models


def _known(model: type[BaseModel], place: tuple[str | int, ...]) -> list[str]:
    models = [model]
    for part in place:
        models = _descend(models, part)
    return sorted({name for found in models for name in found.model_fields})


def _is_tag(model: type[BaseModel], place: tuple[str | int, ...], part: str | int) -> bool:
    """Whether `part` is no key of the file but pydantic's name for the branch of a union."""
    models = [model]
    for step in place[: place.index(part)]:
        models = _descend(models, step)
    in_fields = any(part in found.model_fields for found in models)
    tags = [m for m in models if any(part in get_args(f.annotation) for f in m.model_fields.values())]
    return (not in_fields and bool(tags)) or (isinstance(part, str) and ("[" in part or part in {"str", "Sample"}))
