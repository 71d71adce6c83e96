"""A wrong study file is one line that names the key, the value, what was expected and what to do; exit 2."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jobs.nets.build import build
from jobs.nets.weights import save_weights
from jobs.study import shipped
from tests.jobs.command import GONE, changed, vitrine, written

INTERNALS = [
    "function-", "literal[", "tuple[", "dict[", "nullable", "constrained", "tagged-union", "nput should", "pydantic",
    "instance of", "Spec", "Options", "memory_bytes", "Traceback",
]  # fmt: skip


def refused(capsys: pytest.CaptureFixture[str], path: object, *words: str) -> str:
    """The line on stderr of `vitrine run`, which exits with 2 and says nothing else."""
    assert vitrine("run", path, *words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("vitrine: ")
    assert not [word for word in INTERNALS if word in said.err]
    return said.err.removeprefix("vitrine: ").strip()


NET = {"arch": "convnet"}
KEYS: list[tuple[dict[str, Any], str]] = [
    ({"nmae": "x"}, "nmae: unknown key; did you mean 'name'?"),
    ({"images__bacth": 3}, "images.bacth: unknown key; did you mean 'batch'?"),
    ({"nets__a__arhc": "x"}, "nets.a.arhc: unknown key; did you mean 'arch'?"),
    ({"nets__a": {**NET, "train": {"epoch": 3}}}, "nets.a.train.epoch: unknown key; did you mean 'epochs'?"),
    ({"extract__stroe": []}, "extract.stroe: unknown key; did you mean 'store'?"),
    ({"resources__memroy": "4GB"}, "resources.memroy: unknown key; did you mean 'memory'?"),
    ({"steps__0__correlate__net": ["a"]}, "steps.0.correlate.net: unknown key; did you mean 'nets'?"),
    ({"steps__0": {"evaluate": {"nets": []}}}, "steps.0.evaluate.nets: unknown key; there are no keys here, remove it"),
    ({"steps__0": {"corelate": {}}}, "steps.0.corelate: unknown key; did you mean 'correlate'?"),
    ({"steps__0": "corelate"}, "steps.0.corelate: unknown key; did you mean 'correlate'?"),
    ({"images__source": "digitz"}, "images.source: 'digitz' is unknown; did you mean 'digits'?"),
    ({"images": {}}, "images.source: missing; choose from digits, cifar10, mnist, imagefolder, npz, tar"),
    ({"images": {"source": "imagefolder"}}, "images.root: missing; add it (The folder that holds one folder a class)"),
    ({"images": "digits"}, "images: 'digits'; expected a mapping, as {source: ...}"),
    ({"images": GONE}, "images: missing; add it, as `vitrine init` shows"),
    ({"nets__a__arch": GONE}, "nets.a.arch: missing; add it (A built-in net (convnet, lenet5, resnet20, ...), "),
    ({"nets__a": "convnet"}, "nets.a: 'convnet'; expected a mapping, as {arch: ...}"),
    ({"nets__a": None}, "nets.a: empty; expected a mapping, as {arch: ...}"),
    ({"nets__a": {**NET, "options": 3}}, "nets.a.options: 3; expected a mapping, as `key: value`"),
    ({"nets": {}}, "nets: empty; expected at least 1 entry"),
    ({"nets": {"a b": NET}}, "nets.a b: 'a b'; expected letters, digits, '-', '_' and '.', the first a letter or"),
    ({"nets": {1: NET}}, "nets.1: 1; expected text: put it in quotes, '1'"),
    ({"name": 3}, "name: 3; expected text: put it in quotes, '3'"),
    ({"seed": -1}, "seed: -1; expected at least 0"),
    ({"images__limit": -3}, "images.limit: -3; expected at least 1"),
    ({"images__limit": "many"}, "images.limit: 'many'; expected a whole number"),
    ({"images__unit": 1.5}, "images.unit: 1.5; expected a whole number"),
    ({"images__max_bad": 2}, "images.max_bad: 2; expected at most 1"),
    ({"images__split": "tst"}, "images.split: 'tst'; expected 'all', 'train' or 'test'"),
    ({"images__preprocess": [{"Resize": 3}]}, "images.preprocess.0.Resize: 3; expected a mapping, as `key: value`"),
    ({"nets__a": {**NET, "train": {"learning_rate": -1}}}, "nets.a.train.learning_rate: -1; expected more than 0"),
    ({"nets__a": {**NET, "train": {"checkpoints": "most"}}}, "nets.a.train.checkpoints: 'most'; expected a list"),
    ({"nets__a": {**NET, "train": {"checkpoints": [99]}}}, "nets.a.train.checkpoints: epoch 99 is not in 0..12; raise"),
    ({"nets__a": {**NET, "train": {}, "weights": "x"}}, "nets.a: weights and train exclude each other; leave one out"),
    ({"layers": "conv1"}, "layers: 'conv1'; expected a list, as [conv1], or a mapping, as `key: value`"),
    ({"layers": {"a": "conv1"}}, "layers.a: 'conv1'; expected a list, as [conv1]"),
    ({"layers": {"a": ["conv1"], "c": []}}, "layers: there is no network 'c'; choose from a, b"),
    ({"extract__positions": 3}, "extract.positions: 3; expected 'all', 'center' or 'mean', or a mapping, as {sample"),
    ({"extract__positions": {"sample": 0}}, "extract.positions.sample: 0; expected more than 0"),
    ({"extract__positions": {"smple": 3}}, "extract.positions.smple: unknown key; did you mean 'sample'?"),
    ({"steps": "correlate"}, "steps: 'correlate'; expected a list, as [correlate]"),
    ({"steps": []}, "steps: empty; expected at least 1 entry"),
    ({"steps__0": {"correlate": {}, "evaluate": {}}}, "steps.0: expected one step with its options, found correlate"),
    ({"steps__0__correlate__nets": ["a"]}, "steps.0.correlate.nets: expected 2 entries or more, found 1"),
    ({"steps__0__correlate__nets": "a"}, "steps.0.correlate.nets: 'a'; expected a list, as [a]"),
    ({"steps__0__correlate__pairs": [["conv1"]]}, "steps.0.correlate.pairs.0: expected 2 entries or more, found 1"),
    ({"resources": 3}, "resources: 3; expected a mapping"),
    ({"resources__memory": "many"}, "resources.memory: 'many' is no amount of memory; write 512MB, 4GB or 1.5GiB"),
    ({"resources__memory": -4}, "resources.memory: -4; expected more than 0"),
    ({"resources__gpus": 1.5}, "resources.gpus: 1.5 is more than one GPU but not a whole number"),
    ({"resources__executor": "dask"}, "resources.executor: 'dask'; expected 'ray' or 'serial'"),
]


@pytest.mark.parametrize(("changes", "message"), KEYS, ids=[message.partition(";")[0] for _, message in KEYS])
def test_a_wrong_key_or_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], message: str
) -> None:
    path = written(tmp_path, changed(**changes))
    assert refused(capsys, path).startswith(f"{path}: {message}")
    assert os.listdir(tmp_path) == ["study.yaml"]


FILES: list[tuple[str | bytes, str]] = [
    ("name: a\nname: b\n", "no valid YAML, line 2, column 1: key 'name' is given twice; correct it there."),
    ("nets:\n  a: {arch: x, arch: y}\n", "no valid YAML, line 2, column 16: key 'arch' is given twice"),
    ("name: [a\nb: :", "no valid YAML, line 2, column 2: expected ',' or ']', but got ':'"),
    ("name: !!python/object/apply:os.system [ls]", "no valid YAML, line 1, column 7: could not determine a"),
    ("", "found nothing, expected a mapping with name, images, nets, layers and steps; see `vitrine init`."),
    ("- a\n- b\n", "found a list, expected a mapping"),
    ("hello", "found 'hello', expected a mapping"),
    (b"\xff\xfename", "is no text in UTF-8; expected a study in YAML"),
    ("name: ${NOPE}/x", "'${NOPE}/x' needs the environment variable NOPE: export NOPE=... first."),
]


@pytest.mark.parametrize(("text", "message"), FILES, ids=[message[:40] for _, message in FILES])
def test_a_file_that_is_no_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | bytes, message: str
) -> None:
    path = written(tmp_path, text)
    assert refused(capsys, path).removeprefix(str(path)).lstrip(": ").startswith(message)


def test_a_study_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "digit") == "Study 'digit' is neither a file nor one that ships: did you mean 'digits'?"
    assert refused(capsys, tmp_path).endswith(
        "is neither a file nor one that ships: choose from " + ", ".join(list(shipped())[:8]) + ", ..."
    )


def test_a_study_that_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    unreadable = Path("/proc/self/mem")
    if not unreadable.is_file():
        pytest.skip("needs a file that root cannot read either, as Linux has in /proc")
    assert refused(capsys, unreadable).startswith("/proc/self/mem cannot be read (Input/output error); check the path")


SETS = [
    ("x", "write key=value, as in --set images.batch=64."),
    ("=3", "write key=value, as in --set images.batch=64."),
    ("steps.9=3", "steps is a list; expected a number in 0..0, not '9'."),
    ("layers.x=3", "layers is a list; expected a number in 0..1, not 'x'."),
    ("name.y=3", "name is 'small' and holds no keys; set name itself."),
    ("layers=[conv1", "no valid YAML, line 1, column 7: expected ',' or ']', but got '<stream end>'; quote it"),
]


@pytest.mark.parametrize(("override", "message"), SETS)
def test_a_wrong_override(tmp_path: Path, capsys: pytest.CaptureFixture[str], override: str, message: str) -> None:
    assert refused(capsys, written(tmp_path), "--set", override).startswith(f"--set {override!r}: {message}")


FIT: list[tuple[dict[str, Any], str]] = [
    ({"layers": ["convv1"]}, "layers: in network a, layer 'convv1' is not in the network: did you mean 'conv1'?"),
    ({"layers": ["zzz.*"]}, "layers: in network a, layer 'zzz.*' is not in the network: its layers are conv1, bn1, "),
    ({"layers": []}, "layers: none is named of network a; name at least one, as conv1, or '*' for all."),
    ({"layers": {"a": ["conv1"]}}, "layers: none is named of network b"),
    ({"layers": {"a": ["conv1"], "b": ["conv3"]}}, "steps.correlate: a/conv1 has 8 x 8 positions and b/conv3 4 x 4: "),
    ({"layers": {"a": ["conv1"], "b": ["conv*"]}}, "steps.correlate: a has 1 of the layers and b 3, so they do not"),
    ({"extract__store": ["conv9"]}, "extract.store: 'conv9' is none of the studied layers; did you mean 'conv1'?"),
    ({"extract": {"statistics": ["conv9"]}}, "extract.statistics: 'conv9' is none of the studied layers; did you"),
    (
        {"extract": {"statistics": ["conv1"]}},
        "steps.correlate: a/conv1 is neither in extract.statistics nor in extract.store: add it to one.",
    ),
    ({"steps__0__correlate__nets": ["a", "c"]}, "steps.correlate.nets: there is no network 'c'; choose from a, b"),
    ({"steps__0__correlate__pairs": [["conv1", "fc9"]]}, "steps.correlate.pairs: 'fc9' is no studied layer of b; did"),
    ({"nets": {"a": NET}, "steps": ["correlate"]}, "steps.correlate: needs two networks; add one under nets."),
    ({"nets__a__arch": "convnt"}, "nets.a.arch: there is no net 'convnt'; did you mean 'convnet'?"),
    ({"nets__a": {"arch": "lenet300"}}, "nets.a.arch: lenet300 takes 28x28x1 images, these are 8x8x1. Add `- Resize: "),
    ({"nets__a__options": {"widht": 4}}, "nets.a.options.widht: 4 does not suit convnet"),
    ({"nets__a": {"arch": "tests.jobs.doomed:doomed"}}, "nets.a.arch: tests.jobs.doomed:doomed runs code of tests"),
    ({"nets__a": {"arch": "torchvision:resnt18"}}, "nets.a.arch: torchvision has no classification net 'resnt18'; did"),
    ({"nets__a": {**NET, "weights": "nope.pt"}}, "nets.a.weights: there is no file nope.pt; check the path and"),
    ({"nets__a": {**NET, "weights": "lenet.safetensors"}}, "nets.a.weights: lenet.safetensors does not fit the net: "),
    ({"nets__a": {**NET, "weights": "text.pt"}}, "nets.a.weights: text.pt is not a readable torch file"),
    ({"nets__a": {**NET, "preprocess": ["Resiz"]}}, "nets.a.preprocess[0]: 'Resiz' is not an allowed transform; did"),
    ({"nets__a": {**NET, "train": {"augment": ["RandomCrp"]}}}, "nets.a.train.augment[0]: 'RandomCrp' is not an allow"),
    ({"nets__a": {**NET, "train": {"images": {"source": "npzz"}}}}, "nets.a.train.images.source: 'npzz' is unknown"),
    ({"nets__a": {**NET, "train": {"images": {"source": "npz"}}}}, "nets.a.train.images.file: missing; add it ("),
    ({"images": {"source": "imagefolder", "root": "nope"}}, "images.root: 'nope' does not exist; expected a folder"),
    ({"images": {"source": "imagefolder", "root": "none"}}, "images.root: 'none' holds 0 images in 1 class folders; e"),
    ({"images": {"source": "imagefolder", "root": "bad"}}, "images: none of 1 can be decoded, first cat/0.jpg (not an"),
    ({"images": {"source": "npz", "file": "zero.npz"}}, "images: the source holds 0 images; expected at least one."),
    ({"images__preprocess": [{"Resize": {"size": "x"}}]}, "images.preprocess: Resize fails on a picture of 8 x 8 in m"),
    ({"resources__memory": "1GB"}, "resources.memory: the smallest block of sums takes "),
]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with weights of another network, text that calls itself weights, and images that are none."""
    folder = tmp_path_factory.mktemp("ground")
    save_weights(build("lenet", (1, 8, 8), 10), folder / "lenet.safetensors")
    (folder / "text.pt").write_text("hello")
    (folder / "none" / "cat").mkdir(parents=True)
    (folder / "bad" / "cat").mkdir(parents=True)
    (folder / "bad" / "cat" / "0.jpg").write_text("hello")
    np.savez(folder / "zero.npz", images=np.zeros((0, 8, 8), np.uint8))
    return folder


