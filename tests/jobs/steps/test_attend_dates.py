"""The step attend over dates: the translator trained alone, scored plainly; killed trainings go on; no networks."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
import xarray as xr

from analysis.attribution.alignment import alignment, largest_links
from analysis.dynamics import train
from jobs.errors import FailedError, UserError
from jobs.nets import training
from jobs.nets.writing import TRANSLATOR, date_samples, trained_translator
from jobs.steps.attend.dates_datasets import DRAWS, link_counts, others_within, scores
from jobs.steps.attend.dates_plates import drawn_texts
from jobs.steps.attend.options import DatesAttention
from jobs.study import Study
from jobs.texts.date_pairs import DatesOptions, date_pairs, true_links
from jobs.texts.dates import Links
from tests.jobs.command import vitrine, written
from tests.jobs.small import Done, numbers, ran

DATA = {"sources": ["en", "hu"], "targets": ["de", "iso"], "train": 60, "test": 24}
ASKED = {"of": "dates", "data": DATA, "seeds": [0, 1], "epochs": 2, "hidden": 4, "drawn": 3}


def study(folder: Path, **options: Any) -> Study:
    steps = [{"attend": {**ASKED, **options}}]
    return Study.model_validate(
        {"name": "dates", "runs": str(folder), "steps": steps, "resources": {"executor": "serial"}}
    )


def found_by(run: Done) -> xr.Dataset:
    return run.results("attend")["dates"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return ran(study(tmp_path_factory.mktemp("runs")))


def test_scores_are_those_of_translators_trained_alone(run: Done, tmp_path: Path) -> None:
    found, pairs = found_by(run), date_pairs(DatesOptions(**DATA))
    test = date_samples(pairs, pairs.test)
    for number, seed in enumerate((0, 1)):
        spec = TRANSLATOR.model_copy(update={"seed": seed, "epochs": 2})
        net, _ = trained_translator(pairs, tmp_path / str(seed), spec, hidden=4)
        with torch.no_grad():
            decoded = net(test.images, test.labels)
            alone = net.translated(test.images, test.labels[:, 0], test.labels.shape[1] - 1).words
        attention = decoded.attention.numpy()
        one = found.isel(seed=number)
        np.testing.assert_allclose(one["attention"], attention, atol=1e-6)
        truth = true_links(pairs.test, *attention.shape[1:])
        aligned = np.any(truth.possible, axis=-1)
        expected = alignment(largest_links(attention, aligned), *truth)
        for name, value in expected._asdict().items():
            assert float(one[name]) == pytest.approx(value)
        others = alignment(largest_links(np.roll(attention, 1, 0), aligned), *truth)
        assert float(one["shuffled"]) == pytest.approx(others.error_rate)
        target = test.labels[:, 1:]
        right = [(decoded.logits[n].argmax(1) == row)[row != 0] for n, row in enumerate(target)]
        assert float(one["words_right"]) == pytest.approx(float(torch.cat(right).float().mean()))
        assert float(one["texts_right"]) == pytest.approx(float((alone == target).all(1).float().mean()))


def test_languages_are_scored_apart(run: Done) -> None:
    found = found_by(run)
    one = found.isel(seed=1)
    names = [f"{s} to {t}" for s, t in zip(one["source_language"].values, one["target_language"].values, strict=True)]
    assert found["languages"].values.tolist() == sorted(set(names))
    truth = Links(one["sure"].values, one["possible"].values)
    for number, languages in enumerate(found["languages"].values):
        here = np.flatnonzero(np.array(names) == languages)
        some = Links(*(links[here] for links in truth))
        attention, aligned = one["attention"].values[here], np.any(some.possible, axis=-1)
        own = alignment(largest_links(attention, aligned), *some)
        others = alignment(largest_links(np.roll(attention, 1, 0), aligned), *some)
        assert float(one["error_rate_by_pair"][number]) == pytest.approx(own.error_rate)
        assert float(one["shuffled_by_pair"][number]) == pytest.approx(others.error_rate)
        assert float(one["by_pair_low"][number]) <= own.error_rate <= float(one["by_pair_high"][number])


def test_perfect_attention_has_no_error_and_that_of_other_languages_does() -> None:
    """The interval of an error that all texts share is a point; among equal formats little changes but the digits."""
    pairs = date_pairs(DatesOptions(**{**DATA, "test": 60})).test
    truth = true_links(pairs, 14, 14)
    of_pair = np.array([2 * (pair.source_language == "hu") + (pair.target_language == "iso") for pair in pairs])
    best = scores(truth.possible / np.maximum(truth.possible.sum(-1, keepdims=True), 1), truth, of_pair, 0)
    assert best["error_rate"] == best["error_rate_low"] == best["error_rate_high"] == 0
    assert (best["precision"], best["recall"]) == (1, 1)
    assert 0 < best["shuffled_within"] < best["shuffled"]


def test_an_interval_is_that_of_resampled_texts() -> None:
    pairs = date_pairs(DatesOptions(**{**DATA, "test": 40})).test
    truth, generator = true_links(pairs, 14, 14), np.random.default_rng(3)
    attention = generator.random((40, 14, 14)).astype(np.float32) + 2 * truth.sure
    attention[:15] = attention[:15][:, :, ::-1]
    found = scores(attention, truth, np.zeros(40, int), 0)
    links = largest_links(attention, np.any(truth.possible, axis=-1))
    rates = []
    for _ in range(DRAWS):
        some = generator.integers(40, size=40)
        rates.append(alignment(links[some], truth.sure[some], truth.possible[some]).error_rate)
    np.testing.assert_allclose(
        [found["error_rate_low"], found["error_rate_high"]], np.percentile(rates, [2.5, 97.5]), atol=0.03
    )
    right, links_of_both = link_counts(links, truth).sum(0)
    assert found["error_rate"] == pytest.approx(1 - right / links_of_both)


def test_each_text_gets_another_of_its_own_languages() -> None:
    of_pair = np.array([0, 1, 0, 2, 1, 0])
    others = others_within(of_pair)
    np.testing.assert_array_equal(of_pair[others], of_pair)
    assert sorted(others) == list(range(6))
    assert [number for number in range(6) if others[number] == number] == [3], "alone"


def test_drawn_dates_differ_in_languages_first(run: Done) -> None:
    found = found_by(run)
    for drawn, count in ((3, 3), (24, 4)):
        options = DatesAttention.model_validate({**ASKED, "drawn": drawn})
        texts = drawn_texts(options, found)
        assert len(set(texts)) == drawn
        languages = [(found["source_language"].values[n], found["target_language"].values[n]) for n in texts]
        assert len(set(languages[:4])) == count
        assert languages[0][0] != languages[1][0]
        assert languages[0][1] != languages[1][1]


def test_the_report_needs_no_networks(run: Done) -> None:
    assert run.manifest["figures"] == ["attend-dates", "attend-dates-errors"]
    assert len(run.manifest["steps"]) == 1
    assert "Alignment of a translator" in run.page
    assert 'id="networks"' not in run.page
    assert 'id="images"' not in run.page
    for row in ("seed 0", "seed 1", "mean", "range"):
        assert f'<th scope="row">{row}</th>' in run.page


def test_another_seed_trains_that_one_alone(tmp_path: Path) -> None:
    numbers(study(tmp_path, seeds=[0]))
    (before,) = tmp_path.glob("nets/translator-*/record.json")
    stamp = before.stat().st_mtime_ns
    again = numbers(study(tmp_path, seeds=[0, 1]))
    assert again.watching.done() == {"attend": 2}
    assert len(list(tmp_path.glob("nets/translator-*/record.json"))) == 2
    assert before.stat().st_mtime_ns == stamp


def test_a_killed_training_goes_on_at_its_last_epoch(run: Done, tmp_path: Path) -> None:
    epochs: list[int] = []
    whole = train._epoch

    def epoch(*arguments: Any) -> tuple[float, float]:
        epochs.append(arguments[5])
        if epochs == [0, 1]:
            raise MemoryError("killed")
        return whole(*arguments)

    asked = study(tmp_path, seeds=[0])
    asked = asked.model_copy(update={"resources": asked.resources.model_copy(update={"retries": 0})})
    with patch.object(training, "SAVE_SECONDS", 0.0), patch.object(train, "_epoch", epoch):
        with pytest.raises(FailedError, match="killed"):
            numbers(asked)
        found = found_by(numbers(asked))
    assert epochs == [0, 1, 1]
    np.testing.assert_array_equal(found["attention"][0], found_by(run)["attention"][0])


def test_commands_know_a_study_without_networks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = [{"attend": {**ASKED, "seeds": [0], "epochs": 1}}]
    path = written(tmp_path, {"name": "dates", "steps": steps, "resources": {"executor": "serial"}})
    assert vitrine("plan", path) == 0
    assert "1, whose time is not in the forecast" in capsys.readouterr().out
    for command in ("run", "status", "report"):
        assert vitrine(command, path) == 0
    assert "index.html" in capsys.readouterr().out


def test_a_language_that_is_none_shows_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^steps\.attend\.data\.targets: CLDR has no 'xx'; expected a code as de"):
        numbers(study(tmp_path, data={**DATA, "targets": ["de", "xx"]}))
    assert not list(tmp_path.iterdir())
