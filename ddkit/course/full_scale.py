"""The course at full scale: sets distilled on networks of width 128, judged by such networks, beside those
distilled on narrow ones, as far as they have been made."""

from dataclasses import replace

from tabulate import tabulate

from ddkit.course import kernels
from ddkit.course.profiles import Profile, profile
from ddkit.plots import tables
from ddkit.runs import Record, find
from ddkit.runs.spec import Spec
from ddkit.specs import Distill, Evaluate, Source, Start
from ddkit.training.leads import Lead

PROTOCOLS = {"standard": "the standard protocol", "assignment": "the assignment's protocol"}
_NONE = "no set of the full scale is at hand"


def sets(chosen: Profile) -> dict[str, Distill]:
    """What a profile distils: DataDAM from real images and from noise, PAD, RFAD and FRePo.

    PAD follows the laptop profile's few experts in the full one, too: ten of fifty epochs and 5,000 updates would take
    hours of a GPU. A rate that suits wide students has yet to be chosen for it: with the laptop's most of its first
    updates were skipped.
    """
    few = replace(_narrow(chosen), width=chosen.width) if chosen.name == "full" else chosen
    return {"DataDAM from real": chosen.distill("real"), "DataDAM from noise": chosen.distill("noise"),
            "PAD": few.match_trajectories("pad"),
            "RFAD": kernels.featured(chosen, "rfad"), "FRePo": kernels.featured(chosen, "frepo")}


def compared(full: Profile) -> dict[str, Source]:
    """The sets, and what they are held against: their starts, and as many random real images."""
    made = sets(full)
    starts = {f"start: {name}": Start(made[of]) for name, of in (("real", "DataDAM from real"),
                                                               ("noise", "DataDAM from noise"), ("PAD", "PAD"))}
    return {**made, "random real": full.random(), **starts}


def scores(full: Profile, protocol: str, **where) -> dict[str, Record]:
    """Records of what is compared, by name, as far as they are there; under the assignment's protocol also of the full
    data. ``where`` is ``root`` and ``data``, as for ``runs.find``."""
    asked: dict[str, Evaluate] = {name: full.evaluate(of, protocol) for name, of in compared(full).items()}
    if protocol == "assignment":
        asked = {"full data": full.baseline(), **asked}
    return _there(asked, **where)


def _there(asked: dict, **where) -> dict[str, Record]:
    found = {name: find(spec, **where) for name, spec in asked.items()}
    return {name: record for name, record in found.items() if record}


def beside(chosen: Profile) -> Profile:
    """The full profile of the same data set, which takes no choices where the given one takes none."""
    return replace(profile("full", chosen.dataset), follows=chosen.follows, root=chosen.root)


def _narrow(full: Profile) -> Profile:
    return replace(profile("laptop", full.dataset), follows=full.follows, root=full.root)


def beside_narrow(full: Profile, style: str = "github", **where) -> str:
    """Each set distilled on wide networks beside the same method's that the laptop profile distils on narrow ones, both
    judged by wide ones under the standard protocol; what the first took, and by how much it leads."""
    narrow = _narrow(full)
    wide = _there(sets(full), **where)
    judged = scores(full, "standard", **where)
    rows = [(name, f"{wide[name].updates:,}", f"{wide[name].seconds / 60:.0f}", wide[name].device,
             str(judged[name].scores), *_against(judged[name], narrow, name, where)) for name in wide if name in judged]
    headers = ("distilled", "updates", "minutes", "on", f"from width {full.width}", f"from width {narrow.width}",
               "points between them")
    return tabulate(rows, headers, style, disable_numparse=True) if rows else _NONE


def _against(wide: Record, narrow: Profile, name: str, where: dict) -> tuple[str, str]:
    spec = narrow.wider.evaluate(sets(narrow)[name], "standard")
    other = find(spec, **where)
    if other is None:
        return "", ""
    lead = Lead.points(wide.scores, other.scores)
    return str(other.scores), f"{lead.gap:+.2f} ± {lead.error:.2f}, {'' if lead.told_apart else 'not '}told apart"


def asked(full: Profile) -> list[Spec]:
    """Everything that the tables show, the sets first: what takes longest, and what the rest waits for."""
    made, judged = sets(full), compared(full)
    scored = [full.evaluate(of, protocol) for protocol in PROTOCOLS for of in judged.values()]
    moved = [full.transfer(of, network) for of in (*made.values(), full.random()) for network in full.transfer_networks]
    return [*made.values(), full.baseline(), *scored, *moved]


def missing(full: Profile, **where) -> list[str]:
    """The sets that have not been made, or not been scored under the standard protocol."""
    return [name for name in sets(full) if name not in scores(full, "standard", **where)]


def transfer(full: Profile, **where) -> dict[str, dict[str, Record]]:
    """Records of the sets, and of random real images, on the other networks, by name and network: of those that have
    been judged by all."""
    sources, networks = {**sets(full), "random real": full.random()}, full.transfer_networks
    found = {name: _there({network: full.transfer(of, network) for network in networks}, **where)
             for name, of in sources.items()}
    return {name: row for name, row in found.items() if len(row) == len(networks)}


def report(full: Profile, style: str = "github", **where) -> str:
    """All tables, as data/reference/README.md shows them."""
    parts = [_titled("Distilled on wide networks and on narrow ones, both judged by wide ones, the standard protocol",
                     beside_narrow(full, style, **where))]
    for protocol, words in PROTOCOLS.items():
        rows = scores(full, protocol, **where)
        if rows:
            parts.append(_titled(f"Networks of width {full.width}, {words}", tables.scores(rows, style)))
    moved = transfer(full, **where)
    if moved:
        parts.append(_titled("Other networks, the standard protocol", tables.transfer(moved, style)))
    return "\n\n".join(parts)


def _titled(title: str, table: str) -> str:
    return f"{title}\n\n{table}"
