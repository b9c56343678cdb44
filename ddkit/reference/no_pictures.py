"""What the page says of data that are no pictures, as far as there are records."""

from ddkit import runs
from ddkit.applications.graphs import report as graph_report
from ddkit.applications.recommenders import report as recommender_report
from ddkit.applications.spoken_digits import report as spoken_report
from ddkit.applications.texts import ordered
from ddkit.applications.texts import report as text_report
from ddkit.course.profiles import Profile
from ddkit.foundation.errors import require
from ddkit.runs import REFERENCE, Record


def told(chosen: Profile) -> dict[str, str]:
    """Tables, and the numbers that the template's words name."""
    spoken = {split: _whole(of) for split, of in spoken_report.asked().items()}
    films = _whole(recommender_report.asked(chosen))
    tables = {"spoken": spoken_report.table(spoken, "github"),
              "recommenders": recommender_report.table(films, "github"),
              "recommender_leads": recommender_report.leads(films, "github")}
    official = spoken[spoken_report.OFFICIAL]
    kip = {f"{said}_{judge or 'networks'}": _accuracy(official, spoken_report.row("KIP", ipc, judge))
           for said, ipc in (("kip", 1), ("ten", 10)) for judge in ("", spoken_report.KERNEL)}
    voices = {f"spoken_{split}": _accuracy(of, spoken_report.FULL) for split, of in spoken.items()}
    texts = _texts(chosen) | _ordered(chosen)
    return tables | kip | voices | _graphs(chosen) | texts | {"users_shares": _shares(films)}


def there(asked: dict) -> dict[str, Record]:
    """The records that lie here, by the names of what is asked for."""
    found = {name: runs.find(spec, root=REFERENCE) for name, spec in asked.items()}
    return {name: record for name, record in found.items() if record}


def _whole(asked: dict) -> dict[str, Record]:
    """All records, by the names of what is asked for, since the template's words tell of them.

    Raises:
        InputError: one is missing, or was made on other data than these.
    """
    found = there(asked)
    missing = [asked[name].name for name in asked if name not in found]
    require(not missing, f"{REFERENCE} has no record, on these data, of {', '.join(missing)}: the page tells of them, "
                         "so ddkit.run them and keep them there first")
    return found


def _graphs(chosen: Profile) -> dict[str, str]:
    """The tables of graphs, and of GCond what it leads by."""
    found = {title: {judge: {name: there(of) for name, of in rows.items()} for judge, rows in judges.items()}
             for title, judges in graph_report.asked(chosen).items()}
    leads = [f"- {title}. {line}" for title, judges in found.items()
             for other in (graph_report.RANDOM, "GCond-X")
             for line in graph_report.leads({name: judges["SGC"][name] for name in ("GCond", other)}, other)]
    return {"graphs": graph_report.every_table(found, "github"), "graph_leads": "\n".join(leads)}


def _texts(chosen: Profile) -> dict[str, str]:
    """The tables of texts and of what they say, and what distilled ones lead by."""
    found = {ipc: {name: there(of) for name, of in part.items()} for ipc, part in text_report.asked(chosen).items()}
    leads = [f"- {ipc} of each class. {line}" for ipc, part in found.items() if ipc
             for line in text_report.leads(part)]
    return {"texts": text_report.table(found, "github"), "text_leads": "\n".join(leads),
            "text_words": text_report.words_table(there(text_report.in_words(chosen)), "github")}


def _ordered(chosen: Profile) -> dict[str, str]:
    """The same of texts whose words stand in order."""
    found = {ipc: {name: there(of) for name, of in part.items()} for ipc, part in ordered.asked(chosen).items()}
    leads = [f"- {ipc} of each class. {line}" for ipc, part in found.items() if ipc for line in ordered.leads(part)]
    return {"ordered": ordered.table(found, "github"), "ordered_leads": "\n".join(leads),
            "ordered_words": ordered.moved_table(ordered.reread(found[1]), "github")}


def _accuracy(of: dict[str, Record], name: str) -> str:
    return f"{100 * of[name].scores.mean:.1f}"


def _shares(films: dict[str, Record]) -> str:
    """What learned users give, of what all give."""
    parts = []
    for record in films.values():
        if record.asked.who == "fake":
            share = recommender_report.share(record, films[recommender_report.ALL])
            parts.append(f"{record.asked.number} of them {100 * share.mean:.1f} ± {100 * share.interval:.1f} %")
    return " and ".join(parts)
