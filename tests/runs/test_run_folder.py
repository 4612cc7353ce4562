"""Making, finding and opening run folders."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from disks import calls_of_a_new_folder, calls_of_a_write, files_of_at_most, record_calls
from epoch_lines import line_of

from edgehybrid.errors import RunError
from edgehybrid.recipe import load_recipe
from edgehybrid.runs import run_folder
from edgehybrid.runs.epoch_line import EpochLine
from edgehybrid.runs.run_folder import (
    RunFolder,
    complete_environment,
    create_run,
    find_run,
    open_run,
    write_environment,
)


def run_named(runs: Path, name: str) -> RunFolder:
    """Of a recipe whose name is the letter that its name begins with, else "a"."""
    folder = runs / name
    folder.mkdir(parents=True)
    recipe = load_recipe("digits").model_copy(update={"name": name[0] if name[1:2] == "-" else "a"})
    (folder / "recipe.yaml").write_text(recipe.to_yaml())
    return open_run(folder)


def test_a_new_run_holds_the_resolved_recipe(tmp_path: Path) -> None:
    recipe = load_recipe("digits")
    run = create_run(tmp_path / "runs", recipe)
    assert run.recipe == recipe
    assert (run.path / "recipe.yaml").read_text() == recipe.to_yaml()


def test_a_runs_name_tells_recipe_and_time(tmp_path: Path) -> None:
    run = create_run(tmp_path, load_recipe("imagenet/xnor_vgg"))
    assert re.fullmatch(r"imagenet-xnor_vgg-\d{8}T\d{6}Z-[0-9a-f]{6}", run.name)
    assert run.path.parent == tmp_path


def test_two_runs_of_one_second_have_two_folders(tmp_path: Path) -> None:
    recipe = load_recipe("digits")
    assert create_run(tmp_path, recipe).path != create_run(tmp_path, recipe).path


def test_refuses_a_runs_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunError, match="cannot be made"):
        create_run(tmp_path / "runs", load_recipe("digits"))


@pytest.mark.parametrize("size_bytes", [0, 100])
def test_a_full_disk_leaves_no_folder(tmp_path: Path, size_bytes: int) -> None:
    with files_of_at_most(size_bytes), pytest.raises(RunError, match=r"cannot be made: .*File too large") as caught:
        create_run(tmp_path, load_recipe("digits"))
    assert "Make room" in (caught.value.next_step or "")
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full_after_the_recipe_leaves_no_folder(tmp_path: Path) -> None:
    run = create_run(tmp_path, load_recipe("digits"))
    with files_of_at_most(0), pytest.raises(RunError, match="cannot be made"):
        write_environment(run, {})
    assert not list(tmp_path.iterdir())


def test_a_recipe_that_changed_is_read_again_and_a_shared_one_is_not(tmp_path: Path) -> None:
    first, second = run_named(tmp_path, "a-1"), run_named(tmp_path, "a-2")
    assert first.recipe is second.recipe
    text = (first.path / "recipe.yaml").read_text()
    (first.path / "recipe.yaml").write_text(text.replace("seed: 2", "seed: 7"))
    changed = open_run(first.path)
    assert changed.recipe.training.seed == 7
    assert changed.recipe_sha256 != second.recipe_sha256


def test_another_run_of_the_same_name_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2025, 3, 2, tzinfo=UTC)
    monkeypatch.setattr(run_folder, "datetime", SimpleNamespace(now=lambda zone: now))
    monkeypatch.setattr(run_folder, "secrets", SimpleNamespace(token_hex=lambda size: "0" * 2 * size))
    run = create_run(tmp_path, load_recipe("digits"))
    with pytest.raises(RunError, match=r"cannot be made: .*File exists"):
        create_run(tmp_path, load_recipe("digits", ["training.seed=5"]))
    assert open_run(run.path) == run


def test_environment_names_versions_and_recipe(tmp_path: Path) -> None:
    run = create_run(tmp_path, load_recipe("digits"))
    write_environment(run, {"tensorflow": "2.21.0"})
    facts = json.loads((run.path / "env.json").read_text())
    assert facts["tensorflow"] == "2.21.0"
    assert facts["recipe_sha256"] == run.recipe_sha256


def test_an_environment_that_was_never_written_is_completed(tmp_path: Path) -> None:
    run = create_run(tmp_path, load_recipe("digits"))
    complete_environment(run, {"tensorflow": "2.21.0"})
    assert json.loads((run.path / "env.json").read_text())["tensorflow"] == "2.21.0"


def test_an_environment_is_that_of_the_start(tmp_path: Path) -> None:
    run = create_run(tmp_path, load_recipe("digits"))
    write_environment(run, {"tensorflow": "2.21.0"})
    complete_environment(run, {"tensorflow": "2.22.0"})
    assert json.loads((run.path / "env.json").read_text())["tensorflow"] == "2.21.0"


def test_a_disk_that_is_too_full_for_the_environment_of_a_run_keeps_the_run(tmp_path: Path) -> None:
    run = create_run(tmp_path, load_recipe("digits"))
    with files_of_at_most(0), pytest.raises(RunError, match="environment cannot be written") as caught:
        complete_environment(run, {})
    assert f"--resume {run.path}" in (caught.value.next_step or "")
    assert [path.name for path in run.path.iterdir()] == ["recipe.yaml"]


def test_the_newest_run_is_the_latest_by_the_time_in_its_name(tmp_path: Path) -> None:
    # By whole name or by time of the file, another one would win.
    newest = run_named(tmp_path, "a-20250302T000000Z-000000")
    run_named(tmp_path, "z-20250301T235959Z-ffffff")
    run_named(tmp_path, "b-20240302T000000Z-aaaaaa")
    assert find_run(tmp_path, None) == newest


def test_finds_a_run_by_name_and_by_path(tmp_path: Path) -> None:
    run = run_named(tmp_path, "a-20250302T000000Z-000000")
    run_named(tmp_path, "a-20250303T000000Z-000000")
    assert find_run(tmp_path, run.name) == run
    assert find_run(tmp_path / "elsewhere", str(run.path)) == run


@pytest.mark.parametrize(
    "name",
    [
        "a-20250302T000000Z-000000-backup",
        "old-a-20250302T000000Z-000000",
        "a-20250302T000000Z-00000",
        "20250302T000000Z-000000",
        "copy of a",
    ],
)
def test_a_copy_or_a_renamed_folder_is_no_default(name: str, tmp_path: Path) -> None:
    renamed = run_named(tmp_path, name)
    with pytest.raises(RunError, match="no run to default to") as caught:
        find_run(tmp_path, None)
    assert name in (caught.value.received or "")
    assert find_run(tmp_path, name) == renamed
    newest = run_named(tmp_path, "a-20240302T000000Z-000000")
    assert find_run(tmp_path, None) == newest


@pytest.mark.parametrize("folder", [".", "absent"])
def test_says_that_there_is_no_run(tmp_path: Path, folder: str) -> None:
    with pytest.raises(RunError, match="no run to default to"):
        find_run(tmp_path / folder, None)


def test_refuses_a_name_that_no_run_has(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder") as caught:
        find_run(tmp_path, "digitz")
    assert caught.value.received == str(tmp_path / "digitz")


def test_refuses_a_damaged_recipe(tmp_path: Path) -> None:
    run = run_named(tmp_path, "a-20250302T000000Z-000000")
    (run.path / "recipe.yaml").write_text("name: [")
    with pytest.raises(RunError, match="damaged recipe"):
        open_run(run.path)


def test_a_run_without_metrics_has_no_epoch(tmp_path: Path) -> None:
    assert run_named(tmp_path, "a").epochs() == []


def write_lines(run: RunFolder, *lines: EpochLine) -> None:
    (run.path / "metrics.jsonl").write_text("".join(f"{line.to_json()}\n" for line in lines))


def test_reads_a_line_an_epoch(tmp_path: Path) -> None:
    run = run_named(tmp_path, "a")
    write_lines(run, line_of(1), line_of(2))
    assert run.epochs() == [line_of(1), line_of(2)]


def selected_of(run: RunFolder, *validation_percents: float) -> int:
    lines = [line_of(i, top1_validation_percent=p) for i, p in enumerate(validation_percents, start=1)]
    write_lines(run, *lines)
    selected = run.selected_epoch()
    assert selected is not None
    return selected.epoch


def test_selects_the_epoch_that_is_best_on_the_validation_images(tmp_path: Path) -> None:
    assert selected_of(run_named(tmp_path, "a"), 40.0, 60.0, 50.0) == 2


def test_selects_the_first_of_equals(tmp_path: Path) -> None:
    assert selected_of(run_named(tmp_path, "a"), 40.0, 60.0, 60.0, 50.0) == 2


def test_an_accuracy_of_0_can_be_selected(tmp_path: Path) -> None:
    assert selected_of(run_named(tmp_path, "a"), 0.0, 0.0) == 1


def test_the_test_images_do_not_select(tmp_path: Path) -> None:
    run = run_named(tmp_path, "a")
    first = line_of(1, top1_percent=50.0, top1_validation_percent=60.0)
    write_lines(run, first, line_of(2, top1_percent=90.0, top1_validation_percent=55.0))
    assert run.selected_epoch() == first


@pytest.mark.parametrize("lines", [(), (line_of(1),)])
def test_without_validation_images_no_epoch_is_selected(lines: tuple[EpochLine, ...], tmp_path: Path) -> None:
    run = run_named(tmp_path, "a")
    write_lines(run, *lines)
    assert run.selected_epoch() is None


@pytest.mark.parametrize(
    "content", [b'{"epo', b"\xff\xfe\n", b"{}\n", b"[]\n", b'{"epoch": 1, "of_another_version": 2}\n']
)
def test_refuses_damaged_metrics(tmp_path: Path, content: bytes) -> None:
    run = run_named(tmp_path, "a")
    (run.path / "metrics.jsonl").write_bytes(f"{line_of(1).to_json()}\n".encode() + content)
    with pytest.raises(RunError, match=r"metrics\.jsonl: a line is damaged"):
        run.epochs()


# A power loss: what has not reached the disk is gone, names of files and folders too.


def test_a_new_run_reaches_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = record_calls(monkeypatch)
    run = create_run(tmp_path / "runs", load_recipe("digits"))
    assert calls == [
        *calls_of_a_new_folder(tmp_path / "runs"),
        *calls_of_a_new_folder(run.path),
        *calls_of_a_write(run.path / "recipe.yaml"),
    ]
