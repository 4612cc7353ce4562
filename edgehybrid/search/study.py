"""The study: what was tried, in a database that machines may share. Optuna keeps it and chooses what is next."""

import contextlib
import os
import platform
import random
import re
import time
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgehybrid import __version__
from edgehybrid.errors import EdgehybridError, MissingExtraError, UsageError
from edgehybrid.search.columns import ACCURACY, COLUMNS, is_better_or_equal, sampled_objectives
from edgehybrid.search.space import Params, Space

FILE = "search.sqlite"
# Of what edgehybrid itself stores in a study.
FORMAT = 1
# So many missed heartbeats, and a worker is taken for dead.
MISSED_HEARTBEATS = 3
# A trial whose workers died so often is given up: it may be what kills them.
MOST_RETRIES = 3
# At making the tables of a database, each lost to another worker.
_TRIES = 10
# Names of what edgehybrid stores with a trial.
COSTS, CURVE, RUN, MACHINE, FAULT, FAILURE, SECONDS = (
    *("costs", "top1_validation_percent", "run", "machine"),
    *("fault", "failure", "seconds"),
)
# The fault of a trial that went to the end of the queue, where it stands under another number.
PUT_OFF = "put off"
_GIVEN_UP = f"its workers died {MOST_RETRIES + 1} times"
State = Literal["trained", "stopped early", "left out", "failed", "running", "waiting"]


@dataclass(frozen=True)
class TrialRecord:
    """One trial of a study.

    Attributes:
        number: the study's own, from 0.
        costs: by column.
        curve: validation accuracy after each epoch, percent.
        run: name of the run folder, on the machine ``machine``.
        fault: why it was left out, or what failed.
        seconds: from its start to its end, training included.
    """

    number: int
    state: State
    params: Params
    costs: dict[str, float]
    curve: tuple[float, ...]
    run: str | None
    machine: str | None
    fault: str | None
    seconds: float | None

    @property
    def figures(self) -> dict[str, float]:
        """By column; the accuracy is that of the last epoch."""
        return {**self.costs, **({ACCURACY: self.curve[-1]} if self.curve else {})}


class Study:
    """A study of one space.

    Attributes:
        optuna: Optuna's study.
        created: whether it was not there before.
        url: of the database.
    """

    def __init__(self, space: Space, optuna_study: Any, created: bool, url: str) -> None:
        self.space, self.optuna, self.created, self.url = space, optuna_study, created, url

    def trials(self) -> list[TrialRecord]:
        """All trials by number. A trial whose worker died counts as its repetition, and is not listed beside it."""
        found = [one for one in self.optuna.get_trials(deepcopy=False) if one.user_attrs.get(FAULT) != PUT_OFF]
        repeated = {number for one in found for number in one.system_attrs.get("retry_history", ())}
        return [_record(one) for one in found if one.number not in repeated]

    def kept(self) -> list[TrialRecord]:
        """Those that were trained to their end and keep the limit of accuracy, if there is one."""
        limit = self.space.settings.limits.get(ACCURACY)
        done = [one for one in self.trials() if one.state == "trained"]
        return [one for one in done if limit is None or is_better_or_equal(ACCURACY, one.figures[ACCURACY], limit)]

    def remember(self, key: str, value: Any) -> None:
        """Stores a fact of the study."""
        self.optuna.set_user_attr(key, value)

    def fact(self, key: str) -> Any:
        """A stored fact; None if there is none."""
        return self.optuna.user_attrs.get(key)

    def take_up_the_dead(self) -> None:
        """Puts the trials of workers whose heart has stopped beating back into the queue."""
        with _without_experimental_warnings():
            _optuna().storages.fail_stale_trials(self.optuna)

    def put_back(self, number: int) -> None:
        """Puts a trial that was interrupted into the queue again, with what is known of it; none that has ended."""
        optuna = _optuna()
        failed = self.optuna.get_trials(deepcopy=False, states=[optuna.trial.TrialState.FAIL])
        with _without_experimental_warnings():
            # However often: it is the user who interrupts.
            put_back = optuna.storages.RetryHeartbeatStaleTrialCallback()
        for trial in failed:
            if trial.number == number:
                put_back(self.optuna, trial)


def _record(trial: Any) -> TrialRecord:
    attributes = trial.user_attrs
    states: dict[str, State] = {"COMPLETE": "trained", "RUNNING": "running", "WAITING": "waiting", "FAIL": "failed"}
    state = states.get(trial.state.name) or ("left out" if FAULT in attributes else "stopped early")
    return TrialRecord(
        number=trial.number,
        state=state,
        params=dict(trial.params),
        costs=attributes.get(COSTS, {}),
        curve=tuple(attributes.get(CURVE, ())),
        run=attributes.get(RUN),
        machine=attributes.get(MACHINE),
        fault=attributes.get(FAULT) or attributes.get(FAILURE) or (_GIVEN_UP if state == "failed" else None),
        seconds=attributes.get(SECONDS),
    )


