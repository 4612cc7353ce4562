"""How long a search takes beside its trainings: candidates judged without training, and a large study opened.

    python benchmarks/search_speed.py

The aims: 10,000 candidates below 30 s; a study of 1,000 trials opened and read below 2 s. The space is that of the
recipes/README.md, whose range makes nearly every candidate another network.
"""

import tempfile
import time
from pathlib import Path

import optuna

from edgehybrid.search.candidate import Judge, screen
from edgehybrid.search.columns import CostModel
from edgehybrid.search.space import Space, read_space
from edgehybrid.search.study import COSTS, CURVE, open_study

SPACE = """\
name: speed
description: ResNet-20 of any width and share of full precision
data: {dataset: cifar100, validation_images: 5000}
network:
  architecture: resnet20
  width: {range: [0.25, 3.0]}
  shortcut: {choices: [topology, every_convolution]}
  placement:
    full_precision: {choices: [[first, last], [first, last, shortcuts]]}
    float_fraction: {range: [0.0, 0.5]}
    bits:
      stage2: {choices: [1, 2]}
      stage3: {choices: [1, 2]}
search:
  limits: {energy_model_uj: 15}
"""
CANDIDATES, TRIALS = 10_000, 1_000


def fill(space: Space, runs: Path) -> None:
    """Puts trials of made-up accuracies into a new study."""
    study = open_study(space, None, runs, resumes=False)
    study.optuna.sampler = optuna.samplers.RandomSampler(seed=0)

    def objective(trial: optuna.Trial) -> list[float]:
        for name, domain in space.domains.items():
            domain.suggest(trial, name)
        trial.set_user_attr(COSTS, {"energy_model_uj": float(trial.number)})
        trial.set_user_attr(CURVE, [50.0] * 12)
        return [50.0, float(trial.number)]

    study.optuna.optimize(objective, n_trials=TRIALS)


def main() -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "space.yaml"
        path.write_text(SPACE)
        space = read_space(str(path))
        began = time.perf_counter()
        found = screen(space, Judge(space, CostModel(space.settings, folder)), CANDIDATES)
        print(f"{time.perf_counter() - began:6.2f} s  {CANDIDATES:,} candidates, {len(found.fit):,} fit")
        began = time.perf_counter()
        fill(space, folder / "runs")
        print(f"{time.perf_counter() - began:6.2f} s  {TRIALS:,} trials written")
        began = time.perf_counter()
        trials = open_study(space, None, folder / "runs", resumes=True).trials()
        print(f"{time.perf_counter() - began:6.2f} s  a study of {len(trials):,} trials opened and read")


if __name__ == "__main__":
    main()
