"""An explanation in three to five sentences."""

from collections import Counter
from collections.abc import Iterator

from converters.explain.explanation import PRECISIONS, Explanation
from converters.explain.sizes import PARTS

# A share below which nobody would change a network for it.
_WORTH_PERCENT = 1.0


def summary(found: Explanation) -> list[str]:
    """What is packed; where the work is; what is not packed, and why; where the bytes are; what is wasted."""
    return [*_packed(found), *_left(found), *_bytes(found), *_waste(found)]


def _packed(found: Explanation) -> Iterator[str]:
    with_weights = [row for row in found.ops if row.precision is not None]
    packed = sum(row.precision == "packed" for row in with_weights)
    if not with_weights:
        yield "No operator of the file has weights."
        return
    text = f"{packed or 'None'} of {_counted(len(with_weights), 'operator')} with weights {_are(packed)} packed"
    shares = [
        f"{_percent(macs, found.total_macs)} {{}}in {_WORDS[name]}"
        for name in PRECISIONS
        if (macs := found.macs[name]) > 0
    ]
    if shares:
        first = shares[0].replace("{}", f"of an inference's {found.total_macs:,} multiply-accumulates are ")
        text += f"; {_listed([first, *(share.replace('{}', '') for share in shares[1:])])}"
    yield f"{text}."


def _left(found: Explanation) -> Iterator[str]:
    if not found.why_not_packed:
        is_any = any(row.precision == "packed" for row in found.ops)
        yield "Everything quantised is packed." if is_any else "Nothing in it is quantised to a few values."
        return
    reasons = Counter(one.reason for one in found.why_not_packed)
    reason, count = reasons.most_common(1)[0]
    now = sum(one.bytes for one in found.why_not_packed)
    then = sum(one.packed_bytes for one in found.why_not_packed)
    text = f"{_counted(len(found.why_not_packed), 'layer')} with something binary {_are(len(found.why_not_packed))} not"
    text += f" packed, '{found.why_not_packed[0].layer}'{' first' if len(found.why_not_packed) > 1 else ''}"
    text += f": {reason}" if len(reasons) == 1 else f"; the most frequent reason, {count} times: {reason}"
    if now > then:
        text += f" (packed, their weights would take {then:,} bytes, not {now:,})"
    yield f"{text}."


def _bytes(found: Explanation) -> Iterator[str]:
    largest = sorted(((size, name) for name, size in found.sizes.parts.items() if size), reverse=True)[:3]
    shares = [f"{_percent(size, found.size_bytes)} {PARTS[name]}" for size, name in largest]
    yield (
        f"The file's {found.size_bytes:,} bytes are {'; '.join(shares)}; the numbers alone would take "
        f"{found.expected_bytes:,}."
    )


def _waste(found: Explanation) -> Iterator[str]:
    parts = found.sizes.parts
    wastes = [
        (parts["unused_buffers"], "constants that nothing reads"),
        (parts["unfolded_constants"], f"constants that the converter did not fold{_first(found)}"),
        (found.sizes.duplicate_bytes, "constants that are stored twice"),
        (parts["word_padding"], "bits behind the last channel"),
    ]
    named = [f"{size:,} bytes of {what}" for size, what in wastes if 100 * size >= _WORTH_PERCENT * found.size_bytes]
    if named:
        yield f"Wasted: {_listed(named)}."
    moved = sum(work.bytes_moved for work in found.float_work)
    texts = []
    if moved:
        count = sum(work.count for work in found.float_work)
        texts.append(f"{_counted(count, 'operator')} between binary layers {_move(count)} {moved:,} bytes")
    if found.stray_pairs:
        texts.append(
            f"{_counted(len(found.stray_pairs), 'quantiser')} {_are(len(found.stray_pairs))} undone or repeated"
        )
    if texts:
        text = ", and ".join(texts)
        yield f"{text[0].upper()}{text[1:]}."


_WORDS = {"packed": "bits", "float32": "float32", "int8": "int8", "other": "other types"}


def _first(found: Explanation) -> str:
    largest = max(found.unfolded, key=lambda one: one.bytes, default=None)
    return "" if largest is None else f" (most for the {largest.op} of '{largest.layer}')"


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole
    return f"{share:.1f} %" if share >= 0.05 else "under 0.1 %"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _are(count: int) -> str:
    return "is" if count == 1 or count == 0 else "are"


def _move(count: int) -> str:
    return "moves" if count == 1 else "move"


def _listed(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