@pytest.mark.parametrize(("changes", "message"), FIT, ids=[message[:48] for _, message in FIT])
def test_what_does_not_fit_together(
    ground: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.chdir(ground)
    path = written(tmp_path, changed(**changes))
    assert refused(capsys, path).startswith(message)
    assert not [name for name in tmp_path.rglob("*") if name.is_file() and name != path]


def test_runs_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path)
    (tmp_path / "runs").write_text("a file where the folder should be")
    assert refused(capsys, path).startswith(f"runs: {tmp_path / 'runs'} cannot be made (File exists); name another")
    assert vitrine("status", path) == 2


@pytest.mark.parametrize("odd", [0, 30])
def test_images_of_several_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str], odd: int) -> None:
    """Found in the first batch or late in the run; the study with Resize then runs from the start."""
    (tmp_path / "root" / "cat").mkdir(parents=True)
    for number in range(32):
        size = (12, 8) if number == odd else (8, 8)
        Image.fromarray(np.full(size, 5 * number, np.uint8)).save(tmp_path / "root" / "cat" / f"{number}.png")
    images = {"source": "imagefolder", "root": str(tmp_path / "root"), "unit": 8, "batch": 4}
    study = changed(images=images)
    assert vitrine("run", written(tmp_path, study)) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("vitrine: Image cat/")
    assert said.endswith("add Resize and CenterCrop to images.preprocess.")
    study["images"] = {**images, "preprocess": [{"Resize": {"size": [8, 8]}}]}
    assert vitrine("run", written(tmp_path, study)) == 0
