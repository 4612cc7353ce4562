"""Whether a measured latency can be trusted: rules as data, each with its limit and what it says.

valid: nothing spoke against it. suspect: the numbers may be off by some percent. invalid: they are not those of the
board at its clock. unchecked: the flatbuffer was not compared with Keras on test images.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

from edgehybrid.device.facts import State
from edgehybrid.results.row import Verdict

Severity = Literal["suspect", "invalid"]
T = TypeVar("T")


@dataclass(frozen=True)
class Evidence:
    """What is known of all sessions of one measurement.

    Attributes:
        medians_ms: of each session.
        within_percent: spread of a session's middle half around its median, the largest of the sessions.
        states: of the machine, before, between and after the timed blocks.
        others_percent: of the processor's time that others took, the most of the sessions.
        clock_jump_seconds, restarted: what a session told of its machine.
    """

    medians_ms: Sequence[float]
    within_percent: float
    states: Sequence[State]
    others_percent: float | None
    clock_jump_seconds: float | None = None
    restarted: bool = False

    @property
    def between_percent(self) -> float:
        """By how much the sessions' medians differ."""
        return 100 * (max(self.medians_ms) / min(self.medians_ms) - 1)

    def known(self, of: Callable[[State], T | None]) -> list[T]:
        """What the states say, where they say something."""
        return [value for state in self.states if (value := of(state)) is not None]


class Rule(NamedTuple):
    """One doubt.

    Attributes:
        limit: of what ``find`` looks at, with its unit in ``says``.
        find: the sentence about a measurement that is beyond the limit, else None.
        origin: where the limit comes from.
    """

    name: str
    severity: Severity
    limit: float
    find: Callable[[Evidence, float], str | None]
    origin: str


def _throttled(evidence: Evidence, limit: float) -> str | None:
    words = [word for words in evidence.known(lambda state: state.throttled) for word in words]
    return f"the board held its clock back: {', '.join(sorted(set(words)))}" if len(words) > limit else None


def _restarted(evidence: Evidence, limit: float) -> str | None:
    return "the board restarted between sessions" if evidence.restarted > limit else None


def _hot(evidence: Evidence, limit: float) -> str | None:
    hottest = max(evidence.known(lambda state: state.temperature_c), default=0.0)
    return f"the board reached {hottest:.0f} °C" if hottest >= limit else None


def _slow_clock(evidence: Evidence, limit: float) -> str | None:
    clocks = evidence.known(lambda state: state.cpu_mhz)
    if not clocks or max(clocks) - min(clocks) <= limit / 100 * max(clocks):
        return None
    return f"the clock ran between {min(clocks):.0f} and {max(clocks):.0f} MHz"


def _few_sessions(evidence: Evidence, limit: float) -> str | None:
    if len(evidence.medians_ms) >= limit:
        return None
    return f"one session only; at least {limit:.0f} show whether it can be repeated"


def _sessions_differ(evidence: Evidence, limit: float) -> str | None:
    spread = evidence.between_percent
    return f"the medians of the sessions differ by {spread:.0f} %" if spread > limit else None


def _uneven(evidence: Evidence, limit: float) -> str | None:
    spread = evidence.within_percent
    return f"half of a session's runs lie {spread:.0f} % apart" if spread > limit else None


def _others(evidence: Evidence, limit: float) -> str | None:
    share = evidence.others_percent
    if share is None or share <= limit:
        return None
    return f"others took {share:.0f} % of the processor's time meanwhile"


def _governor(evidence: Evidence, limit: float) -> str | None:
    governors = sorted(set(evidence.known(lambda state: state.governor)) - {"performance"})
    return f"the clock may change: governor {', '.join(governors)}" if len(governors) > limit else None


def _clock_set(evidence: Evidence, limit: float) -> str | None:
    jump = evidence.clock_jump_seconds
    if jump is None or abs(jump) <= limit:
        return None
    return f"the machine's clock was set by {jump:+.0f} s meanwhile; times come from one that is never set"


RULES: Sequence[Rule] = (
    Rule("throttled", "invalid", 0, _throttled, "the firmware's own word, at the moment"),
    Rule("restarted", "invalid", 0, _restarted, "another boot id"),
    Rule("temperature_c", "suspect", 80, _hot, "a Raspberry Pi caps its clock from 80 °C on"),
    Rule("clock_percent", "suspect", 5, _slow_clock, "as much as sessions may differ"),
    Rule("sessions", "suspect", 2, _few_sessions, "two can be compared"),
    Rule("between_percent", "suspect", 10, _sessions_differ, "some percent are usual on an idle machine"),
    Rule("within_percent", "suspect", 25, _uneven, "some percent are usual on an idle machine"),
    Rule("others_percent", "suspect", 10, _others, "a tenth of the processor"),
    Rule("governor", "suspect", 0, _governor, "only 'performance' keeps the clock"),
    Rule("clock_jump_seconds", "suspect", 2, _clock_set, "a time server moves a clock by less"),
)


def judge(verified_on: str | None, evidence: Evidence) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict and its reasons.

    Args:
        verified_on: of the sidecar; ``test``, or what the flatbuffer was compared on instead.
    """
    found = [(rule.severity, reason) for rule in RULES if (reason := rule.find(evidence, rule.limit)) is not None]
    reasons = tuple(reason for _, reason in found)
    if any(severity == "invalid" for severity, _ in found):
        return "invalid", reasons
    if verified_on != "test":
        return "unchecked", (f"compared with Keras on {verified_on} images", *reasons)
    return ("suspect" if reasons else "valid"), reasons
