"""So many of a thing, in words: `1 unit`, `2,000 units`."""


def counted(count: int, noun: str) -> str:
    """With thousands separators."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
