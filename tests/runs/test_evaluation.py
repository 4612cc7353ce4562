"""What evaluate found, kept beside the flatbuffer."""

from pathlib import Path

import pytest
from disks import files_of_at_most
from report_samples import sidecar_of

from edgehybrid.errors import FlatbufferError, RunError
from edgehybrid.runs.artefact import Artefact, open_artefact
from edgehybrid.runs.evaluation import Evaluation, evaluation_file, evaluation_of, write_evaluation
from edgehybrid.runs.sidecar import write_with_sidecar

CONTENT = b"a flatbuffer"


@pytest.fixture
def artefact(tmp_path: Path) -> Artefact:
    return open_artefact(write_with_sidecar(tmp_path, CONTENT, sidecar_of(CONTENT)))


def evaluation(artefact: Artefact, top1_percent: float = 87.5) -> Evaluation:
    return Evaluation(
        model=str(artefact.path),
        model_sha256=artefact.sha256,
        top1_percent=top1_percent,
        top5_percent=99.0,
        images=360,
        images_per_second=1000.0,
        runtime="x",
        isa=None,
        threads=1,
    )


def test_reads_the_accuracy_of_exactly_this_file(artefact: Artefact) -> None:
    write_evaluation(artefact.path, evaluation(artefact))
    assert evaluation_of(artefact) == evaluation(artefact)
    other = b"another flatbuffer"
    path = write_with_sidecar(artefact.path.parent, other, sidecar_of(other))
    assert evaluation_of(open_artefact(path)) is None


def test_a_file_that_was_not_evaluated_has_no_accuracy(artefact: Artefact) -> None:
    assert evaluation_of(artefact) is None


def test_a_full_disk_keeps_the_evaluation_before(artefact: Artefact) -> None:
    write_evaluation(artefact.path, evaluation(artefact))
    with files_of_at_most(10), pytest.raises(RunError, match="cannot be kept for later benchmarks: File too large"):
        write_evaluation(artefact.path, evaluation(artefact, top1_percent=1.0))
    assert evaluation_of(artefact) == evaluation(artefact)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"{}"])
def test_refuses_a_damaged_evaluation(artefact: Artefact, content: bytes) -> None:
    evaluation_file(artefact.path).write_bytes(content)
    with pytest.raises(FlatbufferError, match="evaluation is damaged"):
        evaluation_of(artefact)
