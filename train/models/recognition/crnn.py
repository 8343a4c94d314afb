"""CRNN: convolutions, a recurrent network and CTC (Shi et al., 2017), for scripts that no published model reads.

Nobody publishes weights of this one: it is trained from scratch, or goes on from a bundle or checkpoint of its own.
"""

from pathlib import Path

from train.data.charset import Charset
from train.errors import ModelError
from train.models import MODELS, Model
from train.models.network import Network
from train.models.weights.starting import Saved, read_saved

NAME = "crnn"
BLOCK_GROUPS = ("stem", "backbone.early", "backbone.late")


class CRNN(Model):
    """Three blocks of convolutions, two bidirectional LSTM layers, a linear head."""

    head: str = "head"

    def pretrained(self, weights: Path | None) -> bool:
        """Only a bundle or a checkpoint brings weights."""
        return weights is not None

    def frameworks(self) -> tuple[str, ...]:
        """The network is torch's."""
        return ("torch",)

    def charset(self, weights: Path | None) -> Charset:
        """Return the characters of the bundle or checkpoint; none without: the data's are then all there is."""
        return _saved(weights).charset if weights else Charset(())

    def network(self, framework: str, weights: Path | None) -> Network:
        """Return the network with the weights of a bundle or checkpoint, or with random ones."""
        if framework not in self.frameworks():
            raise ModelError(
                f"{NAME} is to be had in torch only", framework, "set `engine: torch`, or `auto`"
            )
        from train.models.recognition import crnn_torch

        arrays = _saved(weights).arrays() if weights else {}
        network = crnn_torch.build(self.charset(weights).classes)
        if weights and (missing := network.arrays().keys() - arrays.keys()):
            raise ModelError(
                "weights to start from must be whole",
                f"{weights} without {min(missing)}: a checkpoint of adapters, say",
                "name the bundle that was exported from it",
            )
        network.assign(arrays)
        return network

    def group(self, name: str) -> str:
        """The blocks are stem and backbone, the recurrent layers the neck."""
        part, *rest = name.split(".")
        return BLOCK_GROUPS[int(rest[1])] if part == "model" else part


def _saved(weights: Path) -> Saved:
    """Return the bundle or checkpoint at a path; raise ModelError if it is none of this model."""
    saved = read_saved(weights)
    if saved is None or saved.model != NAME:
        found = f"{weights}: {saved.model if saved else 'neither a bundle nor a checkpoint'}"
        remedy = f"choose {saved.model}" if saved else "name the folder of one"
        raise ModelError(f"{NAME} must start from weights of its own", found, remedy)
    return saved


MODELS.register(NAME)(CRNN())