def open_study(space: Space, storage: str | None, runs: Path, resumes: bool, heartbeat_s: int = 60) -> Study:
    """The space's study, made if it is not there.

    Args:
        storage: URL of a database; None for a file in the folder of runs. A named one may be shared: an existing study
            is joined.
        resumes: whether an existing study in the folder of runs is meant.

    Raises:
        UsageError: a study of that name is there, and is not meant, or is of another space.
        EdgehybridError: the database cannot be reached or read, or is of a later version.
        MissingExtraError: Optuna, or the driver of the database, is not installed.
    """
    optuna = _optuna()
    url = storage or _file_url(runs)
    with database_errors(url), _opening_errors(url), _without_experimental_warnings():
        database = _database(url, heartbeat_s)
        is_there = space.name in optuna.study.get_all_study_names(database)
        if is_there and storage is None and not resumes:
            raise UsageError(
                "There is a study of this name already.",
                received=f"'{space.name}' in {runs / FILE}",
                next_step="Go on with it: add --resume. For a new one: another --runs, or another name in the space.",
            )
        directions = [
            "maximize" if COLUMNS[name].more_is_better else "minimize" for name in sampled_objectives(space.settings)
        ]
        # Another worker may make it at this moment.
        study = optuna.create_study(
            study_name=space.name,
            storage=database,
            directions=directions,
            load_if_exists=True,
        )
        found = Study(space, study, not is_there, url)
        study.sampler = _sampler(space, found)
        _check_or_write_identity(found)
    return found


def _database(url: str, heartbeat_s: int) -> Any:
    """Optuna's storage, its tables made if they are missing: also if several workers make them at the same moment."""
    import sqlalchemy.exc as faults

    optuna = _optuna()
    # A worker waits for another's write.
    engine = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    tries = 0
    while True:
        tries += 1
        try:
            return optuna.storages.RDBStorage(
                url,
                engine_kwargs=engine,
                heartbeat_interval=heartbeat_s,
                grace_period=MISSED_HEARTBEATS * heartbeat_s,
                heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(MOST_RETRIES),
            )
        except (faults.IntegrityError, faults.ProgrammingError, faults.OperationalError) as error:
            # The other's tables are there now. What cannot be reached is not waited for.
            made_by_another = "already exists" in str(error) or "duplicate" in str(error)
            if tries == _TRIES or not made_by_another:
                raise
            time.sleep(random.uniform(0.2, 1.0))


def _file_url(runs: Path) -> str:
    try:
        runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgehybridError(f"The folder of runs cannot be made: {error}.", received=runs) from error
    return f"sqlite:///{(runs / FILE).resolve()}"


def _sampler(space: Space, study: Study) -> Any:
    optuna, settings = _optuna(), space.settings
    seed = settings.seed
    if not study.created:
        # With the seed of the first worker, this one would draw what that has drawn.
        drawn = f"{seed} {len(study.optuna.get_trials(deepcopy=False))} {platform.node()} {os.getpid()}"
        seed = zlib.crc32(drawn.encode())
    if settings.sampler == "nsga2":
        return optuna.samplers.NSGAIISampler(population_size=settings.population, seed=seed)
    return optuna.samplers.TPESampler(seed=seed)


def _check_or_write_identity(study: Study) -> None:
    """A study is of one space, and of one form of what is stored in it."""
    found = study.fact("edgehybrid")
    if found is None:
        study.optuna.set_metric_names(sampled_objectives(study.space.settings))
        facts = {"format": FORMAT, "version": __version__, "space_sha256": study.space.sha256}
        study.remember("edgehybrid", facts)
        return
    if found["format"] > FORMAT:
        raise EdgehybridError(
            "The study was made by a later version of edgehybrid.",
            received=f"format {found['format']}, of edgehybrid {found['version']}",
            allowed=f"format {FORMAT} (edgehybrid {__version__})",
            next_step="Update edgehybrid on this machine.",
        )
    if found["space_sha256"] != study.space.sha256:
        raise UsageError(
            "The study of this name is of another space: fields, values or settings differ.",
            received=f"'{study.space.name}' in {shown(study.url)}",
            next_step="Give the space another name, or name another --storage.",
        )


def shown(url: str) -> str:
    """A database's URL without its password, and a text that is none without what could be one."""
    return re.sub(r":[^:/@]*@", ":***@", url)


@contextlib.contextmanager
def _opening_errors(url: str) -> Iterator[None]:
    """What is wrong with a URL, or with what is installed here."""
    import sqlalchemy.exc as faults

    allowed = "sqlite:///FILE, or postgresql://USER@HOST/DATABASE"
    try:
        yield
    except (faults.ArgumentError, faults.NoSuchModuleError) as error:
        raise UsageError("The storage is not the URL of a database.", received=shown(url), allowed=allowed) from error
    except ImportError as error:
        raise MissingExtraError(error.name or "psycopg", "search") from error
    except RuntimeError as error:
        raise EdgehybridError(
            f"The database is of another version of Optuna: {error}",
            received=shown(url),
            next_step="Update Optuna here.",
        ) from error


@contextlib.contextmanager
def database_errors(url: str) -> Iterator[None]:
    """What goes wrong with a database, in one message without its password; also while it is used."""
    import sqlalchemy.exc as faults

    try:
        yield
    except (faults.SQLAlchemyError, _optuna().exceptions.StorageInternalError) as error:
        raise EdgehybridError(
            f"The database cannot be used: {_first_line(error)}",
            received=shown(url),
            next_step="Check that it runs, that this machine may reach it, and its name, user and password.",
        ) from error


def _first_line(error: Exception) -> str:
    # Optuna's own error says only that there is one.
    cause = error.__cause__ or error
    return str(getattr(cause, "orig", None) or cause).strip().splitlines()[0]


@contextlib.contextmanager
def _without_experimental_warnings() -> Iterator[None]:
    """Optuna calls its heartbeats experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", _optuna().exceptions.ExperimentalWarning)
        yield


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError("optuna", "search") from error
    # What a user should see of a trial is said by the search.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
