"""A recurrent decoder that looks before each word: additive attention over annotations of what it reads or sees.

Annotations are the states of an encoder for each word of a text (Bahdanau et al., 2014, arXiv:1409.0473) or the
features of a picture at each place (Xu et al., 2015, arXiv:1502.03044). Unlike theirs, the word before has a say in
where to look and not the state alone, since the first word may name the language to write in.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from jobs.texts.vocabulary import END, PAD

Annotations = Float[Tensor, "texts places units"]
State = tuple[Tensor, ...]
"""Of the cell: (hidden,) of a GRU, (hidden, memory) of an LSTM."""


class Decoded(NamedTuple):
    """What the decoder expects and where it looks before each word of given texts but the first."""

    logits: Float[Tensor, "texts steps words"]
    attention: Float[Tensor, "texts steps places"]
    """Rows sum to 1; 0 at places that are masked."""


class Generated(NamedTuple):
    """Texts that the decoder writes by itself, each word the likeliest."""

    words: Int[Tensor, "texts steps"]
    """Without the first, which was given; padding after the end."""
    attention: Float[Tensor, "texts steps places"]
    """Where it looked before each; after a text's end without meaning."""


class Attention(nn.Module):
    """softmax over places of v . tanh(W query + U annotation)."""

    def __init__(self, query: int, annotation: int, units: int) -> None:
        super().__init__()
        self.of_query = nn.Linear(query, units)
        self.of_annotation = nn.Linear(annotation, units, bias=False)
        self.score = nn.Linear(units, 1, bias=False)

    def forward(
        self, query: Float[Tensor, "texts query"], keys: Annotations, mask: Bool[Tensor, "texts places"]
    ) -> Float[Tensor, "texts places"]:
        """Weights of the places where `mask` is true; `keys` are the annotations after `of_annotation`."""
        scores = self.score(torch.tanh(self.of_query(query)[:, None] + keys))[..., 0]
        return scores.masked_fill(~mask, -torch.inf).softmax(1)


class Attending(nn.Module):
    """The decoder: before each word it weighs the annotations by state and last word, and reads their mean."""

    def __init__(
        self, words: int, annotation: int, hidden: int, embedding: int, cell: type[nn.GRUCell | nn.LSTMCell]
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, embedding, padding_idx=PAD)
        self.attention = Attention(hidden + embedding, annotation, hidden)
        self.cell = cell(embedding + annotation, hidden)
        self.first = nn.Linear(annotation, 2 * hidden if cell is nn.LSTMCell else hidden)
        self.output = nn.Sequential(
            nn.Linear(hidden + annotation + embedding, hidden), nn.Tanh(), nn.Linear(hidden, words)
        )

    def forward(
        self, annotations: Annotations, mask: Bool[Tensor, "texts places"], texts: Int[Tensor, "texts words"]
    ) -> Decoded:
        """Each word from those before it as they stand in `texts`, whose first word is given and not expected."""
        keys, state = self.attention.of_annotation(annotations), self._first_state(annotations, mask)
        embedded = self.embedding(texts[:, :-1])
        read, weights = [], []
        for word in embedded.unbind(1):
            state, context, attention = self._step(word, state, annotations, keys, mask)
            read.append(torch.cat([state[0], context], 1))
            weights.append(attention)
        logits = self.output(torch.cat([torch.stack(read, 1), embedded], 2))
        return Decoded(logits, torch.stack(weights, 1))

    @torch.no_grad()
    def generated(
        self,
        annotations: Annotations,
        mask: Bool[Tensor, "texts places"],
        first: Int[Tensor, " texts"],
        steps: int,
    ) -> Generated:
        """At most `steps` words after the first, the likeliest each time."""
        keys, state = self.attention.of_annotation(annotations), self._first_state(annotations, mask)
        last, ended = first, torch.zeros_like(first, dtype=torch.bool)
        words, weights = [], []
        for _ in range(steps):
            word = self.embedding(last)
            state, context, attention = self._step(word, state, annotations, keys, mask)
            last = self.output(torch.cat([state[0], context, word], 1)).argmax(1).masked_fill(ended, PAD)
            ended = ended | (last == END)
            words.append(last)
            weights.append(attention)
        return Generated(torch.stack(words, 1), torch.stack(weights, 1))

    def _first_state(self, annotations: Annotations, mask: Bool[Tensor, "texts places"]) -> State:
        shares = mask / mask.sum(1, keepdim=True)
        first = torch.tanh(self.first((shares[:, None] @ annotations)[:, 0]))
        return first.chunk(2, 1) if isinstance(self.cell, nn.LSTMCell) else (first,)

    def _step(
        self, word: Tensor, state: State, annotations: Annotations, keys: Tensor, mask: Tensor
    ) -> tuple[State, Float[Tensor, "texts units"], Float[Tensor, "texts places"]]:
        """The next state, and what was read where for it."""
        attention = self.attention(torch.cat([state[0], word], 1), keys, mask)
        context = (attention[:, None] @ annotations)[:, 0]
        inputs = torch.cat([word, context], 1)
        if isinstance(self.cell, nn.LSTMCell):
            return self.cell(inputs, (state[0], state[1])), context, attention
        return (self.cell(inputs, state[0]),), context, attention
