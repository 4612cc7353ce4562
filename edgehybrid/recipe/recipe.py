"""The frozen, fully resolved ``Recipe``. The grammar for users is recipes/README.md."""

import hashlib
import json

from pydantic import Field, model_validator

from edgehybrid.recipe.data import Data
from edgehybrid.recipe.network import NetworkRecipe
from edgehybrid.recipe.section import Positive, Section
from edgehybrid.recipe.training import Bop, Training
from edgehybrid.recipe.yaml_source import dump_yaml


class Published(Section):
    """The figures that the paper prints for this network."""

    table: int = Field(ge=3, le=7)
    top1_percent: Positive
    energy_efficiency_fp: Positive
    energy_efficiency_xnor: Positive | None = None
    memory_compression_fp: Positive
    memory_compression_xnor: Positive | None = None


class Recipe(Section):
    """Everything that defines a trained network. Source: recipes/README.md."""

    # The name becomes part of a folder's name, so it must not climb out with "..".
    name: str = Field(pattern=r"^[a-z0-9_]+([./][a-z0-9_]+)*$", description="the file's path below recipes/, no suffix")
    description: str
    published: Published | None = None
    data: Data
    network: NetworkRecipe
    training: Training = Training()

    @model_validator(mode="after")
    def _standardised_weights_have_no_bound(self) -> "Recipe":
        """Clipping bounds the weights that the sign sees, and with them alpha; standardised ones have a fixed size."""
        if self.network.standardise_weights and self.training.latent_weights.clip:
            raise ValueError(
                "'network.standardise_weights' makes the size of latent weights mean nothing, so they cannot be "
                "clipped to [-1, 1] as well: set 'training.latent_weights.clip' to false"
            )
        return self

    @model_validator(mode="after")
    def _bop_trains_plain_signs(self) -> "Recipe":
        """Standardised, ±1 becomes ±1 less the filter's mean: the gradient ends for whichever sign is rarer."""
        if self.network.standardise_weights and isinstance(self.training.optimizer, Bop):
            raise ValueError(
                "'network.standardise_weights' must be false with 'training.optimizer.kind' bop, whose weights are +1 "
                "and -1: standardised, one of the two would get no gradient"
            )
        return self

    @model_validator(mode="after")
    def _thermometers_read_pixels(self) -> "Recipe":
        """A thermometer counts steps of the pixel, so it needs the pixel itself."""
        if self.network.architecture == "ern" and (set(self.data.mean) != {0.0} or set(self.data.std) != {1.0}):
            zeros, ones = [0.0] * self.data.channels, [1.0] * self.data.channels
            raise ValueError(
                "'network.architecture' ern reads pixels in [0, 1], not normalised ones: set "
                f"'data.mean' to {zeros} and 'data.std' to {ones}"
            )
        return self

    @model_validator(mode="after")
    def _levels_have_no_surrogate(self) -> "Recipe":
        """What stands for a quantiser where sharpness is measured is the tanh of a sign."""
        if self.network.architecture == "ern" and self.training.health.sharpness is not None:
            raise ValueError(
                "'training.health.sharpness' must be null with 'network.architecture' ern: a smooth stand-in is known "
                "for signs, not for levels"
            )
        return self

    def to_yaml(self) -> str:
        """The recipe with every default filled in."""
        return dump_yaml(self.model_dump(mode="json"))

    def to_short_yaml(self) -> str:
        """The recipe as a person would write it: without what is a default, or the data set's own."""
        plain = self.model_dump(mode="json", exclude_defaults=True)
        facts = self.data.facts_of_dataset
        plain["data"] = {
            key: value for key, value in plain["data"].items() if getattr(self.data, key) != facts.get(key)
        }
        return dump_yaml(plain)

    @property
    def sha256(self) -> str:
        """Hash of the resolved recipe: equal for two files that mean the same."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()
