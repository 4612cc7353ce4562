"""Options that several commands have, and pairs of them that cannot both be meant."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from edgehybrid.console.options import (
    json_option,
    refuse_existing,
    refuse_runs_beside_path,
    refuse_together,
    refuse_without,
    results_file,
    results_option,
    runs_option,
    set_option,
    threads_option,
    was_typed,
)
from edgehybrid.errors import EdgehybridError, UsageError


def answer(*arguments: str, **environment: str) -> str:
    """What a command with the options of ours made of these."""

    @click.command()
    @click.argument("name", required=False)
    @threads_option
    @set_option
    @results_option
    @runs_option
    @json_option
    def command(
        name: str | None, threads: int, overrides: tuple[str, ...], store: Path | None, runs: Path, as_json: bool
    ) -> None:
        refuse_runs_beside_path(name, runs)
        click.echo(f"{results_file(store, runs)} {threads} {list(overrides)} {as_json} {was_typed('runs')}")

    done = CliRunner().invoke(command, arguments, env=environment, catch_exceptions=False)
    return done.output.strip()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "runs/results.sqlite 1 [] False False"),
        (["--runs", "mine"], "mine/results.sqlite 1 [] False True"),
        (["--runs", "runs"], "runs/results.sqlite 1 [] False True"),
        (["--results", "a.sqlite"], "a.sqlite 1 [] False False"),
        (["--threads", "256", "--json"], "runs/results.sqlite 256 [] True False"),
        (["--set", "a=1", "--set", "b=2"], "runs/results.sqlite 1 ['a=1', 'b=2'] False False"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_what_is_typed_is_told_from_a_default(arguments: list[str], expected: str) -> None:
    assert answer(*arguments) == expected


def test_the_folder_of_the_environment_counts_and_was_not_typed() -> None:
    assert answer(EDGEHYBRID_RUNS="theirs") == "theirs/results.sqlite 1 [] False False"
    assert answer("--runs", "mine", EDGEHYBRID_RUNS="theirs") == "mine/results.sqlite 1 [] False True"


@pytest.mark.parametrize("threads", ["0", "257", "many"])
def test_refuses_threads_that_the_runtime_does_not_take(threads: str) -> None:
    assert "Invalid value for '--threads'" in answer("--threads", threads)


def test_a_path_leads_elsewhere_than_the_folder_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    (tmp_path / "runs" / "there").mkdir(parents=True)
    with pytest.raises(UsageError, match="looked for where it leads") as refused:
        answer("here", "--runs", "runs")
    assert refused.value.received == "here --runs runs"
    # A default or the environment is no contradiction, and neither is the name of a run, or one that is not there.
    for arguments in (["here"], ["there", "--runs", "runs"], ["nowhere", "--runs", "runs"]):
        assert answer(*arguments)
    assert answer("here", EDGEHYBRID_RUNS="runs")
    # A name that is both is that of the run.
    (tmp_path / "runs" / "here").mkdir()
    assert answer("here", "--runs", "runs")


def test_of_options_that_exclude_each_other_one_may_be_given() -> None:
    for options in ({}, {"--a": True, "--b": False}, {"--a": None, "--b": "x", "--c": ()}):
        refuse_together("Choose.", options)
    with pytest.raises(UsageError, match=r"Choose\.") as refused:
        refuse_together("Choose.", {"--a": 1, "--b": None, "--c": "x"})
    assert (refused.value.received, refused.value.allowed) == ("--a --c", "one of them")


@pytest.mark.parametrize(("value", "needed"), [(None, None), ((), None), (None, "plot"), (True, "plot")])
def test_an_option_that_does_something_or_was_not_given_is_let_pass(value: object, needed: object) -> None:
    refuse_without("It is for a plot.", "--overwrite", value, needed)


def test_refuses_an_option_that_would_do_nothing() -> None:
    with pytest.raises(UsageError, match=r"It is for a plot\.") as refused:
        refuse_without("It is for a plot.", "--overwrite", True, None)
    assert refused.value.next_step == "Leave --overwrite out."


def test_an_output_that_is_there_is_replaced_only_when_told(tmp_path: Path) -> None:
    refuse_existing(tmp_path / "new", "The plot", overwrite=False)
    refuse_existing(tmp_path, "The plot", overwrite=True)
    with pytest.raises(EdgehybridError, match=r"The plot exists already\.") as refused:
        refuse_existing(tmp_path, "The plot", overwrite=False)
    assert "--overwrite" in (refused.value.next_step or "")
