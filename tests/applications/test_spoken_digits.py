"""Spoken digits: what is compared, and how it is told."""

from ddkit.applications.spoken_digits import report
from ddkit.runs import Record
from ddkit.specs import Evaluate, Full, describe_spec


def a_record(*accuracies, spec=None):
    runs = [{"accuracy": value, "updates": 1, "train_seconds": 1.0, "test_seconds": 1.0} for value in accuracies]
    return Record(describe_spec(spec or Evaluate(Full("digits"))), "", "", "", {}, 1.0, 1.0, 1, {"runs": runs})


def test_both_splits_are_asked_for_with_the_same_rows():
    asked = report.asked()
    official, apart = asked[report.OFFICIAL], asked[report.SPEAKER]
    assert list(official) == list(apart) and len(official) == 1 + 2 * (4 + 2)
    for dataset, of in asked.items():
        for name, spec in of.items():
            spec.check()
            assert spec.dataset == dataset and (spec.protocol == "kernel") == name.endswith(report.KERNEL)
    assert len({spec.name for of in asked.values() for spec in of.values()}) == 2 * len(official)


def test_the_table_has_networks_and_the_kernel_side_by_side():
    of = {report.FULL: a_record(0.9, 0.92), report.row("KIP", 1): a_record(0.3, 0.32),
          report.row("KIP", 1, report.KERNEL): a_record(0.95), report.row(report.RANDOM, 1): a_record(0.1, 0.12)}
    text = report.table({report.OFFICIAL: of, report.SPEAKER: {}}, "github")
    line = next(line for line in text.splitlines() if line.startswith("| KIP"))
    assert "31.0 ± 1.4" in line and "95.0 " in line and "KIP, 1 per class, NTK" not in text
    told = report.leads({report.OFFICIAL: of}, 1)
    assert "+20.0 ± 1.4" in told and "told apart" in told and report.SPLITS[report.OFFICIAL] in told
    assert report.lead(of, "KIP", 1).told_apart
