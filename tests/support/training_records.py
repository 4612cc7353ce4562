"""Records of trainings that nobody has run, complete and valid."""

import json
from collections.abc import Sequence
from typing import Any

from epoch_lines import line_of

from edgehybrid.reproduction.record import TrainingRecord, identity, sha256_of
from edgehybrid.reproduction.wanted import Wanted, wanted

FLATBUFFER = {
    "format": "packed",
    "size_bytes": 107_680,
    "model_sha256": "0" * 64,
    "top1_percent": 50.0,
    "top5_percent": 80.0,
    "images": 10_000,
    "top1_agreement_percent": 100.0,
    "runtime": "edgehybrid 0.1.0",
    "isa": "avx2",
}


def training_of(name: str, table: int, epochs: int | None = None, seed: int = 0, sets: Sequence[str] = ()) -> Wanted:
    """The training of one recipe, with its seed so many above the recipe's own."""
    return wanted(table, epochs, seed + 1, sets, (name,))[-1]


def record_for(one: Wanted, top1_percent: float = 50.0, **changes: Any) -> TrainingRecord:
    """What would be written of a training that ended with this accuracy."""
    resolved = identity(one.recipe)
    plain = {
        "recipe": one.recipe.name,
        "recipe_sha256": sha256_of(resolved),
        "changes": list(one.changes),
        "seed": one.recipe.training.seed,
        "epochs": one.recipe.training.epochs,
        "full_epochs": one.full_epochs,
        "top1_percent": top1_percent,
        "top1_selected_percent": None,
        "epoch_selected": None,
        "validation_images": 0,
        "flatbuffer": FLATBUFFER | {"top1_percent": top1_percent},
        "processor": "Example CPU",
        "environment": {"edgehybrid": "0.1.0"},
        "seconds": 2.0,
        "resolved": resolved,
        "metrics": [json.loads(line_of(1, top1_percent=top1_percent).to_json())],
    }
    return TrainingRecord.model_validate_json(json.dumps(plain | changes))
