"""What the steps between layers cannot do is one line on stderr that names the key, what was expected and the fix."""

from pathlib import Path
from typing import Any

import pytest

from jobs.memory import PROCESS_BYTES, RESULT_COPIES
from tests.jobs.command import changed, vitrine, written
from tests.jobs.test_study_errors import refused

ALONE = {"a": {"arch": "convnet"}}


def only(step: str, extract: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """Changes that leave one step."""
    return {"steps": [{step: options}], "extract": extract or {}}


COMPARE: list[tuple[dict[str, Any], str]] = [
    (only("compare", measures=["svca"]), "steps.0.compare.measures.0: 'svca'; expected 'cca', 'svcca', 'pwcca',"),
    (only("compare", measures=[]), "steps.0.compare.measures: empty; expected at least 1 entry"),
    (only("compare", measure="cka"), "steps.0.compare.measure: unknown key; did you mean 'measures'?"),
    (only("compare", variance=1.5), "steps.0.compare.variance: 1.5; expected at most 1"),
    (only("compare", rule="square"), "steps.0.compare.rule: 'square'; expected 'squared' or 'unsquared'"),
    (only("compare", fourier=0), "steps.0.compare.fourier: 0; expected "),
    (only("compare", fourier=True), "steps.0.compare.fourier: cka is not taken by frequency; leave it to a step of"),
    (
        only("compare", fourier=2, measures=["svcca", "rsa"]),
        "steps.0.compare.fourier: rsa is not taken by frequency; leave it to a step of its own, or choose from svcca,",
    ),
    (
        only("compare", aligned=True, fourier=True, measures=["cca"]),
        "steps.0.compare.aligned: directions at each frequency are not drawn; leave fourier or aligned out",
    ),
    (
        only("compare", aligned=True, measures=["rsa"]),
        "steps.0.compare.aligned: directions follow from sums; add svcca to measures, or leave aligned out",
    ),
    (
        only("compare", aligned=True, pairs="all"),
        "steps.0.compare.aligned: drawn for pairs that are named or the same, not for all; leave aligned out",
    ),
]


@pytest.mark.parametrize(("changes", "message"), COMPARE, ids=[message[8:48] for _, message in COMPARE])
def test_wrong_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], message: str
) -> None:
    path = written(tmp_path, changed(**changes))
    assert refused(capsys, path).startswith(f"{path}: {message}")


DYNAMICS: list[tuple[dict[str, Any], str]] = [
    (only("dynamics", measure="rsa"), "steps.0.dynamics.measure: rsa is no similarity from sums; choose svcca, cca,"),
    (only("dynamics", measure="procrustes"), "steps.0.dynamics.measure: procrustes is no similarity from sums;"),
    (only("dynamics", measure="cka", fourier=2), "steps.0.dynamics.fourier: cka is not taken by frequency; choose"),
    (only("dynamics", threshold=1), "steps.0.dynamics.threshold: 1; expected less than 1"),
    (only("regress", penalties=[0]), "steps.0.regress.penalties.0: 0; expected more than 0"),
    (only("regress", penalties=[]), "steps.0.regress.penalties: empty; expected at least 1 entry"),
    (only("classes", targets="logit"), "steps.0.classes.targets: 'logit'; expected 'logits' or 'indicator'"),
    ({"nets__a__checkpoints": {0: "x"}}, "nets.a.checkpoints: files of earlier weights need `weights`, the final"),
]


@pytest.mark.parametrize(("changes", "message"), DYNAMICS, ids=[message[8:48] for _, message in DYNAMICS])
def test_wrong_options_of_the_other_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], message: str
) -> None:
    path = written(tmp_path, changed(**changes))
    assert refused(capsys, path).startswith(f"{path}: {message}")


