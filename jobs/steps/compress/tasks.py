"""The tasks of `compress`: a network by one setting from its dense weights to the bytes of its file, and a layer's
scan."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.compression.accounting import net_size
from analysis.compression.container import from_bytes, to_bytes
from analysis.compression.kmeans import SortedValues
from analysis.compression.prune import (
    Masks,
    PrunedWeights,
    falling_shares,
    magnitude_masks,
    random_masks,
    sensitivity_masks,
)
from analysis.compression.quantize import Shared, SharedWeights, shared, write
from analysis.compression.selection import layer_weights
from analysis.dynamics.train import Hook, evaluate
from jobs.errors import FailedError
from jobs.nets.options import TrainSpec
from jobs.retraining import TrainingData, retrained
from jobs.steps.compress.options import Setting, Start, of_layers
from jobs.steps.step import Arrays

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.compress.step import Compress
    from jobs.views import Views

STAGES = ("dense", "pruned", "shared", "tuned")
"""The network as it was, pruned and retrained, with shared values, and with these values trained."""

STARTS: tuple[Start, ...] = ("linear", "density", "random")
SIZES = (
    "weights", "kept", "code_bits", "index_bits", "fillers", "code_bits_huffman", "index_bits_huffman", "code_entropy",
    "index_entropy", "rate_expected", "rate", "rate_huffman", "file_bytes",
)  # fmt: skip
"""Of every layer, as `LayerSize` describes them."""

SEEN = 10_000
"""Training images on which the gap to the test images is measured: the first."""


class Score(NamedTuple):
    """Accuracy, 0 to 1, and loss, nats, on the test images and on the first training images."""

    test_accuracy: float
    test_loss: float
    train_accuracy: float
    train_loss: float


class Work(NamedTuple):
    """A network of the study with all that its compression takes."""

    step: "Compress"
    net: str
    plan: "Plan"
    views: "Views"
    data: TrainingData

    def retrained(self, net: nn.Module, train: TrainSpec, about: dict[str, Any], hook: Hook) -> nn.Module:
        """A copy of `net`, trained under the hook, which `about` describes."""
        known = {"arch": self.plan.nets[self.net].arch, **about}
        device = self.plan.device
        return retrained(self.views.inputs, net, self.data, train, known, hooks=[hook], device=device).net


def scanned(step: "Compress", net: nn.Module, layer: str, data: TrainingData) -> Float[np.ndarray, " shares"]:
    """Accuracy on test images as only so much of one layer's weights is kept, without training."""
    name, found, test = f"{layer}.weight", [], _scan_images(step, data)
    for share in step.options.scan:
        pruned = copy.deepcopy(net)
        weight = pruned.get_parameter(name)
        with torch.no_grad():
            weight.mul_(magnitude_masks({name: weight.detach()}, share)[name])
        found.append(evaluate(pruned, *test)[1])
    return np.array(found)


def _scan_images(step: "Compress", data: TrainingData) -> tuple[Tensor, Tensor]:
    few = step.options.scan_images
    return data.test.images[:few], data.test.labels[:few]


def compressed(work: Work, settings: Sequence[Setting]) -> list[Arrays]:
    """Of settings that prune alike: scores of every stage, the sizes of every layer and the file; of the first setting
    of all the starts of k-means too."""
    pruned = _pruned(work, settings[0])
    before = [_score(work.views.net(work.net), work.data), _score(pruned, work.data)]
    return [_coded(work, setting, pruned, before) for setting in settings]


def _coded(work: Work, setting: Setting, pruned: nn.Module, before: list[Score]) -> Arrays:
    arrays, scores, final, seed = Arrays(), [*before], copy.deepcopy(pruned), work.step.seed
    if setting.bits is not None:
        sharing = _sharing(pruned, setting, seed)
        write(final, sharing)
        scores.append(_score(final, work.data))
        final, sharing = _tuned(work, final, sharing, setting)
        if setting == work.step.options.settings[0]:
            arrays |= _starts(pruned, sharing, setting, seed)
            arrays["bits_accuracy"] = _bits_scan(work.step, pruned, work.data)
    scores += [_score(final, work.data)] * (len(STAGES) - len(scores))
    arrays["score"] = np.array(scores)
    return arrays | _file(final, work.views.net(work.net))


def _pruned(work: Work, setting: Setting) -> nn.Module:
    """Rounds of pruning, each with its training; the net as it was where none is asked for."""
    net, retrain = work.views.net(work.net), work.step.options.retrain
    for number in range(1, setting.rounds + 1 if setting.prunes else 1):
        weights = layer_weights(net, exempt_first_convolution=setting.exempt_first_convolution)
        masks = _masks(setting, weights, number, work.step.seed)
        train = retrain.model_copy(update={"seed": retrain.seed + number})
        net = work.retrained(net, train, {"pruned": setting.pruning(), "round": number}, PrunedWeights(masks))
    return net


