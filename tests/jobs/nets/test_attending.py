"""Decoder, translator and captioner: attention by the formula, blind to padding and to what comes later."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from analysis.dynamics.seeding import seeded
from jobs.nets.attending import Attending, Attention, Decoded, Generated
from jobs.nets.captioner import Located, captioner
from jobs.nets.next_word import next_word
from jobs.nets.translator import translator
from jobs.texts.vocabulary import END, PAD

SOURCES = torch.tensor([[2, 3, 4, 5, 6, END], [6, 5, END, PAD, PAD, PAD], [4, END, PAD, PAD, PAD, PAD]])
TEXTS = torch.tensor([[2, 5, 4, 3, END], [3, 6, END, PAD, PAD], [2, 7, 7, END, PAD]])
PICTURES = torch.rand(3, 1, 12, 10, generator=torch.Generator().manual_seed(0))


def translated() -> tuple[nn.Module, Tensor, Callable[..., Generated]]:
    net = translator(7, 9, hidden=6, seed=1)
    return net, SOURCES, net.translated


def captioned() -> tuple[nn.Module, Tensor, Callable[..., Generated]]:
    net = captioner(1, 9, width=4, hidden=6, seed=1)
    return net, PICTURES, net.captioned


both = pytest.mark.parametrize("make", [translated, captioned])


@torch.no_grad()
def test_attention_is_the_additive_formula() -> None:
    with seeded("cpu", 1):
        attention, query, annotations = Attention(3, 4, 5).double(), torch.randn(2, 3), torch.randn(2, 6, 4)
    query, annotations = query.double(), annotations.double()
    mask = torch.tensor([[True] * 6, [True, False, True, True, False, False]])
    found = attention(query, attention.of_annotation(annotations), mask)
    for n in range(2):
        scores = [
            float(
                attention.score.weight[0]
                @ torch.tanh(attention.of_query(query[n]) + attention.of_annotation.weight @ annotations[n, place])
            )
            for place in range(6)
        ]
        expected = torch.tensor(scores, dtype=torch.float64).exp() * mask[n]
        torch.testing.assert_close(found[n], expected / expected.sum())


@pytest.mark.parametrize("cell", [nn.GRUCell, nn.LSTMCell])
def test_one_step_reads_what_it_looks_at(cell: type[nn.GRUCell | nn.LSTMCell]) -> None:
    """Attention forced onto one place gives that place's annotation to the cell and to the output."""
    with seeded("cpu", 2):
        decoder, annotations = Attending(5, 4, 6, 3, cell), torch.randn(2, 7, 4)
    mask = torch.zeros(2, 7, dtype=torch.bool)
    mask[:, 3] = True
    decoded = decoder(annotations, mask, torch.tensor([[2, 3], [4, 2]]))
    assert decoded.attention[..., 3].tolist() == [[1], [1]]
    word, seen = decoder.embedding(torch.tensor([2, 4])), annotations[:, 3]
    state = torch.tanh(decoder.first(seen))
    inputs = torch.cat([word, seen], 1)
    if isinstance(decoder.cell, nn.LSTMCell):
        hidden, _ = decoder.cell(inputs, (state[:, :6], state[:, 6:]))
    else:
        hidden = decoder.cell(inputs, state)
    torch.testing.assert_close(decoded.logits[:, 0], decoder.output(torch.cat([hidden, seen, word], 1)))


@both
def test_shapes_and_rows_that_sum_to_1(make: Callable[[], tuple[nn.Module, Tensor, Callable[..., Generated]]]) -> None:
    net, inputs, generate = make()
    places = 6 if make is translated else 30
    with torch.no_grad():
        decoded = net(inputs, TEXTS)
    assert isinstance(decoded, Decoded)
    assert decoded.logits.shape == (3, 4, 9)
    assert decoded.attention.shape == (3, 4, places)
    torch.testing.assert_close(decoded.attention.sum(2), torch.ones(3, 4))
    written = generate(inputs, TEXTS[:, 0], 5)
    assert written.words.shape == (3, 5)
    assert written.attention.shape == (3, 5, places)


