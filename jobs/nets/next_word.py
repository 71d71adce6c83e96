"""What a network that writes learns: each word of a text from the words before it."""

from torch import Tensor, nn

from jobs.texts.vocabulary import PAD


def next_word(net: nn.Module, batch: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
    """An objective of `analysis.dynamics.train` for nets whose (batch, texts) gives `Decoded`.

    Cross-entropy in nats a word and share of right words, a mean over each text's words after the first with its end;
    then over texts.
    """
    logits, target = net(batch, texts).logits, texts[:, 1:]
    real = target != PAD
    lengths = real.sum(1)
    losses = nn.functional.cross_entropy(logits.transpose(1, 2), target, ignore_index=PAD, reduction="none")
    right = (logits.detach().argmax(2) == target) & real
    return (losses.sum(1) / lengths).mean(), (right.sum(1) / lengths).sum()
