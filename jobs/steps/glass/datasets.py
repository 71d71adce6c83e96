"""All numbers of a `glass` step: pairs of networks, and coolings with their glass transition."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from analysis.dynamics.cooling import fluctuation, glass_transition
from analysis.dynamics.straight_line import barrier
from jobs.steps.step import Arrays

if TYPE_CHECKING:
    from jobs.steps.glass.step import Glass

ORDERS = ("as they are", "aligned")


def pairs_dataset(step: "Glass", net: str, arrays: Arrays) -> xr.Dataset:
    """`cosine` (pair, weights, order), `loss` and `error` (pair, order, point), `barrier` (pair, order)."""
    pairs = step.options.chosen_pairs()
    found = {name: np.array([arrays[f"{net}|{a}-{b}|{name}"] for a, b in pairs]) for name in ("cosine", "line")}
    share = arrays[f"{net}|{pairs[0][0]}-{pairs[0][1]}|share"]
    loss = found["line"][..., 0]
    rises = np.array([[barrier(line, share) for line in one] for one in loss])
    return xr.Dataset(
        {
            "cosine": (("pair", "weights", "order"), found["cosine"]),
            "loss": (("pair", "order", "point"), loss),
            "error": (("pair", "order", "point"), 1.0 - found["line"][..., 1]),
            "barrier": (("pair", "order"), rises),
            "seeds": (("pair", "side"), np.array(pairs)),
            "share": ("point", share),
        },
        coords={"weights": ["trained", "untrained"], "order": list(ORDERS[: loss.shape[1]])},
        attrs={"net": net},
    )


def cooling_dataset(step: "Glass", net: str, arrays: Arrays) -> xr.Dataset:
    """By rate (the last is the control) and seed: what glass_cooling says at every temperature, T_g, final losses.

    `overlap` is that across the whole time at a temperature; `mobility` has all lags (epochs; NaN beyond that time).
    The control stays hot so long that it ends with the slowest cooling, then cools as fast as the fastest.
    """
    coolings, options = step.coolings(), step.options.cooling
    assert options is not None
    rates = list(dict.fromkeys((one.dwell, one.hold) for one in coolings))
    seeds = list(dict.fromkeys(one.seed for one in coolings))
    by_rate = [[one for one in coolings if (one.dwell, one.hold) == rate] for rate in rates]

    def of(name: str, what: Callable[[np.ndarray], Any] = np.asarray) -> np.ndarray:
        return np.array([[what(arrays[f"{net}|{one.name}|{name}"]) for one in row] for row in by_rate])

    temperature = arrays[f"{net}|{coolings[0].name}|temperature"]
    last = of("overlap", lambda overlap: overlap[:, -1])
    transition = [[glass_transition(temperature, values, options.memory) for values in row] for row in last]
    longest = max(options.dwells)
    dims = ("rate", "seed", "temperature")
    return xr.Dataset(
        {
            "overlap": (dims, last), "relaxation": (dims, of("relaxation")),
            "mobility": ((*dims, "lag"), of("mobility", lambda moved: _longer(moved, longest))),
            "energy": (dims, of("energy", lambda energy: energy[:, 1:].mean(1))),
            "fluctuation": (dims, of("energy", lambda energy: [fluctuation(level) for level in energy])),
            "transition": (dims[:2], np.array(transition)),
            "train_loss": (dims[:2], of("energy", lambda energy: energy[-1, -1])),
            "test_loss": (dims[:2], of("test_loss")), "error": (dims[:2], of("error")),
            "epochs": ("rate", of("epochs")[:, 0]),
            "dwell": ("rate", np.array([dwell for dwell, _ in rates])),
            "hold": ("rate", np.array([hold for _, hold in rates])),
        },
        coords={"seed": seeds, "temperature": temperature, "lag": np.arange(1, longest + 1)},
        attrs={"net": net, "memory": options.memory},
    )  # fmt: skip


def _longer(moved: np.ndarray, lags: int) -> np.ndarray:
    """With NaN for lags that are longer than the time at a temperature."""
    return np.pad(moved, ((0, 0), (0, lags - moved.shape[1])), constant_values=np.nan)


def agreement(said: Int[np.ndarray, "seeds images"], label: Int[np.ndarray, " images"]) -> Float[np.ndarray, "pairs 3"]:
    """For every two networks: share of images of which they say the same; what independent mistakes would give;
    share of the images that either gets wrong of which both do."""
    classes = max(int(label.max()), int(said.max())) + 1
    wrong = said != label
    rows = []
    for a in range(len(said)):
        for b in range(a):
            wrong_a, wrong_b = wrong[a].mean(), wrong[b].mean()
            chance = (1 - wrong_a) * (1 - wrong_b) + wrong_a * wrong_b / max(classes - 1, 1)
            either = (wrong[a] | wrong[b]).sum()
            both = (wrong[a] & wrong[b]).sum() / either if either else np.nan
            rows.append(((said[a] == said[b]).mean(), chance, both))
    return np.array(rows)
