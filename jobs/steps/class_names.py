"""What a network's classes are called: as the images' classes where these have names, else by number."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.plan import Plan


def class_names(plan: "Plan", net: str) -> tuple[str, ...]:
    """One name for each output of the network."""
    count = max(plan.nets[net].classes, len(plan.classes))
    return tuple(plan.classes[n] if n < len(plan.classes) else f"class {n}" for n in range(count))
