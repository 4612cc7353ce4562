"""What is counted: every decision that the paper's text leaves open, by name. What it costs is in tables/.

``PAPER`` is the one choice that reproduces the printed Tables 3 to 7 of Chakraborty et al. 2019 (arXiv:1902.00460);
the text behind each field says which figure fixes it. ``FULL`` counts every access of every layer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args, get_type_hints

from edgehybrid.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Rules:
    """One account of a network. Never counted: biases, BatchNorm, learned thresholds, RPReLU, pooling, additions.

    Attributes:
        name: ``paper`` or ``full``, and every field that was changed.
        weight_reads: reads of k²·I·O weights, or of one filter's k²·I. Table 1 against the text of section 3.1.1;
            no printed energy comes out with the text's.
        input_map: the N² inputs of a layer read without its padding, or with it. Fixed by Table 4.
        strided_input: a layer with stride reads its whole input, or only as many pixels as it writes. Table 4, with
            a twin: see shortcut_maps.
        dense_maps: whether dense layers read inputs and write outputs. Fixed by Table 4, VGG XNOR.
        alpha_reads: each quantised filter reads its scale. Fixed by Table 4.
        alpha_macs: each output of a quantised filter is multiplied by its scale. Fixed by Table 4.
        dense_alpha: where the scales of dense layers count. Fixed by VGG XNOR: E.E. 24.13, M.C. 24.08.
        binary_mac: a MAC of b bits is b/w of the table's w-bit one, or b times what the table states for one bit.
            Table 2 prints 0.1 pJ for 3.25/32 pJ; Tables 4 to 6 come out with the latter.
        shortcut_maps: the map that a shortcut reads and writes: shared with its block and free; its own; or, before
            the pool, its source's. Free by Tables 4 and 5. The arithmetic twin is ``own`` with ``strided_input:
            output``: what one adds, the other saves.
        shortcut_weights, shortcut_macs, shortcut_alpha: whether a shortcut's weight reads, MACs and scales count.
        float_shortcut: a full-precision ResNet shortcut around quantised convolutions pays for the accesses of a
            quantised one, scales included; or for its own. Fixed by Hybrid-Res A of Table 5.
        residual_source: exception E1: a full-precision shortcut of VGG raises the map it starts from to 32 bits, once
            for itself and once for each identity connection on such a map. A fit to one number, which gives the three
            energies of Hybrid-VGG A; no statement of the paper.
        split_input: a split layer reads its input once, quantised; or again at 32 bits for full-precision filters
            that read the real map. Fixed by Hybrid-Res C of Table 5.
        split_filters: how a recipe's float_fraction of the filters is rounded. Fixed by Hybrid-Res C: M.C. 6.95, not
            6.80 or 6.11.
        imagenet_classes: networks of 1000 classes count 100 outputs (Table 7: E.E. 25.56, not 23.29), or their own.
    """

    name: str
    weight_reads: Literal["all_filters", "one_filter"] = "all_filters"
    input_map: Literal["bare", "padded"] = "bare"
    strided_input: Literal["whole", "output"] = "whole"
    dense_maps: Literal["counted", "free"] = "counted"
    alpha_reads: Literal["counted", "free"] = "counted"
    alpha_macs: Literal["counted", "free"] = "counted"
    dense_alpha: Literal["energy_and_memory", "energy", "memory", "free"] = "energy_and_memory"
    binary_mac: Literal["proportional", "stated"] = "proportional"
    shortcut_maps: Literal["shared", "own", "source"] = "own"
    shortcut_weights: Literal["counted", "free"] = "counted"
    shortcut_macs: Literal["counted", "free"] = "counted"
    shortcut_alpha: Literal["counted", "free"] = "counted"
    float_shortcut: Literal["own", "as_quantised"] = "own"
    residual_source: Literal["free", "raised"] = "free"
    split_input: Literal["once", "each_precision"] = "each_precision"
    split_filters: Literal["floor", "round", "ceil"] = "floor"
    imagenet_classes: Literal["own", "100"] = "own"


FULL = Rules("full")
PAPER = Rules(
    "paper",
    dense_alpha="energy",
    shortcut_maps="shared",
    float_shortcut="as_quantised",
    residual_source="raised",
    split_input="once",
    imagenet_classes="100",
)
RULE_SETS = {rules.name: rules for rules in (PAPER, FULL)}
CHOICES: dict[str, tuple[str, ...]] = {
    name: get_args(hint) for name, hint in get_type_hints(Rules).items() if name != "name"
}


def load_rules(name: str, changes: Iterable[str] = ()) -> Rules:
    """The rule set of that name, with single rules changed.

    Args:
        changes: ``RULE=CHOICE``, such as ``alpha_macs=free``; of two for one rule the later holds.

    Raises:
        UsageError: an unknown rule set, rule or choice.
    """
    if name not in RULE_SETS:
        raise _unknown("There are no cost rules of that name.", name, RULE_SETS)
    chosen: dict[str, Any] = {}
    for change in changes:
        rule, separator, choice = change.partition("=")
        if not separator:
            raise UsageError("A rule is changed as RULE=CHOICE.", received=change, allowed=", ".join(CHOICES))
        if rule not in CHOICES:
            raise _unknown("There is no cost rule of that name.", rule, CHOICES)
        if choice not in CHOICES[rule]:
            raise _unknown(f"The cost rule '{rule}' has no such choice.", choice, CHOICES[rule])
        chosen[rule] = choice
    rules = replace(RULE_SETS[name], **chosen)
    changed = [f"{f.name}={getattr(rules, f.name)}" for f in fields(Rules)[1:] if _differs(rules, name, f.name)]
    return replace(rules, name=", ".join([name, *changed]))


def _differs(rules: Rules, name: str, rule: str) -> bool:
    return bool(getattr(rules, rule) != getattr(RULE_SETS[name], rule))


def _unknown(problem: str, received: str, known: Iterable[str]) -> UsageError:
    names = list(known)
    return UsageError(
        problem,
        received=received,
        allowed=", ".join(names),
        next_step=did_you_mean(received, names),
    )
