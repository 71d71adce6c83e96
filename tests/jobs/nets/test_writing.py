"""Translator and captioner from data to a folder: the same seed gives the same bits, and a finished one is found."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.attribution.alignment import alignment, largest_links, pointing
from analysis.dynamics.train import evaluate
from jobs.errors import UserError
from jobs.images.scenes import ScenesOptions, scenes
from jobs.nets.next_word import next_word
from jobs.nets.options import TrainSpec
from jobs.nets.record import TrainingRecord
from jobs.nets.samples import Samples
from jobs.nets.writing import date_samples, scene_samples, trained_captioner, trained_translator
from jobs.texts.date_pairs import DatesOptions, date_pairs, true_links

Trained = Callable[[Path, int], tuple[nn.Module, TrainingRecord, Samples]]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The bits below are those of one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def spec(seed: int, epochs: int = 2) -> TrainSpec:
    return TrainSpec(seed=seed, epochs=epochs, batch=16, optimizer="adam")


def small_translator(folder: Path, seed: int) -> tuple[nn.Module, TrainingRecord, Samples]:
    pairs = date_pairs(DatesOptions(train=80, test=20))
    return *trained_translator(pairs, folder, spec(seed), hidden=4), date_samples(pairs, pairs.test)


def small_captioner(folder: Path, seed: int) -> tuple[nn.Module, TrainingRecord, Samples]:
    sets = scenes(ScenesOptions(train=80, test=20, side=20))
    return *trained_captioner(sets, folder, spec(seed), width=2, hidden=4), scene_samples(sets, sets.test)


@pytest.mark.parametrize("trained", [small_translator, small_captioner])
def test_training_is_fixed_by_its_seed_and_found_again(tmp_path: Path, trained: Trained) -> None:
    torch.manual_seed(1)
    net, record, test = trained(tmp_path / "a", 1)
    torch.manual_seed(2)
    _, same, _ = trained(tmp_path / "b", 1)
    _, other, _ = trained(tmp_path / "c", 2)
    assert (same.key, same.weights_sha256) == (record.key, record.weights_sha256)
    assert other.key != record.key
    assert other.weights_sha256 != record.weights_sha256
    assert not net.training
    assert record.test_accuracy == evaluate(net, test.images, test.labels, batch=16, objective=next_word)[1]
    stamp = (tmp_path / "a/final.safetensors").stat().st_mtime_ns
    found, again, _ = trained(tmp_path / "a", 1)
    assert again == record
    assert (tmp_path / "a/final.safetensors").stat().st_mtime_ns == stamp
    with torch.no_grad():
        outputs: list[tuple[Tensor, ...]] = [network(test.images, test.labels) for network in (net, found)]
    assert all(torch.equal(one, two) for one, two in zip(*outputs, strict=True))
    with pytest.raises(UserError, match=f"holds the training {record.key[:8]}"):
        trained(tmp_path / "a", 3)


def test_samples_are_the_words_of_the_texts() -> None:
    pairs = date_pairs(DatesOptions(train=30, test=5))
    samples = date_samples(pairs, pairs.test)
    for source, target, pair in zip(samples.images, samples.labels, pairs.test, strict=True):
        texts = pairs.source_words.text(source.tolist()), pairs.target_words.text(target.tolist())
        assert texts == pair.words()
    sets = scenes(ScenesOptions(train=30, test=5))
    samples = scene_samples(sets, sets.test)
    assert samples.images.shape == (5, 1, 32, 32)
    np.testing.assert_allclose(samples.images[:, 0] * 255, sets.test.images, rtol=1e-6)
    assert [tuple(sets.words.text(row)) for row in samples.labels.tolist()] == sets.test.captions


def test_both_sides_of_a_caption_decide_the_recipe(tmp_path: Path) -> None:
    keys = set()
    changes: list[dict[str, Any]] = [{}, {"width": 3}, {"hidden": 5}]
    sets = [scenes(ScenesOptions(train=20, test=2, side=20, seed=seed)) for seed in (0, 1)]
    for number, (data, change) in enumerate([(sets[0], change) for change in changes] + [(sets[1], {})]):
        options = {"width": 2, "hidden": 4} | change
        keys.add(trained_captioner(data, tmp_path / str(number), spec(0, 1), **options)[1].key)
    assert len(keys) == 4


@pytest.mark.slow
def test_a_translator_looks_at_the_word_it_translates(tmp_path: Path) -> None:
    """Two epochs of the defaults: hardly a wrong word, and the largest weight nearly always on the true one."""
    pairs = date_pairs(DatesOptions())
    net, record = trained_translator(pairs, tmp_path, TrainSpec(epochs=2, optimizer="adam", learning_rate=3e-3))
    assert record.test_accuracy is not None
    assert record.test_accuracy > 0.99
    test = date_samples(pairs, pairs.test)
    with torch.no_grad():
        attention = net(test.images, test.labels).attention.numpy()
    truth = true_links(pairs.test, *attention.shape[1:])
    aligned = np.any(truth.possible, axis=-1)
    own = alignment(largest_links(attention, aligned), *truth)
    others = alignment(largest_links(np.roll(attention, 1, 0), aligned), *truth)
    assert own.error_rate < 0.1
    assert others.error_rate > 0.5


@pytest.mark.slow
def test_a_captioner_looks_at_the_digit_it_names(tmp_path: Path) -> None:
    sets = scenes(ScenesOptions())
    net, record = trained_captioner(sets, tmp_path)
    assert record.test_accuracy is not None
    assert record.test_accuracy > 0.97
    test = scene_samples(sets, sets.test)
    with torch.no_grad():
        maps = net(test.images, test.labels).attention.unflatten(2, net.grid(test.images)).numpy()
    for digit, step in enumerate(sets.test.steps().T):
        found = pointing(maps[np.arange(len(maps)), step], sets.test.boxes[:, digit])
        assert found.hits.mean() > 0.8
        assert found.others_hits.mean() < 0.2
