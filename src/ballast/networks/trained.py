"""A trained model, an ensemble of networks, and its files."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ballast.networks.forward import Forward, mean
from ballast.networks.inputs import Inputs
from ballast.networks.starting import start
from ballast.project import storage

Weights = dict[str, np.ndarray]


@dataclass(frozen=True)
class Trained:
    """A model as it was trained.

    Attributes:
        model: a member of `models`.
        options: the member's.
        reads: its inputs, of tokens, terms and features.
        networks: the weights of each network by name.
        features: number of numeric columns that it was built for.
        terms: number of terms that it was built for.
        outputs: number of logits.
        precision: of the matrix products in its training.
    """

    model: str
    options: dict[str, Any]
    reads: tuple[str, ...]
    networks: list[Weights]
    features: int
    terms: int
    outputs: int
    precision: str

    def forward(self, vectors: np.ndarray | None) -> Forward:
        """Return what the model computes: the mean of its networks' logits.

        Args:
            vectors: the embedding's, a vector for each token number; None where there are none.
        """
        file = importlib.import_module(f"ballast.models.{self.model}")
        columns = np.zeros((2, self.features), dtype=np.float32)
        inputs = Inputs(vectors, columns, self.outputs, self.terms)
        return mean([forward_of(file, self.options, inputs, each) for each in self.networks])

    def save(self, folder: Path) -> None:
        """Write the weights of each network by name, and what it takes to rebuild the networks.

        A .keras file never has the same bytes twice, and an .h5 file of Keras has no names.
        """
        values = {key: value for key, value in vars(self).items() if key != "networks"}
        # Keras numbers layers without a name: what is `dense` in one is `dense_1` in the next.
        names = list(self.networks[0])
        values |= {"networks": len(self.networks), "weights": names}
        storage.write_json(folder / "network.json", values)
        for number, weights in enumerate(self.networks):
            files = storage.fresh_folder(folder / str(number))
            for name, array in zip(names, weights.values(), strict=True):
                np.save(files / f"{name}.npy", array)

    @staticmethod
    def save_nothing(folder: Path) -> None:
        """Write that no model was trained."""
        storage.write_json(folder / "network.json", {"model": "none"})

    @classmethod
    def load(cls, folder: Path) -> "Trained":
        """Read what `save` wrote.

        Raises:
            UserError: there is no such file yet.
        """
        values = storage.read_json(folder / "network.json")
        names = values.pop("weights")
        networks = [
            {name: np.load(folder / str(number) / f"{name}.npy") for name in names}
            for number in range(values["networks"])
        ]
        return cls(**values | {"networks": networks, "reads": tuple(values["reads"])})


def forward_of(file, options: dict[str, Any], inputs: Inputs, weights: Weights) -> Forward:
    """Return what a network of a model computes, from its weights.

    Args:
        file: the member's module. Its `forward` is the fast form; without one, Keras computes.
        options: the member's.
        inputs: what the network is built for.
        weights: by name, in the order of the network's variables.
    """
    if hasattr(file, "forward"):
        return file.forward(weights, inputs.vectors)
    # Only models without a fast form bring TensorFlow into prediction.
    start()
    from ballast.networks.layers import keras_forward

    return keras_forward(file.build(inputs, **options), weights)
