"""A league in tables and words: for a terminal, a page, or ``data/reference``."""

from tabulate import tabulate

from ddkit.applications.league.entrants import FORMS, entrant
from ddkit.applications.league.league import RANDOM, League, per_class
from ddkit.applications.league.published import SOURCES, Published
from ddkit.applications.league.rows import Judged, Row, of_game, rows
from ddkit.applications.league.settings import HOPED
from ddkit.applications.league.work import Played, play
from ddkit.training.leads import Lead

HEADERS = ("method", "paper", "bytes", "images", "updates", "CPU minutes", "start %", "score %",
           "over its start (*: told apart)", "over random real", "published %")
SIDES = ("left", "left", *("right",) * 6, "left", "left", "left")


def report(league: League, style: str = "github", **where) -> str:
    """A league's tables with what has to be known to read them; ``where`` as for ``play``."""
    return told(play(league, **where), style)


def told(played: Played, style: str = "simple") -> str:
    """Everything that is said of a league: its rules, a table for each budget, who has no row, and the sources."""
    parts = [played.league.rules]
    for ipc in played.league.ipcs:
        forms = by_form(played, ipc, style)
        parts += [f"{per_class(ipc)}, or as many bytes", table(played, ipc, style), *_prescribed(played, ipc),
                  *([f"The same methods on other images in as many bytes, beside pixels\n\n{forms}"] if forms else [])]
    parts += [f"Without a row: {sentence}" for sentence in played.failed.values()]
    notes = next(iter(played.beside.values())).notes
    return "\n\n".join([*parts, key(played), *sources(played), *(f"({note})" for note in notes)])


def table(played: Played, ipc: int, style: str = "simple") -> str:
    """One row for each entrant with that budget, and what it is compared with."""
    found = rows(played, ipc)
    random = next(row for row in found if row.title == RANDOM)
    cells = [_cells(row, random, played.league.dataset, ipc) for row in found]
    return tabulate(cells, HEADERS, style, disable_numparse=True, colalign=SIDES)


def by_form(played: Played, ipc: int, style: str = "github") -> str:
    """The same methods on other images in as many bytes: each score, and its lead over the method's own pixels, with a
    star if it is told apart; "" if no method played with one of ``FORMS`` and without."""
    scores = _scores(played, ipc)
    teams = {base: [scores.get(f"{base}-{form}") for form in FORMS] for base in scores}
    cells = [(entrant(base).title, str(scores[base]),
              *("" if score is None else f"{score}: {_lead(score, scores[base])}" for score in others))
             for base, others in teams.items() if any(others)]
    headers = ("method", "pixels", *(f"{form} (*: told apart)" for form in FORMS))
    return tabulate(cells, headers, style, disable_numparse=True) if cells else ""


def lifts(played: Played, ipc: int) -> dict[tuple[str, str], Lead]:
    """What each form adds to a method, in points over the method's own pixels, by the method's title and the form."""
    scores = _scores(played, ipc)
    return {(entrant(base).title, form): scores[f"{base}-{form}"].lead(score)
            for base, score in scores.items() for form in FORMS if f"{base}-{form}" in scores}


def _scores(played: Played, ipc: int) -> dict[str, Judged]:
    return {game.entrant: of_game(game).score for game in played.games if game.ipc == ipc}


def gained(played: Played, longer: Played | None) -> list[str]:
    """What each set of a league with more minutes leads that of the same entrant by, a line each, the largest first."""
    short = {(game.entrant, game.ipc): of_game(game) for game in played.games}
    games = [game for game in longer.games if (game.entrant, game.ipc) in short] if longer else []
    pairs = [(of_game(game), short[game.entrant, game.ipc]) for game in games]
    pairs.sort(key=lambda pair: pair[1].score.mean - pair[0].score.mean)
    return [f"{row.title}: {row.score} by {row.updates:,} updates, {before.score} by {before.updates:,}; "
            f"{_lead(row.score, before.score)}" for row, before in pairs]


def hoped(played: Played, longer: Played | None = None) -> list[str]:
    """What came of ``HOPED``, a line each: the best of those that have played, in the longer league if it was there."""
    found = {}
    for games in filter(None, (played, longer)):
        if _is_hoped_for(games.league):
            found |= {game.entrant: (of_game(game), games.league.minutes) for game in games.games if game.ipc == 10}
    there = {names: [found[name] for name in names if name in found] for names in HOPED}
    return [_of_hope(rows, HOPED[names], len(names) > 1) for names, rows in there.items() if rows]


def _is_hoped_for(league: League) -> bool:
    return ((league.dataset, league.network, league.width, league.updates) == ("mnist", "ConvNetD3", 32, None)
            and league.minutes <= 30)


