"""Two sorted arrays merged into one, from either end, compiled; equal values come from the first array first."""

from analysis.compression.lanes import compiled


@compiled
def merge_up(first, second, merged, count):  # type: ignore[no-untyped-def]
    """The `count` smallest, into the front of `merged`. Neither array holds NaN."""
    i, j = 0, 0
    for place in range(count):
        if j >= len(second) or (i < len(first) and first[i] <= second[j]):
            merged[place] = first[i]
            i += 1
        else:
            merged[place] = second[j]
            j += 1


@compiled
def merge_down(first, second, merged, count):  # type: ignore[no-untyped-def]
    """All but the `count` smallest, into the back of `merged`."""
    i, j = len(first) - 1, len(second) - 1
    for place in range(len(merged) - 1, count - 1, -1):
        if j < 0 or (i >= 0 and first[i] > second[j]):
            merged[place] = first[i]
            i -= 1
        else:
            merged[place] = second[j]
            j -= 1
