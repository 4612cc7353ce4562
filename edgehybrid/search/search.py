"""The worker's loop: the next candidate, its cost, its training, until the study has as many trained as asked for."""

import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from edgehybrid.data.source import open_source
from edgehybrid.errors import DataError, EdgehybridError, InterruptedTrainingError, RunError, UsageError
from edgehybrid.recipe import Recipe
from edgehybrid.runs.epoch_line import EpochLine
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.search.candidate import Candidate, Judge, Screening, is_beaten, known_designs, screen, spread
from edgehybrid.search.columns import ACCURACY, cost_objectives, sampled_objectives
from edgehybrid.search.early_stop import costs_no_more, is_behind
from edgehybrid.search.space import Params
from edgehybrid.search.study import COSTS, CURVE, FAILURE, FAULT, MACHINE, PUT_OFF, RUN, SECONDS, Study, TrialRecord
from edgehybrid.search.trial_training import OnEpochs, OnRun, train_candidate

# So many candidates in a row that are not trained, and the sampler has run dry: then candidates are drawn anew.
MOST_LEFT_OUT = 100
# Between looks at whether other workers have finished.
POLL_S = 5.0
Say = Callable[[str], None]
_FAULTS_OF_USERS = (UsageError, DataError, RunError, InterruptedTrainingError)


class Train(Protocol):
    """What trains a candidate; see ``train_candidate``."""

    def __call__(self, recipe: Recipe, runs: Path, earlier: str | None, on_run: OnRun, on_epochs: OnEpochs) -> None:
        """As ``train_candidate``."""


