"""What of a league has been made, here or by those who made ddkit, so that it is shown without making anything."""

from dataclasses import replace

from ddkit.applications.league.calibration import updates_in
from ddkit.applications.league.league import League
from ddkit.foundation.errors import InputError
from ddkit.runs import find
from ddkit.specs import Distill


def at_hand(league: League, **where) -> League | None:
    """The league of those games alone whose runs are all there; None if there are none.

    Args:
        where: ``root`` and ``data``, as for ``runs.find``.
    """
    beside = {ipc: all(find(spec, **where) for (_, of), spec in league.beside().items() if of == ipc)
              for ipc in (0, *league.ipcs)}  # 0: the full data
    there = [(name, ipc) for name, ipc in league.games
             if beside[ipc] and _made(league, name, ipc, league.classes, where)]
    if not there:
        return None
    names, ipcs = map(set, zip(*there, strict=True))
    found = replace(league, ipcs=tuple(ipc for ipc in league.ipcs if ipc in ipcs), full=league.full and beside[0],
                    entrants=tuple(name for name in league.entrants if name in names))
    return replace(found, absent=tuple(game for game in found.games if game not in there))


def _made(league: League, name: str, ipc: int, classes: int, where: dict) -> bool:
    """Whether an entrant's sets, their scores and those of their starts are there."""
    try:
        updates = league.updates or _updates(league, name, ipc, where)
        return bool(updates) and all(_scored(league, league.distillation(name, ipc, seed, updates), classes, where)
                                     for seed in range(league.sets))
    except InputError:  # which its game would tell
        return False


def _updates(league: League, name: str, ipc: int, where: dict) -> int | None:
    timed = find(league.calibration_of(name, ipc), **where)
    return timed and updates_in(league.minutes, timed.result["start_seconds"], timed.result["update_seconds"])


def _scored(league: League, made: Distill, classes: int, where: dict) -> bool:
    found = find(made, **where)
    if found is None:
        return False
    images = len(found.synthetic.images)
    asked = (league.evaluation(made, images, made.ipc, classes), league.start_of(made, images, classes))
    asked += (league.prescribed(made),) * made.prescribes
    return all(find(spec, **where) for spec in asked)
