"""Streams are independent and named; the caller's generator is left as it was, also after an error."""

import pytest
import torch

from analysis.dynamics.seeding import seeded, stream


def test_names_of_streams_do_not_run_into_each_other() -> None:
    names = [(0,), (1,), (0, 0), (0, 1), (1, 0), (0, 1, 1), (10, 1), (1, 10)]
    assert len({stream(*name) for name in names}) == len(names)
    assert stream(3, 4) == stream(3, 4)


def test_same_name_draws_the_same_numbers() -> None:
    drawn = []
    for name in [(7, 1), (7, 1), (7, 2)]:
        with seeded("cpu", *name):
            drawn.append(torch.rand(5))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_the_generator_is_put_back_after_an_error() -> None:
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="shape"), seeded("cpu", 1):
        torch.rand(3).reshape(2)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.gpu
def test_the_generators_of_all_devices_are_put_back() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    before = [torch.cuda.get_rng_state(number) for number in range(torch.cuda.device_count())]
    with seeded("cuda", 5):
        first = torch.rand(4, device="cuda")
    with seeded("cuda", 5):
        assert torch.equal(torch.rand(4, device="cuda"), first)
    for number, state in enumerate(before):
        assert torch.equal(torch.cuda.get_rng_state(number), state)
