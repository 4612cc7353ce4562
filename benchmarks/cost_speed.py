"""How long the cost model takes: one ResNet-20 in a search loop, and the whole command from a cold start.

    python benchmarks/cost_speed.py

Prints the median of many runs. The aims: a built network below 1 ms, all published recipes in one call below 1 s.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from edgehybrid.cost import cost_of, cost_of_network
from edgehybrid.cost.rules import FULL
from edgehybrid.networks import network_of
from edgehybrid.recipe import load_recipe, recipe_names

COMMAND = Path(sys.executable).parent / "edgehybrid"


def median_ms(run: Callable[[], object], runs: int) -> float:
    """Median time of one run, after one that is not timed."""
    run()
    samples = []
    for _ in range(runs):
        began = time.perf_counter()
        run()
        samples.append(1e3 * (time.perf_counter() - began))
    return statistics.median(samples)


def main() -> None:
    """Measures and prints."""
    recipe = load_recipe("hybrid_res_a")
    network = network_of(recipe)
    published = [name for name in recipe_names() if load_recipe(name).published]
    rows = [
        ("ResNet-20, built network, rules paper", median_ms(lambda: cost_of_network(network).energy_uj, 500)),
        ("ResNet-20, built network, rules full", median_ms(lambda: cost_of_network(network, FULL).energy_uj, 500)),
        ("ResNet-20, recipe with both references and peak memory", median_ms(lambda: cost_of(recipe), 200)),
        (
            f"edgehybrid cost, {len(published)} recipes, cold start",
            median_ms(lambda: subprocess.run([COMMAND, "cost", *published], capture_output=True, check=True), 10),
        ),
    ]
    for name, milliseconds in rows:
        print(f"{milliseconds:9.3f} ms  {name}")


if __name__ == "__main__":
    main()