def _masks(setting: Setting, weights: dict[str, Tensor], number: int, seed: int) -> Masks:
    if setting.sensitivity is not None:
        return sensitivity_masks(weights, of_layers(setting.sensitivity, weights, 0.0))
    assert setting.kept is not None
    final = of_layers(setting.kept, weights, 1.0)
    shares = {layer: falling_shares(share, setting.rounds)[number - 1] for layer, share in final.items()}
    if setting.mask == "random":
        return random_masks(weights, shares, torch.Generator().manual_seed(seed + number))
    return magnitude_masks(weights, shares)


def _sharing(net: nn.Module, setting: Setting, seed: int) -> dict[str, Shared]:
    assert setting.bits is not None
    weights = layer_weights(net)
    return shared(weights, of_layers(setting.bits, weights), setting.start, np.random.default_rng(seed))


def _tuned(
    work: Work, net: nn.Module, sharing: dict[str, Shared], setting: Setting
) -> tuple[nn.Module, dict[str, Shared]]:
    """Shared values trained, codes fixed."""
    hook = SharedWeights(sharing)
    found = work.retrained(net, work.step.options.tune, {"shared": [setting.bits, setting.start]}, hook)
    return found, hook.sharing(found)


def _starts(net: nn.Module, tuned: dict[str, Shared], setting: Setting, seed: int) -> Arrays:
    """Of the layer with the most weights: a histogram of them, and each start's values before and after k-means."""
    assert setting.bits is not None
    weights = layer_weights(net)
    largest = max(weights, key=lambda layer: weights[layer].numel())
    values = weights[largest][weights[largest] != 0].cpu().numpy()
    ordered = SortedValues(values)
    counts, edges = np.histogram(values, bins=200)
    codes = 2 ** of_layers(setting.bits, weights)[largest]
    arrays: Arrays = {"histogram": counts, "histogram_edges": edges, "largest": np.array(list(weights).index(largest))}
    for start in STARTS:
        begun = ordered.start(codes, start, np.random.default_rng(seed))
        arrays[f"start_{start}"], arrays[f"found_{start}"] = begun, ordered.lloyd(begun).centroids
    arrays["trained"] = np.sort(tuned[largest].codebook.cpu().numpy())
    return arrays


def _bits_scan(step: "Compress", net: nn.Module, data: TrainingData) -> Float[np.ndarray, "starts bits"]:
    """Accuracy with shared values that nothing has trained."""
    weights = layer_weights(net)
    found, test = np.zeros((len(STARTS), len(step.options.scan_bits))), _scan_images(step, data)
    for row, start in enumerate(STARTS):
        for column, bits in enumerate(step.options.scan_bits):
            coarse = copy.deepcopy(net)
            write(coarse, shared(weights, bits, start, np.random.default_rng(step.seed)))
            found[row, column] = evaluate(coarse, *test)[1]
    return found


def _file(net: nn.Module, dense: nn.Module) -> Arrays:
    """The bytes, checked by decoding them, and the account of every layer."""
    state: dict[str, Any] = {name: tensor.cpu().numpy() for name, tensor in net.state_dict().items()}
    data = to_bytes(state)
    decoded = from_bytes(data)
    wrong = [name for name in state if decoded[name].tobytes() != state[name].tobytes()]
    if wrong:
        raise FailedError(f"compress: {wrong[0]} does not decode to its own bits; please report it with the weights.")
    size = net_size(state, list(layer_weights(net)), data)
    table = np.array([[float(getattr(layer, name)) for name in SIZES] for layer in size.layers])
    return {
        "file": np.frombuffer(data, np.uint8),
        "sizes": table,
        "dense_bytes": np.array(sum(tensor.nbytes for tensor in dense.state_dict().values())),
        "inputs": np.array([_inputs(weight) for weight in layer_weights(net).values()]),
    }


def _inputs(weight: Tensor) -> float:
    """Weights that are not zero for each unit, the mean over the layer's units."""
    return float((weight != 0).flatten(1).sum(1).double().mean())


def _score(net: nn.Module, data: TrainingData) -> Score:
    loss, accuracy = evaluate(net, data.test.images, data.test.labels)
    seen_loss, seen = evaluate(net, data.train.images[:SEEN], data.train.labels[:SEEN])
    return Score(accuracy, loss, seen, seen_loss)
