"""Puts a finished run into the zoo: its flatbuffers, evaluated, and what tells where they come from.

    python -m edgehybrid.reproduction.publish RUN recipes/zoo

A network that is there under the same name is replaced. Weights stay where they are: the flatbuffer holds what is used.
"""

import json
import shutil
import sys
from pathlib import Path

from converters.pipeline import convert
from converters.targets import TARGETS, default_format
from edgehybrid.census.formats import Format
from edgehybrid.errors import EdgehybridError, RunError
from edgehybrid.evaluate import evaluate_flatbuffer
from edgehybrid.files import write_output
from edgehybrid.networks import network_of
from edgehybrid.reproduction.record import without_places
from edgehybrid.runs.artefact import open_artefact
from edgehybrid.runs.checkpoint import read_record
from edgehybrid.runs.evaluation import evaluation_file
from edgehybrid.runs.run_folder import RunFolder, open_run
from edgehybrid.runs.sidecar import sidecar_path
from edgehybrid.runs.zoo import name_of


def publish(run: RunFolder, zoo: Path) -> Path:
    """Converts a run in each format that its weights were trained for, and copies it without them.

    Returns:
        the folder of the network in the zoo.

    Raises:
        RunError: it is not finished, or its recipe names a folder of this machine.
        EdgehybridError: what conversion and evaluation raise, or the zoo cannot be written.
    """
    record = read_record(run)
    if record.epoch < run.recipe.training.epochs or run.recipe.data.path is not None:
        raise RunError(
            "The run cannot be published.",
            received=f"{record.epoch} of {run.recipe.training.epochs} epochs, data.path: {run.recipe.data.path}",
            allowed="a finished run; images named by EDGEHYBRID_DATA",
        )
    packed = default_format(network_of(run.recipe)) == "packed"
    formats: tuple[Format, ...] = ("packed",) if packed else ("float32", "int8")
    entry = zoo / run.name
    environment = without_places(json.loads((run.path / "env.json").read_bytes()))
    contents = {
        entry / "recipe.yaml": (run.path / "recipe.yaml").read_bytes(),
        entry / "env.json": json.dumps(environment, indent=2).encode(),
        entry / "metrics.jsonl": "".join(f"{line.figures().to_json()}\n" for line in run.epochs()).encode(),
        entry / "checkpoint" / "latest.json": (run.path / "checkpoint" / "latest.json").read_bytes(),
    }
    for file_format in formats:
        for target in TARGETS:
            artefact = open_artefact(run.path / convert(run, target, file_format, overwrite=True).model)
            evaluation = evaluate_flatbuffer(artefact).model_copy(update={"model": artefact.path.name})
            of_evaluation = evaluation_file(artefact.path)
            contents[entry / artefact.path.name] = artefact.path.read_bytes()
            contents[entry / sidecar_path(artefact.path).name] = sidecar_path(artefact.path).read_bytes()
            contents[entry / of_evaluation.name] = evaluation.model_dump_json(indent=2).encode()
    write_output("The zoo", contents)
    for other in zoo.iterdir():
        if other != entry and name_of(other) == name_of(entry):
            shutil.rmtree(other)
    return entry


if __name__ == "__main__":
    try:
        print(publish(open_run(Path(sys.argv[1])), Path(sys.argv[2])))
    except EdgehybridError as error:
        sys.exit(f"Error: {error}")
