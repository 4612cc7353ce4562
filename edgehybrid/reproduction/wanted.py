"""Which trainings a table of the paper asks for."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgehybrid.errors import UsageError, did_you_mean
from edgehybrid.recipe import Recipe, load_recipe, recipe_names
from edgehybrid.reproduction.differences import differences
from edgehybrid.reproduction.shorter import with_epochs

TABLES = (3, 4, 5, 6, 7)
# Table 3 sets the networks in full precision beside these, whose ratios stand in Tables 4 and 6.
ALSO_IN_TABLE_3 = ("xnor_res", "xnor_vgg")


@dataclass(frozen=True)
class Wanted:
    """One training.

    Attributes:
        recipe: as it is to be trained; its data lie wherever they lie.
        full_epochs: of the shipped recipe.
        changes: from the shipped recipe, but for seed and epochs, as ``--set`` states them.
    """

    recipe: Recipe
    full_epochs: int
    changes: tuple[str, ...]


def names_of(table: int) -> list[str]:
    """Names of the shipped recipes of a table of the paper, in the order of their published accuracy."""
    found = {}
    for name in recipe_names():
        published = load_recipe(name).published
        if published is not None and (published.table == table or (table == TABLES[0] and name in ALSO_IN_TABLE_3)):
            found[name] = published.top1_percent
    return sorted(found, key=lambda name: found[name])


def wanted(
    table: int, epochs: int | None, seeds: int, overrides: Sequence[str] = (), only: Sequence[str] = ()
) -> list[Wanted]:
    """All trainings of a table, first the first seed of each network.

    Args:
        epochs: in place of each recipe's own; its schedule is squeezed.
        seeds: so many of each network, from its recipe's seed on.
        overrides: of each recipe, as ``--set`` has them.
        only: names of recipes; empty for all.

    Raises:
        UsageError: a name that is not in the table; epochs or seeds among the overrides.
    """
    names = names_of(table)
    for name in only:
        if name not in names:
            raise UsageError(
                f"Table {table} has no such network.",
                received=name,
                allowed=", ".join(names),
                next_step=did_you_mean(name, names),
            )
    for override in overrides:
        if override.partition("=")[0] in ("training.epochs", "training.seed", "name", "published"):
            raise UsageError(
                "This cannot be set for a whole table.",
                received=f"--set {override}",
                next_step="Use --epochs and --seeds.",
            )
    chosen = [name for name in names if not only or name in only]
    plain = {name: load_recipe(name) for name in chosen}
    changed = {name: load_recipe(name, overrides) for name in chosen}
    return [_wanted(plain[name], changed[name], epochs, number) for number in range(seeds) for name in chosen]


def _wanted(plain: Recipe, changed: Recipe, epochs: int | None, number: int) -> Wanted:
    training = changed.training if epochs is None else with_epochs(changed.training, epochs)
    training = training.model_copy(update={"seed": changed.training.seed + number})
    return Wanted(
        changed.model_copy(update={"training": training}),
        plain.training.epochs,
        tuple(differences(plain.model_dump(mode="json"), changed.model_dump(mode="json"))),
    )
