"""Lesson 7's records are what data/reference/README.md shows, and reach what the method promises."""

from ddkit import runs
from ddkit.course import kernels as kernel_course
from ddkit.course.profiles import profile
from ddkit.runs import REFERENCE
from ddkit.specs import Evaluate, RandomReal
from ddkit.training.leads import Lead

LAPTOP = profile("laptop")


def test_the_page_shows_the_records(only_reference):
    page = (REFERENCE / "README.md").read_text(encoding="utf-8")
    assert kernel_course.report(LAPTOP, root=REFERENCE) in page


def test_kip_reaches_the_published_scores_in_minutes(only_reference):
    for ipc, seeds in kernel_course.sizes(LAPTOP).items():
        specs = [kernel_course.kip(LAPTOP, ipc, seed) for seed in range(seeds)]
        scores = kernel_course.pooled([kernel_course.judged(LAPTOP, s, "NTK", root=REFERENCE) for s in specs])
        assert len(scores.runs) == seeds
        assert 100 * scores.mean > kernel_course.PUBLISHED[ipc] - 0.5
        cpu = [runs.run(spec, root=REFERENCE).result["cpu_seconds"] for spec in specs]
        assert 0 < max(cpu) < (15 if ipc <= 10 else 25) * 60


def test_rfad_reaches_98_percent_and_feature_methods_beat_random_images_on_wide_networks(only_reference):
    row = {name: record.scores for name, record in kernel_course.wide(LAPTOP, root=REFERENCE).items()}
    assert row["RFAD"].mean > 0.98
    for name in ("RFAD", "FRePo", "DataDAM"):
        assert row[name].lead(row["random real"]) > 2
    for method in ("rfad", "frepo"):
        assert 0 < runs.run(kernel_course.featured(LAPTOP, method), root=REFERENCE).result["cpu_seconds"] < 25 * 60


def test_the_judges_differ_in_protocol_or_network_and_lesson_4_is_not_repeated(only_reference):
    found = {judge: kernel_course.judged(LAPTOP, LAPTOP.random(), judge, root=REFERENCE)
             for judge in kernel_course.JUDGES}
    assert {(r.spec["protocol"], r.spec["network"]) for r in found.values()} == {
        ("kernel", "NTK"), ("kernel", "ConvNetD3"), ("trained_kernel", "ConvNetD3"), ("standard", "ConvNetD3")}
    assert ["kernel" in r.result for r in found.values()] == [True, True, True, False]
    assert found["trained network"].spec["seeds"] == LAPTOP.seeds


def test_an_evaluation_by_an_infinite_network_is_repeated_only_where_a_seed_matters():
    assert Evaluate(kernel_course.kip(LAPTOP), "kernel", "NTK", seeds=5).trials == 1
    assert Evaluate(RandomReal("mnist", 10), "kernel", "NTK", seeds=5).trials == 5
    assert Evaluate(kernel_course.kip(LAPTOP), "kernel", "ConvNetD3", seeds=5).trials == 5


def test_leads_are_told_with_their_errors_and_seeds_and_a_star_where_they_are_more_than_chance(only_reference):
    table = kernel_course.leads_table(LAPTOP, root=REFERENCE)
    assert "random real" in table.splitlines()[0] and len(table.splitlines()) == 2 + len(kernel_course.sets(LAPTOP)) - 1
    for name, source in kernel_course.sets(LAPTOP).items():
        if source == LAPTOP.random():
            continue
        row = next(line for line in table.splitlines() if line.startswith(f"| {name} "))
        for judge, cell in zip(kernel_course.JUDGES, row.split("|")[2:], strict=False):
            found, over = (kernel_course.judged(LAPTOP, one, judge, root=REFERENCE).scores
                           for one in (source, LAPTOP.random()))
            assert cell.split()[0] == f"{100 * (found.mean - over.mean):+.2f}"
            assert f"(n={len(found.runs)} and {len(over.runs)})" in cell
            assert ("*" in cell) == Lead.points(found, over).told_apart
            assert ("±" in cell) == (min(len(found.runs), len(over.runs)) > 1)
