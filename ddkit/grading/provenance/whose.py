"""Whether the names that records are signed with are those of the student who handed them in."""

import re
import unicodedata
from collections.abc import Iterator

from ddkit.grading.provenance.untouched import Noticed

UNSIGNED = "unsigned records"  # a kind of finding


def misplaced_names(makers: dict[str, str], student: str, names: dict[str, str]) -> Iterator[Noticed]:
    """What is noticed about signatures; records that nobody signed are told, once, and are no fault.

    Args:
        makers: who signed each record, by its folder; "" where nobody did.
        student: the id.
        names: of all students, by their ids, as far as they are known.
    """
    unsigned = [run for run, maker in makers.items() if not maker]
    if unsigned:
        yield UNSIGNED, f"{len(unsigned)} of {len(makers)} records are not signed, which is no fault"
    signed = {run: maker for run, maker in makers.items() if maker and not _is(maker, student, names)}
    by_maker = {maker: [run for run, other in signed.items() if other == maker] for maker in signed.values()}
    for maker, runs in sorted(by_maker.items()):
        of = next((other for other in names if other != student and _is(maker, other, names)), None)
        if of or student in names:
            yield "signed by another", f"{', '.join(runs)} signed by {maker}{f', who is {of}' if of else ''}"
    if student not in names and len({_words(maker) for maker in signed.values()}) > 1:
        yield "several signatures", f"the records are signed by {', '.join(sorted(by_maker))}"


def _is(maker: str, student: str, names: dict[str, str]) -> bool:
    """Whether a signature is a student's id or name, whatever the order of its words, their case and their accents."""
    mine, known = _words(maker), [_words(text) for text in (student, names.get(student, "")) if text]
    return any(mine == other or (len(mine & other) > 1 and (mine <= other or other <= mine)) for other in known)


def _words(text: str) -> frozenset[str]:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode() or text
    return frozenset(re.findall(r"\w+", plain.casefold().replace("_", " ")))
