"""The measures of representational similarity by name: what each one is, its range, what it does not see, its cost."""

from dataclasses import dataclass
from typing import Literal

MeasureName = Literal[
    "cca", "svcca", "pwcca", "cka", "debiased_cka", "procrustes", "angular_shape", "hard_match", "soft_match",
    "rbf_cka", "rsa", "mutual_neighbors",
]  # fmt: skip


@dataclass(frozen=True)
class Measure:
    """One measure, described in a line each."""

    title: str
    kind: Literal["similarity", "distance"]
    low: float
    """Least value; of a distance, that of two equal representations."""
    high: float
    invariant_to: str
    """Changes of either representation that leave the value as it is."""
    cost: str
    """Of one pair of layers with d units and n images, once their sums or distances are there."""
    use: str
    """When to take it."""
    source: str
    reads: Literal["comoments", "distances"] = "comoments"
    """Sums over any number of images, or the distances of every two of at most `max_images`."""


MEASURES: dict[MeasureName, Measure] = {
    "cca": Measure(
        "CCA", "similarity", 0.0, 1.0, "any invertible linear map", "3 d^3",
        "Are the spans the same? Every direction counts alike, noise too: many samples a unit are needed.",
        "Hotelling 1936",
    ),
    "svcca": Measure(
        "SVCCA", "similarity", 0.0, 1.0, "rotation, isotropic scaling, permutation", "3 d^3",
        "CCA of the directions that carry most of the variance: networks through training, layer by layer.",
        "Raghu et al. 2017, arXiv:1706.05806",
    ),
    "pwcca": Measure(
        "PWCCA", "similarity", 0.0, 1.0, "any invertible linear map of the larger side", "3 d^3",
        "CCA in which a direction counts by how much of the layer it accounts for; not symmetric.",
        "Morcos et al. 2018, arXiv:1806.05759",
    ),
    "cka": Measure(
        "linear CKA", "similarity", 0.0, 1.0, "rotation, isotropic scaling, permutation", "3 d^2",
        "The default between architectures; large directions dominate, few images push it up.",
        "Kornblith et al. 2019, arXiv:1905.00414",
    ),
    "debiased_cka": Measure(
        "debiased CKA", "similarity", -1.0, 1.0, "rotation, isotropic scaling, permutation", "3 d^2",
        "Linear CKA for few images: near 0 for independent layers whatever n; needs independent samples.",
        "Song et al. 2012; Nguyen et al. 2021, arXiv:2010.15327",
    ),
    "procrustes": Measure(
        "Procrustes distance", "distance", 0.0, 2**0.5, "rotation, isotropic scaling, permutation", "d^3",
        "A metric: how far are the representations after the best rotation?",
        "Schonemann 1966; Williams et al. 2021, arXiv:2110.14739",
    ),
    "angular_shape": Measure(
        "angular shape distance", "distance", 0.0, 1.5707963267948966, "rotation, isotropic scaling, permutation",
        "d^3", "The same as an angle in radians: a metric for clustering or embedding many networks.",
        "Williams et al. 2021, arXiv:2110.14739",
    ),
    "hard_match": Measure(
        "hard correlation match", "similarity", -1.0, 1.0, "permutation, positive scaling of each unit", "d^3",
        "Do single units recur? Mean correlation of the best one-to-one pairs.",
        "Li et al. 2016, arXiv:1511.07543",
    ),
    "soft_match": Measure(
        "soft correlation match", "similarity", -1.0, 1.0, "permutation, positive scaling of each unit", "d^3 to LP",
        "The same for layers of different width: every unit takes part, its weight may be shared.",
        "Khosla and Williams 2023, arXiv:2311.09466",
    ),
    "rbf_cka": Measure(
        "RBF CKA", "similarity", 0.0, 1.0, "rotation, isotropic scaling, permutation", "n^2 d",
        "CKA that sees clusters and curved structure: a Gaussian kernel as wide as the median distance.",
        "Kornblith et al. 2019, arXiv:1905.00414", "distances",
    ),
    "rsa": Measure(
        "RSA", "similarity", -1.0, 1.0, "rotation, isotropic scaling, permutation, monotone change of distances",
        "n^2 d + n^2 log n", "Rank agreement of all distances between images: comparison with brains and behavior.",
        "Kriegeskorte et al. 2008",
        "distances",
    ),
    "mutual_neighbors": Measure(
        "mutual nearest neighbors", "similarity", 0.0, 1.0, "rotation, isotropic scaling, permutation", "n^2 d",
        "Local structure alone: share of the k nearest images that both layers have in common; chance is k / (n - 1).",
        "Huh et al. 2024, arXiv:2405.07987", "distances",
    ),
}  # fmt: skip
