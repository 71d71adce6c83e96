"""Figures and the table of a network's attention: its last block over the first images, every block over one image."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from jobs.figures.attributions import Look, attributions
from jobs.figures.heads import Looking, head_grid
from jobs.figures.margins import shortened
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell
from jobs.report.page import Table
from jobs.steps.backprop.plates import ALIKE, pictures
from jobs.steps.class_names import class_names
from jobs.steps.presentation import Presentation

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.attend.networks import AttendNetworks
    from jobs.views import Views

SECTION = "Attention"
COLUMNS = 8
"""Panels in a row; where heads are many, those of one image take several."""
ROOM = 0.8  # inches for what an image is taken for


def presentation(step: "AttendNetworks", plan: "Plan", results: dict[str, xr.Dataset], views: "Views") -> Presentation:
    """Two figures a network and a table of all blocks."""
    plates = []
    for net, found in results.items():
        if found.sizes["drawn"]:
            shown = pictures(found, views)
            plates.append((SECTION, _last_block(step, plan, net, found, shown)))
            plates.append((SECTION, _blocks(step, plan, net, found, shown)))
    return Presentation(tuple(plates), (_blocks_table(results), *_rollout_table(results)), tuple(_warnings(results)))


def _looks(step: "AttendNetworks") -> str:
    token = step.options.token
    return {"class": "the class token", "mean": "all tokens, on average,"}.get(str(token), f"token {token}")


def _last_block(step: "AttendNetworks", plan: "Plan", net: str, found: xr.Dataset, shown: np.ndarray) -> Plate:
    last = found["attention"].values[:, -1]
    rows = []
    for number, picture in enumerate(shown):
        looks = [
            Look("image", picture, caption=_named(plan, net, found, number)),
            _over(picture, last[number].mean(0), "mean of heads"),
            _over(picture, found["rollout"].values[number], "rollout"),
        ]
        if "rollout_random" in found:
            looks.append(_over(picture, found["rollout_random"].values[number], "random weights"))
        looks += [_over(picture, one, f"head {head}") for head, one in enumerate(last[number])]
        rows += [looks[start : start + COLUMNS] for start in range(0, len(looks), COLUMNS)]
    names = ("attention", "rollout", "rollout_random", "predicted", "confidence")
    random = (
        " Random weights: the rollout of the same network with weights drawn anew; what looks the same there comes "
        "from the image."
    )
    return Plate(
        plate_name("attend", net),
        f"Where {net} looks",
        f"Share of its attention that {_looks(step)} gives to each patch in the last block "
        f"({found['block'].values[-1]}), over the image: each head, their mean, and the rollout, which follows the "
        "weights from the first block to the last. Each map has its own scale, which stands under it: a share of 1 "
        "would be all attention on one patch." + (random if "rollout_random" in found else ""),
        attributions(rows, [""] * len(rows)),
        {name: found[name].values for name in names if name in found} | {"image": shown},
    )


def _blocks(step: "AttendNetworks", plan: "Plan", net: str, found: xr.Dataset, shown: np.ndarray) -> Plate:
    attention = found["attention"].values[0]
    return Plate(
        plate_name("attend", net, "blocks"),
        f"Every head of every block of {net}, for one image",
        f"Where {_looks(step)} looks in the first image: a row a block, from the input down, a column a head. Each "
        "tile has its own scale; a small number under it is a head that spreads over many patches.",
        head_grid(Looking(shown[0], _named(plan, net, found, 0), attention)),
        {"attention": attention, "image": shown[0]},
    )


def _over(picture: np.ndarray, patches: np.ndarray, title: str) -> Look:
    """A map of patches over a gray image, each patch as large as the part of the image that it is of."""
    height, width = picture.shape[:2]
    rows = np.arange(height) * patches.shape[0] // height
    columns = np.arange(width) * patches.shape[1] // width
    limits = (0.0, float(patches.max()) or 1.0)
    return Look(title, patches[rows][:, columns], limits, under=picture.mean(-1))


def _named(plan: "Plan", net: str, found: xr.Dataset, number: int) -> str:
    if "predicted" not in found:
        return ""
    name = class_names(plan, net)[int(found["predicted"].values[number])]
    return shortened(f"{name}: {float(found['confidence'].values[number]):.2f}", ROOM)


def _blocks_table(results: dict[str, xr.Dataset]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for net, found in results.items():
        cells = int(np.prod(found["rollout"].shape[1:]))
        for number, block in enumerate(found["block"].values):
            spread, share = found["patches"].values[number], found["share"].values[number]
            rows.append(
                (f"{net} {block}", len(spread), float(spread.mean()), float(spread.min()), float(spread.max()), cells,
                 float(share.mean()))
            )  # fmt: skip
    columns = ("block", "heads", "patches, mean", "narrowest head", "widest head", "of", "share on patches")
    note = (
        "Means over all images. Patches: over how many a head spreads its attention (exponential of its entropy): 1 is "
        "one patch alone. Share on patches: the rest goes to other tokens, as the class token itself."
    )
    return Table("Attention", columns, tuple(rows), note)


def _rollout_table(results: dict[str, xr.Dataset]) -> list[Table]:
    rows = [(net, int(found["images"]), float(found["alike"])) for net, found in results.items() if "alike" in found]
    note = (
        "Rank correlation of the rollout's map with that of the same network with random weights, mean over all "
        "images: 1 would say that it shows nothing that was learned."
    )
    return [Table("Rollout", ("network", "images", "random weights"), tuple(rows), note)] if rows else []


def _warnings(results: dict[str, xr.Dataset]) -> list[str]:
    return [
        f"{net}: rollout explains the image more than the network: with random weights its maps have a rank "
        f"correlation of {float(found['alike']):.2f} with those of the trained one."
        for net, found in results.items()
        if "alike" in found and float(found["alike"]) > ALIKE
    ]
