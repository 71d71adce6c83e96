"""What a study may say of a network."""

from typing import Any

import pytest
from pydantic import ValidationError

from analysis.dynamics.recipe import TrainOptions
from jobs.nets.options import NetSpec, TrainSpec


def test_the_loop_gets_the_studys_values_and_shares_its_defaults() -> None:
    assert TrainSpec().loop() == TrainOptions()
    spec = TrainSpec(seed=4, epochs=3, optimizer="adam", learning_rate=0.01, warmup=0.5, checkpoints=[1])
    assert spec.loop() == TrainOptions(seed=4, epochs=3, optimizer="adam", learning_rate=0.01, warmup=0.5)


@pytest.mark.parametrize(("given", "kept"), [(None, []), ([3, 0, 3], [0, 3]), ("all", [0, 1, 2, 3]), ([], [])])
def test_checkpoints_are_in_order_and_once(given: Any, kept: list[int]) -> None:
    assert TrainSpec(epochs=3, checkpoints=given).checkpoint_epochs() == kept


@pytest.mark.parametrize(
    ("fields", "seed"), [({}, 0), ({"seed": 5}, 5), ({"train": {"seed": 3}}, 3), ({"train": {"seed": 3}, "seed": 5}, 5)]
)
def test_the_first_weights_follow_the_training_seed_unless_told(fields: dict[str, Any], seed: int) -> None:
    assert NetSpec.model_validate({"arch": "convnet"} | fields).first_seed() == seed


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weights": "a.safetensors", "train": {}}, "weights and train exclude each other"),
        ({"weights": "a.safetensors", "seed": 1}, "weights and seed exclude each other"),
        ({"train": {"epochs": 4, "checkpoints": [2, 5]}}, "epoch 5 is not in 0..4"),
        ({"train": {"epochs": 2, "warmup": 2}}, "leave none for the schedule"),
        ({"train": {"learning_rate": 0}}, "greater than 0"),
        ({"train": {"optimiser": "sgd"}}, "Extra inputs"),
        ({"wieghts": "a.pt"}, "Extra inputs"),
    ],
)
def test_contradictions_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        NetSpec.model_validate({"arch": "convnet"} | fields)