class Worker:
    """One process of a search.

    Args:
        runs: folder for run folders.
        say: takes a line for the user.
        train: what trains a candidate.
    """

    def __init__(self, study: Study, judge: Judge, runs: Path, say: Say, train: Train = train_candidate) -> None:
        self._study, self._judge, self._runs, self._say, self._train = study, judge, runs, say, train
        self._space = study.space
        self._objectives = sampled_objectives(self._space.settings)
        self._costs = cost_objectives(self._objectives)
        self._left_out_in_a_row = 0
        self._number = -1

    def begin(self, candidates: int) -> Screening:
        """Screens random candidates; into a new study, known designs and a first generation are put.

        Raises:
            EdgehybridError: no network of the space fits its limits.
            DataError: the images are not there.
        """
        open_source(self._space.recipe({}).data).check()
        found = screen(self._space, self._judge, candidates)
        designs = known_designs(self._space, self._judge)
        if not designs:
            found.check(self._space)
        if self._study.created:
            for one in [*designs, *spread(found.fit, self._space.settings.population)]:
                self._study.optuna.enqueue_trial(dict(one.params), skip_if_exists=True)
        return found

    def run(self, trials: int, ends: float) -> bool:
        """Tries candidates until the study has ``trials`` trained ones, those of all workers counted.

        Args:
            ends: time (``time.monotonic``) after which no further one is begun.

        Returns:
            whether the study has as many; not, if time is over or nothing is left to train.

        Raises:
            InterruptedTrainingError: by a signal; DataError, RunError: such as a full disk. The trial is put back.
        """
        while True:
            self._study.take_up_the_dead()
            records = self._study.trials()
            counts = Counter(one.state for one in records)
            done = counts["trained"] + counts["stopped early"] + counts["failed"]
            if done >= trials:
                return True
            if time.monotonic() >= ends:
                return False
            if done + counts["running"] >= trials:
                # The others are at work on the last ones; should one die, its trial is taken up here.
                time.sleep(POLL_S)
                continue
            if self._left_out_in_a_row >= MOST_LEFT_OUT and not self._draw_anew(records):
                self._say("No candidate is left that fits and was not trained: the space is exhausted.")
                return False
            try:
                self._study.optuna.optimize(self._try, n_trials=1, catch=(_FailedTrialError,))
            except (KeyboardInterrupt, *_FAULTS_OF_USERS):
                # For Optuna its trial has failed; but not for what it is.
                self._study.put_back(self._number)
                raise
            except ValueError as error:
                # What Optuna says when another worker has taken this one for dead, and its trial with it.
                if "Cannot tell a FAIL trial" not in str(error):
                    raise
                self._say(f"#{self._number}: taken over by another worker, which had no sign of life from this one")

    def _draw_anew(self, records: list[TrialRecord]) -> bool:
        """Enqueues random candidates that fit and are new; False if there are none."""
        known = [one.figures for one in records if one.state == "trained"]
        tried = {_key(one) for one in records if one.state != "left out"}
        seed = len(records)
        source = screen(self._space, self._judge, 20 * MOST_LEFT_OUT, seed)
        fresh = [one for one in source.fit if _key(one) not in tried and not is_beaten(one, known, self._space)]
        for one in fresh[: self._space.settings.population]:
            self._study.optuna.enqueue_trial(dict(one.params))
        self._left_out_in_a_row = 0
        return bool(fresh)

    def _try(self, trial: Any) -> list[float]:
        """One trial: values of the objectives; or Optuna's exception for one that is not trained to its end."""
        began, self._number = time.monotonic(), trial.number
        params = {name: domain.suggest(trial, name) for name, domain in self._space.domains.items()}
        candidate = self._judge.candidate(params)
        trial.set_user_attr(COSTS, dict(candidate.costs))
        records = self._study.trials()
        if trial.user_attrs.get(RUN) is None and any(one.state == "waiting" and one.run for one in records):
            # Of what waits, Optuna hands out the oldest; first comes what a dead worker has begun.
            self._study.optuna.enqueue_trial(params)
            self._leave_out(trial, PUT_OFF)
        if (fault := self._fault(candidate, records, trial.number)) is not None:
            self._left_out_in_a_row += 1
            self._leave_out(trial, fault)
        self._left_out_in_a_row = 0
        recipe = self._space.recipe(params, trial.number)
        self._say(f"#{trial.number}: {_costs_text(candidate)}; {_params_text(params)}")
        try:
            curve = self._curve(trial, recipe, candidate)
        except _FAULTS_OF_USERS:
            raise
        except EdgehybridError as error:
            # Such as a loss that is not finite: a fact about the candidate.
            trial.set_user_attr(FAILURE, error.what)
            self._say(f"#{trial.number}: failed: {error.what}")
            raise _FailedTrialError(error.what) from error
        finally:
            trial.set_user_attr(SECONDS, round(time.monotonic() - began, 3))
        self._say(f"#{trial.number}: validation top-1 {curve[-1]:.2f} % after {len(curve)} epochs")
        limit = self._space.settings.limits.get(ACCURACY)
        if limit is not None:
            trial.set_constraint(ACCURACY, limit - curve[-1])
        figures = {**candidate.costs, ACCURACY: curve[-1]}
        return [figures[name] for name in self._objectives]

    def _fault(self, candidate: Candidate, records: list[TrialRecord], number: int) -> str | None:
        if candidate.fault is not None:
            return candidate.fault
        tried = [one for one in records if one.number != number and one.state not in ("left out", "waiting")]
        if _key(candidate) in map(_key, tried):
            return "tried before"
        trained = [one.figures for one in records if one.state == "trained"]
        return "beaten before training" if is_beaten(candidate, trained, self._space) else None

    def _leave_out(self, trial: Any, fault: str) -> None:
        import optuna

        trial.set_user_attr(FAULT, fault)
        raise optuna.TrialPruned(fault)

    def _curve(self, trial: Any, recipe: Recipe, candidate: Candidate) -> list[float]:
        """Trains; validation accuracies after each epoch."""
        import optuna

        curve: list[float] = []

        def on_run(run: RunFolder) -> None:
            trial.set_user_attr(RUN, run.name)
            trial.set_user_attr(MACHINE, socket.gethostname())
            take(run.epochs())

        def take(lines: list[EpochLine]) -> None:
            curve[:] = [float(line.top1_validation_percent or 0.0) for line in lines]
            trial.set_user_attr(CURVE, curve)

        def on_epochs(lines: list[EpochLine]) -> None:
            take(lines)
            settings = self._space.settings.early_stop
            if settings is None or len(curve) >= recipe.training.epochs:
                return
            others = [
                one.curve
                for one in self._study.trials()
                if one.number != trial.number and one.curve and costs_no_more(one.costs, candidate.costs, self._costs)
            ]
            if is_behind(curve, others, settings):
                self._say(f"#{trial.number}: stopped early, {curve[-1]:.2f} % after {len(curve)} epochs")
                raise optuna.TrialPruned("stopped early")

        self._train(recipe, self._runs, trial.user_attrs.get(RUN), on_run, on_epochs)
        return curve


class _FailedTrialError(Exception):
    """A candidate that could not be trained; the search goes on."""


def _key(one: TrialRecord | Candidate) -> str:
    """Equal for the same values of the open fields."""
    return str(sorted(one.params.items()))


def _costs_text(candidate: Candidate) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in candidate.costs.items())


def _params_text(params: Params) -> str:
    return ", ".join(f"{name.partition('.')[2]}={value}" for name, value in params.items())
