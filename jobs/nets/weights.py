"""Weights in and out of files: safetensors, `.vitrine`, torch files of tensors alone; keys checked by name and shape.

A file is never unpickled beyond tensors (`weights_only=True`), and a net is changed only when the whole file fits it.
"""

import hashlib
import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from analysis.compression.container import from_bytes
from analysis.compression.unpack import DamagedFileError
from jobs.errors import UserError
from jobs.images.paths import one_line

COMPRESSED = ".vitrine"
TORCH_SUFFIXES = (".pt", ".pth", ".th", ".bin")
# A count of batches that only cumulative-average batch norm reads; many public files leave it out.
_OPTIONAL = "num_batches_tracked"


def load_weights(net: nn.Module, path: Path) -> None:
    """Fill `net` from the file; floats are converted to the dtype of the net's own tensors.

    Raises UserError, with the net untouched, for a file that is missing or unreadable, and for names that are missing
    or unexpected or have another shape (the first three of each and their counts, in one line).
    """
    found, wanted = read_weights(path), net.state_dict()
    missing = [name for name in wanted if name not in found and not name.endswith(_OPTIONAL)]
    unexpected = [name for name in found if name not in wanted]
    other = [
        f"{name} {tuple(found[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in found and found[name].shape != tensor.shape
    ]
    faults = [_listed("missing", missing), _listed("unexpected", unexpected), _listed("another shape", other)]
    if any(faults):
        raise UserError(
            f"weights: {path} does not fit the net: {'; '.join(filter(None, faults))}. "
            "Check arch, options and classes, or name the file of this net."
        )
    full = {name: found[name].to(tensor.dtype) if name in found else tensor for name, tensor in wanted.items()}
    net.load_state_dict(full)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of the file by name, on the CPU; `{"state_dict": ...}` is opened, `module.` cut off every name."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"weights: there is no file {path}; check the path and VITRINE_DATA.")
    if path.suffix == ".safetensors":
        return _unwrapped(_safetensors(path), path)
    if path.suffix == COMPRESSED:
        return _unwrapped(_decompressed(path), path)
    if path.suffix in TORCH_SUFFIXES:
        return _unwrapped(_torch_file(path), path)
    suffixes = " ".join([".safetensors", COMPRESSED, *TORCH_SUFFIXES])
    raise UserError(f"weights: {path.name} is not one of {suffixes}; convert it.")


def save_weights(net: nn.Module, path: Path) -> None:
    """Write the net's tensors as safetensors: same weights, same bytes; the file appears whole or not at all."""
    tensors = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in net.state_dict().items()}
    save_tensors(tensors, path)


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """As `save_weights`, for tensors on the CPU by name."""
    partial = path.with_name(path.name + ".partial")
    save_file(tensors, partial)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)


def weights_digest(path: Path) -> str:
    """sha256 of the file's bytes, in hex: the identity of a net with given weights."""
    if not Path(path).is_file():
        raise UserError(f"weights: there is no file {path}; check the path and VITRINE_DATA.")
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def state_digest(net: nn.Module) -> str:
    """sha256 over names, dtypes, shapes and bytes of all the net's tensors, in order of name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(net.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _safetensors(path: Path) -> dict[str, Any]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"weights: {path} is not a readable safetensors file ({one_line(error)}); fetch it again."
        ) from error


def _decompressed(path: Path) -> dict[str, Tensor]:
    try:
        return {name: torch.from_numpy(array) for name, array in from_bytes(path.read_bytes()).items()}
    except DamagedFileError as error:
        raise UserError(f"weights: {path} is damaged ({error}); fetch or compress it again.") from error


def _torch_file(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle's protocol; what it warns of is raised below
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"weights: {path} holds more than tensors (it could run code) or is damaged; "
            "save net.state_dict() as safetensors."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        reason = "no archive of tensors" if isinstance(error, KeyError) else one_line(error)
        raise UserError(f"weights: {path} is not a readable torch file ({reason}); fetch it again.") from error


def _unwrapped(content: Any, path: Path) -> dict[str, Tensor]:
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not content or not all(isinstance(value, Tensor) for value in content.values()):
        raise UserError(f"weights: {path} holds no dictionary of tensors by name; save net.state_dict().")
    if all(name.startswith("module.") for name in content):
        return {name.removeprefix("module."): tensor for name, tensor in content.items()}
    return dict(content)


def _listed(title: str, names: list[str]) -> str:
    more = ", ..." if len(names) > 3 else ""
    return f"{len(names)} {title} ({', '.join(names[:3])}{more})" if names else ""