def _of_hope(found: list[tuple[Row, float]], percent: float, several: bool) -> str:
    row, minutes = max(found, key=lambda one: one[0].score.mean)
    others = f", the best of {len(found)} such," * several
    came = "reached" if 100 * row.score.mean >= percent else "not reached"
    return f"{row.title}{others} {row.score} of the {percent:g} % hoped for, in a budget of {minutes:g} minutes: {came}"


def _cells(row: Row, random: Row, dataset: str, ipc: int) -> tuple[str, ...]:
    distilled = row.updates is not None
    experts = " + experts" if row.experts is None else f" + {row.experts:.1f} of experts" * (row.experts > 0)
    return (row.title, row.paper, f"{row.bytes:,}", f"{row.decoded:,}", f"{row.updates:,}" if distilled else "",
            f"{row.minutes:.2f}{experts}" if distilled else "", str(row.start) if row.start else "", str(row.score),
            _lead(row.score, row.start) if row.start else "", _lead(row.score, random.score) if distilled else "",
            row.published.shown(dataset, ipc) if row.published else "")


def _prescribed(played: Played, ipc: int) -> list[str]:
    """What sets with an order or rates of their own are worth with these."""
    said = [f"{row.title} {row.prescribed}" for row in rows(played, ipc) if row.prescribed]
    return [f"With the order and rates that belong to the sets: {'; '.join(said)}."] if said else []


def _lead(score: Judged, other: Judged) -> str:
    """The lead in points, its standard error, and a star if so few seeds tell it apart from chance."""
    found = score.lead(other)
    if found.error is None:
        return f"{found.gap:+.2f}, no error known"
    return f"{found.gap:+.2f} ± {found.error:.2f}{' *' * found.told_apart}"


def key(played: Played) -> str:
    """How the numbers in the tables are meant."""
    several = ", of several sets over sets" * (played.league.sets > 1)
    return (f"± is the standard error over networks{several}; * means that chance alone seldom leads so far. Real "
            "images count a byte a pixel and colour, all that is learned four; random real images are drawn anew for "
            f"each network. Experts that a method follows took their minutes on top.{_on_gpus(played)}{_late(played)}")


def _on_gpus(played: Played) -> str:
    """What the minutes of sets mean that were made on a GPU, if there are any."""
    made = {record.device for game in played.games for record in game.distilled if not record.device.startswith("CPU")}
    meant = ("by as many updates as the budget allows a processor core: their minutes are what that core would have "
             "taken" if played.league.updates is None else "and their minutes are those of the processor beside it")
    return f" Some sets were made on another processor ({', '.join(sorted(made))}), {meant}." if made else ""


def _late(played: Played) -> str:
    """Whose minutes are half as many again as the budget, or more, if anybody's."""
    if played.league.updates is not None:
        return ""
    found = sorted({row.title for row in map(of_game, played.games) if row.minutes >= 1.5 * played.league.minutes})
    return (f" Some ({'; '.join(found)}) took much longer than the budget, on a core that was slower, or less idle, "
            "than when their updates were timed." if found else "")


def sources(played: Played) -> list[str]:
    """Where the numbers in the last column come from, and what has to be known of some."""
    shown = {row.title: row.published for ipc in played.league.ipcs for row in rows(played, ipc)
             if row.published and row.published.at(played.league.dataset, ipc) is not None}
    if not shown:
        return []
    letters = sorted({letter for one in shown.values() for letter in one.source.split(", ")})
    said = "; ".join(f"{letter}: {SOURCES[letter]}" for letter in letters)
    remarks = "; ".join(f"{title}: {one.remark}" for title, one in shown.items() if one.remark)
    return ["Published numbers are mostly of ConvNets of width 128, of other lengths and budgets, in part of the best "
            f"epoch on test data. {said}.", *([f"Of single ones: {remarks}."] if remarks else [])]


def as_dict(played: Played) -> dict:
    """A league as plain data: rows by images per class, and why entrants have none."""
    found = {ipc: [_plain(row, played.league.dataset, ipc) for row in rows(played, ipc)] for ipc in played.league.ipcs}
    failed = [{"entrant": name, "ipc": ipc, "why": why} for (name, ipc), why in played.failed.items()]
    return {"rules": played.league.rules, "rows": found, "failed": failed}


def _plain(row: Row, dataset: str, ipc: int) -> dict:
    published: Published | None = row.published
    return {"title": row.title, "paper": row.paper, "bytes": row.bytes, "decoded": row.decoded,
            "updates": row.updates, "cpu_minutes": row.minutes, "expert_minutes": row.experts,
            "start": list(row.start.values) if row.start else None, "score": list(row.score.values),
            "prescribed": list(row.prescribed.values) if row.prescribed else None, "run": row.record.name,
            "published": published and published.at(dataset, ipc),
            "source": published and published.source}
