"""What ``edgehybrid zoo`` prints."""

from edgehybrid.console.zoo_text import zoo_text
from edgehybrid.cost.zoo import ZooRow

ROW = ZooRow("zoo:hybrid_res_a", "packed", "cifar100", 30, 49.2, 53.09, 107_680, 10.694, 589_312)


def test_a_line_a_flatbuffer() -> None:
    int8 = ZooRow("zoo:float_res:int8", "int8", "cifar100", 30, None, None, 300_000, None, None)
    lines = zoo_text([ROW, int8]).splitlines()
    assert lines[1].split() == [
        *("zoo:hybrid_res_a", "packed", "cifar100", "30", "49.20", "%", "53.09", "%", "107,680", "10.69")
    ]
    assert lines[2].split() == ["zoo:float_res:int8", "int8", "cifar100", "30", "–", "–", "300,000", "–"]


def test_an_empty_zoo() -> None:
    assert zoo_text([]) == "The zoo is empty."