@both
def test_what_it_writes_is_the_likeliest_word_after_its_own(
    make: Callable[[], tuple[nn.Module, Tensor, Callable[..., Generated]]],
) -> None:
    net, inputs, generate = make()
    first = torch.tensor([2, 3, 8])
    with torch.no_grad():
        net.get_submodule("decoder.output.2").bias[END] += 0.3  # type: ignore[index, operator]
        written = generate(inputs, first, 6)
        decoded = net(inputs, torch.cat([first[:, None], written.words], 1))
    lengths = [row.index(END) + 1 if END in row else 6 for row in written.words.tolist()]
    assert min(lengths) < 6
    for n, length in enumerate(lengths):
        assert torch.equal(written.words[n, :length], decoded.logits[n, :length].argmax(1))
        torch.testing.assert_close(written.attention[n, :length], decoded.attention[n, :length])
        assert not written.words[n, length:].any()


@both
def test_a_word_does_not_see_those_after_it(
    make: Callable[[], tuple[nn.Module, Tensor, Callable[..., Generated]]],
) -> None:
    net, inputs, _ = make()
    changed = TEXTS.clone()
    changed[:, 3:] = 8
    with torch.no_grad():
        before, after = net(inputs, TEXTS), net(inputs, changed)
    for one, other in zip(before, after, strict=True):
        assert torch.equal(one[:, :3], other[:, :3])
        assert not torch.equal(one[:, 3], other[:, 3])


def test_padding_has_no_influence() -> None:
    net = translator(7, 9, hidden=6, seed=1)
    with torch.no_grad():
        whole = net(SOURCES, TEXTS)
        for n, length in enumerate((6, 3, 2)):
            alone = net(SOURCES[n : n + 1, :length], TEXTS[n : n + 1])
            torch.testing.assert_close(alone.logits[0], whole.logits[n])
            torch.testing.assert_close(alone.attention[0], whole.attention[n, :, :length])
            assert not whole.attention[n, :, length:].any()
            words = int((TEXTS[n] != PAD).sum())
            cut = net(SOURCES, TEXTS[:, :words])
            torch.testing.assert_close(cut.logits[n], whole.logits[n, : words - 1])


def test_a_translator_reads_both_ways() -> None:
    net = translator(7, 9, hidden=6, seed=1)
    one, other = torch.tensor([[2, 3, 4, END]]), torch.tensor([[2, 3, 5, END]])
    first, second = (net._annotated(row)[0][0, 0] for row in (one, other))
    assert torch.equal(first[:6], second[:6])  # the forward half of the first word's annotation
    assert not torch.equal(first[6:], second[6:])


def test_places_of_a_captioner_see_14_pixels_and_know_where_they_are() -> None:
    net = captioner(1, 9, width=4, hidden=6, seed=1)
    blank = torch.zeros(1, 1, 32, 32)
    changes = []
    with torch.no_grad():
        features = net.look(blank)
        for x in range(32):
            dotted = blank.clone()
            dotted[0, 0, 16, x] = 5
            changes.append(bool((net.look(dotted) != features)[0, :, 8, 8].any()))
    seen = [x for x, changed in enumerate(changes) if changed]
    assert 9 <= len(seen) <= 14
    assert seen[0] >= 10
    assert seen[-1] <= 23
    assert net.grid(blank) == features.shape[2:] == (16, 16)
    assert not torch.equal(features[0, :, 8, 8], features[0, :, 8, 5])


def test_coordinates_run_from_minus_1_to_1() -> None:
    found = Located()(torch.zeros(2, 1, 3, 5))
    assert found.shape == (2, 3, 3, 5)
    assert found[1, 1].tolist() == [[-1] * 5, [0] * 5, [1] * 5]
    assert found[0, 2].tolist() == [[-1, -0.5, 0, 0.5, 1]] * 3


def test_the_objective_is_a_mean_over_words_then_over_texts() -> None:
    net, inputs, _ = translated()
    loss, right = next_word(net, inputs, TEXTS)
    shares = net(inputs, TEXTS).logits.detach().log_softmax(2)
    losses, hits = [], []
    for n, length in enumerate((4, 2, 3)):
        losses.append(sum(-float(shares[n, step, TEXTS[n, step + 1]]) for step in range(length)) / length)
        hits.append(sum(int(shares[n, step].argmax() == TEXTS[n, step + 1]) for step in range(length)) / length)
    assert loss.item() == pytest.approx(sum(losses) / 3, rel=1e-5)
    assert right.item() == pytest.approx(sum(hits), rel=1e-6)
    assert loss.requires_grad
