"""A translator after Bahdanau et al. (2014, arXiv:1409.0473): a GRU that reads both ways, one that writes, attention
between them."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from analysis.dynamics.seeding import seeded
from jobs.nets.attending import Attending, Decoded, Generated
from jobs.texts.vocabulary import PAD


class Translator(nn.Module):
    """Rows of word numbers in, as `Vocabulary.rows` makes them; the first word of a target names its language."""

    def __init__(self, source_words: int, target_words: int, hidden: int = 64, embedding: int = 32) -> None:
        super().__init__()
        self.embedding = nn.Embedding(source_words, embedding, padding_idx=PAD)
        self.encoder = nn.GRU(embedding, hidden, batch_first=True, bidirectional=True)
        self.decoder = Attending(target_words, 2 * hidden, 2 * hidden, embedding, nn.GRUCell)

    def forward(self, sources: Int[Tensor, "texts places"], targets: Int[Tensor, "texts words"]) -> Decoded:
        """Logits and attention for each word of the targets after the first, given the words before it."""
        return self.decoder(*self._annotated(sources), targets)

    def translated(self, sources: Int[Tensor, "texts places"], first: Int[Tensor, " texts"], steps: int) -> Generated:
        """Translations of at most `steps` words into the languages that `first` names, the likeliest word each time."""
        with torch.no_grad():
            return self.decoder.generated(*self._annotated(sources), first, steps)

    def _annotated(
        self, sources: Int[Tensor, "texts places"]
    ) -> tuple[Float[Tensor, "texts places units"], Bool[Tensor, "texts places"]]:
        """States of both directions at each word; packed, so that the one that reads backward starts at the end."""
        mask = sources != PAD
        packed = pack_padded_sequence(
            self.embedding(sources), mask.sum(1).cpu(), batch_first=True, enforce_sorted=False
        )
        states, _ = pad_packed_sequence(self.encoder(packed)[0], batch_first=True, total_length=sources.shape[1])
        return states, mask


def translator(source_words: int, target_words: int, *, hidden: int = 64, seed: int = 0) -> Translator:
    """The network on the CPU in eval mode, with weights drawn from `seed`; `hidden` units in each direction."""
    with seeded("cpu", seed):
        return Translator(source_words, target_words, hidden).eval()
