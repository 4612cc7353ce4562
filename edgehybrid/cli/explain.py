"""``edgehybrid explain``."""

from pathlib import Path

import click

from edgehybrid.console.commands import emit
from edgehybrid.console.options import (
    json_option,
    overwrite_option,
    refuse_existing,
    refuse_runs_beside_path,
    refuse_without,
    runs_option,
    unwritable_is_said,
)
from edgehybrid.errors import UsageError


@click.command(short_help="Say what a flatbuffer holds, and why it is not smaller.")
@click.argument("models", nargs=-1, metavar="[MODEL.tflite|RUN]...")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write one HTML page, too.")
@click.option(
    "--overlay",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write node data for Model Explorer's graph view into this folder: precision, bytes, MACs, time.",
)
@click.option(
    "--results",
    "store",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Take measured times from this file: results.sqlite, or what benchmark --json printed.",
)
@overwrite_option
@runs_option
@json_option
def explain(
    models: tuple[str, ...],
    html: Path | None,
    overlay: Path | None,
    store: Path | None,
    overwrite: bool,
    runs: Path,
    as_json: bool,
) -> None:
    """Say what is packed in a flatbuffer, what is not and why, and where its bytes and multiply-accumulates are.

    Any .tflite file will do, also one that edgehybrid did not make. Default: the newest one of the newest run.
    """
    from converters.explain.document import document_of
    from converters.explain.explanation import explain as explained
    from converters.explain.overlay import overlays
    from converters.explain.times import times_of
    from edgehybrid.console.explain_text import explained_text
    from edgehybrid.flatbuffer import read_flatbuffer

    refuse_without("--overwrite replaces a page or overlays.", "--overwrite", overwrite, html or overlay)
    if overlay is not None and len(models) > 1:
        raise UsageError(
            "Overlays are of one model.",
            received=f"{len(models)} models",
            next_step="Name one, or leave out --overlay.",
        )
    if html is not None:
        refuse_existing(html, "The page", overwrite)
    explanations = []
    contents: dict[Path, bytes] = {}
    for name in models or (None,):
        refuse_runs_beside_path(name, runs)
        path = _path(runs, name)
        flatbuffer = read_flatbuffer(path)
        found = explained(flatbuffer, str(path))
        times = times_of(store, found) if store is not None else None
        for note in found.notes:
            click.echo(f"Note: {path}: {note}", err=True)
        if times is not None and not times.of_ops_us:
            click.echo(f"Note: {path}: {store} tells the time of no operator.", err=True)
        explanations.append((found, times))
        if overlay is not None:
            names = {number: part.name for number, part in enumerate(flatbuffer.subgraphs)}
            for what, content in overlays(found, times.of_ops_us if times else {}, names).items():
                contents[overlay / f"{path.stem}.{what}.json"] = content
    for file in contents:
        refuse_existing(file, "The overlay", overwrite)
    if html is not None:
        from edgehybrid.console.explain_page import explanation_page

        contents[html] = explanation_page(explanations).encode()
    _write(contents)
    text = "\n\n\n".join(explained_text(*each) for each in explanations)
    documents = [document_of(*each) for each in explanations]
    emit(documents[0] if len(documents) == 1 else {"results": documents}, as_json, text)


def _path(runs: Path, model: str | None) -> Path:
    """A file needs no sidecar; a run's flatbuffers are found by theirs."""
    if model is not None and (Path(model).is_file() or model.endswith(".tflite")):
        return Path(model)
    from edgehybrid.runs.artefact import find_artefact

    return find_artefact(runs, model).path


def _write(contents: dict[Path, bytes]) -> None:
    from edgehybrid.files import make_folder, write_together

    with unwritable_is_said(contents):
        for folder in {file.parent for file in contents}:
            make_folder(folder, exist_ok=True)
        write_together(contents)
