"""A captioner after Xu et al. (2015, arXiv:1502.03044): convolutions look, an LSTM with soft attention writes.

Their penalty that makes a caption look everywhere equally is left out: it suits captions of many words.
"""

from collections import OrderedDict

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from analysis.dynamics.seeding import seeded
from jobs.nets.attending import Attending, Decoded, Generated

Pictures = Float[Tensor, "pictures channels height width"]


class Captioner(nn.Module):
    """Pictures in, captions out as rows of word numbers; annotations are the places of a map half as high and wide.

    A place sees 14 x 14 pixels, little more than a digit of 8, so that attention to a place is attention to what is
    there. Where it is cannot be seen that way: two channels of coordinates say so (Liu et al., 2018, arXiv:1807.03247).
    """

    def __init__(self, channels: int, words: int, width: int, hidden: int) -> None:
        super().__init__()
        self.look = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(channels, width, 3, padding=1), bn1=nn.BatchNorm2d(width), relu1=nn.ReLU(),
                conv2=nn.Conv2d(width, width, 3, padding=1), bn2=nn.BatchNorm2d(width), relu2=nn.ReLU(),
                pool=nn.MaxPool2d(2), locate=Located(),
                conv3=nn.Conv2d(width + 2, 2 * width, 3, padding=1), bn3=nn.BatchNorm2d(2 * width), relu3=nn.ReLU(),
                conv4=nn.Conv2d(2 * width, 2 * width, 3, padding=1), bn4=nn.BatchNorm2d(2 * width), relu4=nn.ReLU(),
            )
        )  # fmt: skip
        self.decoder = Attending(words, 2 * width, hidden, 32, nn.LSTMCell)

    def forward(self, pictures: Pictures, captions: Int[Tensor, "pictures words"]) -> Decoded:
        """Logits and attention for each word of the captions after the first, given the words before it."""
        return self.decoder(*self._annotated(pictures), captions)

    def captioned(self, pictures: Pictures, first: Int[Tensor, " pictures"], steps: int) -> Generated:
        """Captions of at most `steps` words after the first, the likeliest word each time."""
        with torch.no_grad():
            return self.decoder.generated(*self._annotated(pictures), first, steps)

    def grid(self, pictures: Pictures) -> tuple[int, int]:
        """Rows and columns of the places, which attention holds row by row."""
        return pictures.shape[2] // 2, pictures.shape[3] // 2

    def _annotated(
        self, pictures: Pictures
    ) -> tuple[Float[Tensor, "pictures places units"], Bool[Tensor, "pictures places"]]:
        features = self.look(pictures).flatten(2).transpose(1, 2)
        return features, torch.ones(features.shape[:2], dtype=torch.bool, device=features.device)


class Located(nn.Module):
    """Appends the coordinates y and x of each place, -1 to 1, as two channels."""

    def forward(self, maps: Float[Tensor, "samples channels height width"]) -> Tensor:
        """The maps with two more channels."""
        samples, _, height, width = maps.shape
        y = torch.linspace(-1, 1, height, device=maps.device, dtype=maps.dtype)[:, None].expand(height, width)
        x = torch.linspace(-1, 1, width, device=maps.device, dtype=maps.dtype).expand(height, width)
        return torch.cat([maps, torch.stack([y, x]).expand(samples, 2, height, width)], 1)


def captioner(channels: int, words: int, *, width: int = 24, hidden: int = 64, seed: int = 0) -> Captioner:
    """The network on the CPU in eval mode, with weights drawn from `seed`."""
    with seeded("cpu", seed):
        return Captioner(channels, words, width, hidden).eval()
