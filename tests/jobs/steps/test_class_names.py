"""What classes are called: by the images' classes, by ImageNet's names where folders are its numbers, or by number."""

from types import SimpleNamespace
from typing import Any

from jobs.steps.class_names import class_names


def plan(classes: tuple[str, ...], outputs: int) -> Any:
    return SimpleNamespace(classes=classes, nets={"a": SimpleNamespace(classes=outputs)})


def test_classes_of_the_images_name_the_first_outputs() -> None:
    assert class_names(plan(("cat", "dog"), 3), "a") == ("cat", "dog", "class 2")
    assert class_names(plan(("cat", "dog"), 1), "a") == ("cat", "dog")
    assert class_names(plan((), 2), "a") == ("class 0", "class 1")


def test_wordnet_numbers_at_their_place_are_imagenets_names() -> None:
    some = ("0000_n01440764", "1", "0002_n01484850")
    assert class_names(plan(some, 1000), "a")[:4] == ("tench", "goldfish", "great white shark", "tiger shark")
    every = tuple(f"n{number:08d}" for number in range(1000))
    assert class_names(plan(every, 1000), "a")[999] == "toilet tissue"


def test_wordnet_numbers_elsewhere_stay() -> None:
    moved = ("0001_n01440764",)
    assert class_names(plan(moved, 1000), "a")[:2] == ("0001_n01440764", "class 1")
    part = ("n01440764", "n01484850")  # in the order of the folders, which says nothing of ImageNet's
    assert class_names(plan(part, 1000), "a")[:2] == part
    assert class_names(plan(("0000_n01440764",), 10), "a")[0] == "0000_n01440764"
