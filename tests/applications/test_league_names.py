"""Every method of three surveys' taxonomies plays in the league, with its published number, ours, minutes and bytes."""

import pytest

from ddkit.applications.league.at_hand import at_hand
from ddkit.applications.league.entrants import ENTRANTS
from ddkit.applications.league.rows import rows
from ddkit.applications.league.settings import of_profile
from ddkit.applications.league.work import play
from ddkit.runs import REFERENCE

# Lei and Tao (2301.05603), Sachdeva and McAuley (2301.04272), Geng et al. (2305.01975): methods, and who plays.
# TESLA is MTT with a gradient that needs less memory, which ddkit computes exactly; RTP on bases is called LinBa.
METHODS = {
    "DD": "dd", "SLDD": "sldd", "LD": "ld", "GTN": "gtn", "RTP": "rtp", "LinBa": "linba", "RaT-BPTT": "rat",
    "KIP": "kip", "FRePo": "frepo", "RFAD": "rfad",
    "DC": "dc", "DSA": "dsa", "DCC": "dcc", "IDC": "idc", "Jiang et al.": "jiang", "PSG": "psg",
    "MTT": "mtt", "TESLA": "mtt", "FTD": "ftd", "HaBa": "haba", "PAD": "pad",
    "DM": "dm", "CAFE": "cafe", "KFS": "kfs", "IT-GAN": "itgan", "IDM": "idm", "FreD": "dm-frequencies",
    "DataDAM": "datadam", "NCFM": "ncfm",
}


@pytest.fixture(scope="module")
def played():
    league = at_hand(of_profile("laptop", ipcs=(1,), full=False), root=REFERENCE)
    return play(league, root=REFERENCE, quiet=True)


@pytest.mark.parametrize("name", METHODS)
def test_it_plays_and_its_row_has_all_that_is_told(name, played):
    who = ENTRANTS[METHODS[name]]
    assert name.split(",")[0] in who.title or "frequencies" in who.title
    assert who.row is None or set(who.row.source) & set("LSR")
    for row in (row for row in rows(played, 1) if row.title == who.title):
        assert row.minutes > 0 and row.bytes > 0 and row.score.values and row.published == who.row


def test_all_of_them_have_played_on_real_mnist(played):
    there = {row.title for row in rows(played, 1)}
    assert {ENTRANTS[key].title for key in METHODS.values()} <= there
