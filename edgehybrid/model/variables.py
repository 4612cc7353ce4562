"""The variables of a Keras model and its optimizer to and from a checkpoint."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.model.build import build_model
from edgehybrid.networks import network_of
from edgehybrid.runs.checkpoint import Record, Values, load_arrays, read_record, wrong_arrays
from edgehybrid.runs.run_folder import RunFolder


def trained_model(run: RunFolder) -> tuple[Any, Record]:
    """The Keras model of a run with the weights of its newest checkpoint, and that checkpoint's record.

    Raises:
        RunError: as ``restore_checkpoint``.
    """
    model = build_model(network_of(run.recipe))
    return model, restore_checkpoint(run, model)


def values_of(model: Any, optimizer: Any) -> Values:
    """All variables as arrays. With several workers this is a collective operation: every worker must call it."""
    return [np.asarray(v) for v in _variables(model, optimizer)]


def set_values(model: Any, values: Values) -> None:
    """Gives a model the values that ``values_of`` read from its copies."""
    variables = _variables(model, None)
    for variable, value in zip(variables, values[: len(variables)], strict=True):
        variable.assign(value)


def update_values(values: Values, model: Any) -> None:
    """Writes what a model's variables are now into values of it and its optimizer."""
    variables = _variables(model, None)
    values[: len(variables)] = [np.asarray(variable) for variable in variables]


def restore_checkpoint(
    run: RunFolder, model: Any, optimizer: Any | None = None, extra: dict[str, NDArray[Any]] | None = None
) -> Record:
    """Assigns the newest checkpoint to the model's variables, to the optimizer's and to ``extra`` if they are given.

    Raises:
        RunError: as ``read_record``, or the file's hash, number or shapes of arrays are wrong.
    """
    record = read_record(run)
    values, further = load_arrays(run, record)
    variables = _variables(model, optimizer)
    if optimizer is None:
        values = values[: len(variables)]
    if [v.shape for v in values] != [tuple(v.shape) for v in variables]:
        raise wrong_arrays(run, record)
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    if extra is not None:
        extra |= further
    return record


def _variables(model: Any, optimizer: Any | None) -> list[Any]:
    """The model's variables, real-valued ones behind quantised ones, then the optimizer's."""
    latent = [getattr(v, "latent_variable", v) for v in model.variables]
    return latent + list(optimizer.variables if optimizer is not None else [])
