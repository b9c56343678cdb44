"""What the page says of data that are no pictures, as far as there are records."""

from ddkit import runs
from ddkit.applications.recommenders import report as recommender_report
from ddkit.applications.spoken_digits import report as spoken_report
from ddkit.course.profiles import Profile
from ddkit.runs import REFERENCE, Record


def told(chosen: Profile) -> dict[str, str]:
    """Tables, and the numbers that the template's words name."""
    spoken = {split: there(of) for split, of in spoken_report.asked().items()}
    films = there(recommender_report.asked(chosen))
    tables = {"spoken": spoken_report.table(spoken, "github"),
              "recommenders": recommender_report.table(films, "github"),
              "recommender_leads": recommender_report.leads(films, "github")}
    official = spoken[spoken_report.OFFICIAL]
    kip = {f"{said}_{judge or 'networks'}": _accuracy(official, spoken_report.row("KIP", ipc, judge))
           for said, ipc in (("kip", 1), ("ten", 10)) for judge in ("", spoken_report.KERNEL)}
    voices = {f"spoken_{split}": _accuracy(of, spoken_report.FULL) for split, of in spoken.items()}
    return tables | kip | voices | {"users_shares": _shares(films)}


def there(asked: dict) -> dict[str, Record]:
    """The records that lie here, by the names of what is asked for."""
    found = {name: runs.find(spec, root=REFERENCE) for name, spec in asked.items()}
    return {name: record for name, record in found.items() if record}


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
