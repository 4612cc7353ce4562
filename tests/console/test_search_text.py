"""What ``search`` prints: the front, the cheapest at each accuracy, and what is left to do."""

from pathlib import Path

from small_spaces import fake_training, judge_of, small_space

from edgehybrid.console.search_text import search_text
from edgehybrid.search.candidate import Screening
from edgehybrid.search.columns import sampled_objectives
from edgehybrid.search.finish import Member
from edgehybrid.search.found import Found
from edgehybrid.search.front import cheapest_at, front_of
from edgehybrid.search.search import Worker
from edgehybrid.search.study import open_study


def test_a_person_reads_the_front_and_what_is_left(tmp_path: Path) -> None:
    space = small_space(tmp_path)
    study = open_study(space, None, tmp_path / "runs", resumes=True)
    assert "The front is empty" in search_text(Found(space, Screening(), [], True, []))
    worker = Worker(
        study, judge_of(space), tmp_path / "runs", lambda _: None, fake_training(lambda r: 50 + 40 * r.network.width)
    )
    worker.begin(20)
    worker.run(4, float("inf"))
    front = front_of(study.kept(), sampled_objectives(space.settings))
    members = [Member(one, 81.25, None) for one in front]
    out = [Member(front[0], excluded="limit latency_ms_median")]
    text = search_text(
        Found(space, Screening(), study.trials(), False, members, out, cheapest_at([10, 100], study.kept(), space))
    )
    assert "4 trained" in text
    assert "81.25" in text
    assert f"#{front[0].number} is not in it: limit latency_ms_median." in text
    assert "--resume" in text
    lines = text.splitlines()
    cheapest = next(line for line in lines if line.startswith("10 "))
    assert f"#{front[0].number}" in cheapest
    assert next(line for line in lines if line.startswith("100 ")).count("none") == 2
