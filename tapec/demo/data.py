"""Handwritten digits: 1,797 images of 8 x 8 pixels (see DATA.md)."""

from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float64]
Labels = NDArray[np.int64]

_BRIGHTEST = 16.0


class Split(NamedTuple):
    """A division of the images into those to learn from and those held out."""

    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels


def load() -> tuple[Images, Labels]:
    """The images as rows of 64 brightnesses in 0..1, and their digits 0..9."""
    with (
        files("tapec.demo").joinpath("digits.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as stored,
    ):
        images = stored["images"].astype(np.float64) / _BRIGHTEST
        labels = stored["labels"].astype(np.int64)
    return images, labels


def split(
    images: Images, labels: Labels, *, held_out: float = 0.25, seed: int = 0
) -> Split:
    """Shuffle and divide, the same way for the same seed.

    The given fraction is held out of each digit, so all ten are equally tested.
    """
    if len(images) != len(labels):
        raise ValueError(f"{len(images)} images but {len(labels)} labels")
    if not 0 < held_out < 1:
        raise ValueError(f"held_out is a fraction between 0 and 1, not {held_out}")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    is_test = np.zeros(len(labels), bool)
    for digit in np.unique(labels):
        members = order[labels[order] == digit]
        is_test[members[: round(held_out * len(members))]] = True
    train, test = order[~is_test[order]], order[is_test[order]]
    return Split(images[train], labels[train], images[test], labels[test])