UNEQUAL = {"layers": {"a": ["conv1"], "b": ["conv3"]}}
FIT: list[tuple[dict[str, Any], str]] = [
    (
        {**only("compare"), **UNEQUAL},
        "steps.compare: a/conv1 has 8 x 8 positions and b/conv3 4 x 4: pair layers of equal size, or set "
        "extract.positions to mean or center.",
    ),
    (
        {**only("compare", fourier=True, measures=["svcca"]), **UNEQUAL},
        "steps.compare: a/conv1 has 8 x 8 positions and b/conv3 4 x 4: pair layers of equal size, or write fourier: 4 "
        "to compare the frequencies that maps of 4 x 4 hold.",
    ),
    (
        {**only("compare", pairs="all"), **UNEQUAL},
        "steps.compare: no two layers have equal positions; set extract.positions to mean or center.",
    ),
    (
        only("compare", measures=["rsa"]),
        "steps.compare: it reads a/conv1 again when it finishes; add that layer to extract.store.",
    ),
    (
        only("compare", {"store": ["conv1"]}, aligned=True),
        "steps.compare: it reads a/fc1 again when it finishes; add that layer to extract.store.",
    ),
    (
        {**only("compare"), "images__batch": 1},
        "steps.compare: images.batch is 1, and a noise floor needs at least 2: raise images.batch.",
    ),
    ({**only("compare"), "nets": ALONE}, "steps.compare: needs two networks; add one under nets."),
    (only("compare", nets=["a", "c"]), "steps.compare.nets: there is no network 'c'; choose from a, b"),
    (only("compare", pairs=[["conv1", "cnv1"]]), "steps.compare.pairs: 'cnv1' is no studied layer of b; did you mean"),
    ({**only("regress"), "images__batch": 1}, "steps.regress: images.batch is 1, and a noise floor needs at least 2"),
    ({**only("regress"), **UNEQUAL}, "steps.regress: a/conv1 has 8 x 8 positions and b/conv3 4 x 4: pair layers"),
    ({**only("regress"), "nets": ALONE}, "steps.regress: needs two networks; add one under nets."),
    ({**only("classes"), "images__batch": 1}, "steps.classes: images.batch is 1, and a noise floor needs at least 2"),
    (only("classes", nets=["c"]), "steps.classes.nets: there is no network 'c'; choose from a, b"),
    (only("classes", classes=["33"]), "steps.classes: there is no class '33'; did you mean '3'?"),
    (only("classes", groups={"odd": ["1", "77"]}), "steps.classes: there is no class '77'; did you mean '7'?"),
    (
        {**only("classes"), "nets__a__classes": 3},
        "steps.classes: a has 3 outputs for 10 classes of the images: write targets: indicator.",
    ),
    (
        only("dynamics"),
        "steps.dynamics: no network has checkpoints: add train.checkpoints, as [0, 1, 2, 4], or checkpoints with",
    ),
    (
        only("dynamics", nets=["b"]),
        "steps.dynamics: b has no checkpoints; add nets.b.train.checkpoints, as [0, 1, 2, 4].",
    ),
    (only("dynamics", nets=["c"]), "steps.dynamics.nets: there is no network 'c'; choose from a, b"),
    ({**only("dynamics"), "images__batch": 1}, "steps.dynamics: images.batch is 1, and a noise floor needs at least 2"),
]


@pytest.mark.parametrize(("changes", "message"), FIT, ids=[message[6:60] for _, message in FIT])
def test_what_does_not_fit_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], message: str
) -> None:
    assert refused(capsys, written(tmp_path, changed(**changes))).startswith(message)


def test_classes_with_few_images_are_no_indicator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """64 digits hold about six of each class."""
    said = refused(capsys, written(tmp_path, changed(**only("classes", targets="indicator", classes=["3"]))))
    assert said.startswith("steps.classes: '3' has ")
    assert said.endswith(
        "images and an indicator needs at least 50: write targets: logits, or put classes together under groups."
    )
    (count,) = (int(word) for word in said.split() if word.isdigit() and word != "50")
    assert 0 < count < 20


def test_logits_are_not_in_the_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, changed(**only("classes", {"store": ["*"], "statistics": []})))
    assert vitrine("run", path) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "vitrine: steps.classes: it needs what is computed with the network (outputs or checkpoints), and a/conv1 is "
        "not in extract.statistics: add it there."
    )


def test_a_loss_on_held_out_images_needs_two_groups(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wide = {"arch": "lenet", "options": {"fc1": 512}}
    blocks = 4 * 8 * 513**2  # within a and b, between them and permuted, of one group
    memory = f"{(PROCESS_BYTES + RESULT_COPIES * blocks * 3 // 2) // 10**6}MB"
    study = changed(**only("regress"), layers=["fc1"], nets={"a": wide, "b": wide}, resources__memory=memory)
    assert refused(capsys, written(tmp_path, study)) == (
        "steps.regress: memory leaves room for 1 group of images, and a held-out loss needs 2: raise resources.memory, "
        "or leave the widest layer out."
    )
