"""Normalizations that behave one way while a network is trained and another afterwards."""

from torch import nn

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
NORMS = (*BATCH_NORMS, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)


def keep_statistics(module: nn.Module) -> None:
    """A normalization uses the means and variances it has and leaves them so, until it is put into training mode."""
    if isinstance(module, NORMS):
        module.eval()
