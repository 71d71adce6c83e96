"""Which weights are compressed? Those of convolutions, linear and recurrent layers; never a bias or a normalization."""

from torch import Tensor, nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LAYERS = (nn.Linear, nn.RNNBase, nn.RNNCellBase, *CONVOLUTIONS)


def layer_weights(net: nn.Module, *, exempt_first_convolution: bool = False) -> dict[str, Tensor]:
    """Detached weights by their names in the state dict, in the order of the modules; a shared one appears once.

    An LSTM has several (`weight_ih_l0`, `weight_hh_l0`, ...). exempt_first_convolution: leave out the first
    convolution, which reads the image: it is small, and pruning it costs the most (Han et al., 2017, arXiv:1607.04381).
    """
    found: dict[str, Tensor] = {}
    exempt = exempt_first_convolution
    for path, module in net.named_modules():
        if exempt and isinstance(module, CONVOLUTIONS):
            exempt = False
        elif isinstance(module, LAYERS):
            for name, parameter in module.named_parameters(recurse=False):
                if name.startswith("weight") and all(parameter is not other for other in found.values()):
                    found[f"{path}.{name}" if path else name] = parameter
    return {name: parameter.detach() for name, parameter in found.items()}
