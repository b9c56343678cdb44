"""The report shows the records' numbers, makes no run, keeps what was written, and says what is missing."""

import ast
import re
import shutil
import subprocess
from dataclasses import replace
from types import SimpleNamespace

import pytest

import ddkit
from ddkit import plots, report, runs
from ddkit.__main__ import main
from ddkit.applications.continual import report as continual_course
from ddkit.applications.search import report as search_course
from ddkit.course import task_1
from ddkit.course.profiles import PROFILES, profile
from ddkit.exercises.marks import MARKS
from ddkit.plots.style import Picture
from ddkit.report import records
from ddkit.report.desk import Desk, folded
from ddkit.report.lessons import LESSONS, task_2
from ddkit.report.pieces import Said, Table
from ddkit.report.questions import questions
from ddkit.runs import REFERENCE, runner
from ddkit.specs import Start
from ddkit.stored.shelf import Shelf, Stored
from ddkit.training.leads import Lead


@pytest.fixture
def nothing_is_made(monkeypatch):
    def made(spec, _):
        raise AssertionError(f"the report made {spec.name}")

    monkeypatch.setattr(runner, "_make", made)


@pytest.fixture(scope="module")
def folder(own, tmp_path_factory, mine):
    """The whole report of the student's records."""
    place = tmp_path_factory.mktemp("written") / "report"
    report.write(place, mine, root=own)
    return place


@pytest.fixture
def drawn(folder, monkeypatch):
    """Figures are taken from ``folder``, where they are drawn already."""
    def taken(_, place, name):
        place.mkdir(parents=True, exist_ok=True)
        return [shutil.copy(path, place) and place / path.name
                for path in (folder / "figures" / f"{name}.{suffix}" for suffix in ("png", "pdf"))]

    monkeypatch.setattr(plots, "save", taken)


@pytest.fixture
def sketched(monkeypatch):
    """Figures are laid out as ever, but files as large hold nothing: most of the time goes into their two formats."""
    save = plots.save

    def kept(figure, *place):
        figure.draw_without_rendering()
        return save(Picture(figsize=figure.get_size_inches()), *place)

    monkeypatch.setattr(plots, "save", kept)


def cells(path, row: str) -> list[str]:
    """The cells of a row of a Markdown table."""
    line = next(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {row} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("protocol", task_1.PROTOCOLS)
def test_tables_show_the_records_values_spread_n_and_updates(folder, own, protocol, mine):
    for what, spec in task_1.specs(mine)["scores"][protocol].items():
        found = runs.find(spec, own)
        values = [100 * run["accuracy"] for run in found.result["runs"]]
        mean = sum(values) / 2
        sd = (sum((value - mean) ** 2 for value in values)) ** 0.5
        shown = cells(folder / "tables" / f"digits-{protocol}.md", what)
        assert shown[1:4] == [f"{mean:.2f} ± {sd:.2f}", "2", f"{found.updates:,}"]
        written = (folder / "tables" / f"digits-{protocol}.tex").read_text(encoding="utf-8")
        assert f"{mean:.2f} $\\pm$ {sd:.2f} & 2 & {found.updates:,} &" in written


def test_flops_are_those_of_the_whole_test_set(folder, own, mine):
    found = runs.find(mine.baseline(), own)
    tested = len(ddkit.load("digits").test)
    shown = cells(folder / "tables" / "full-data.md", "FLOPs of the test set")[1]
    assert shown == f"{found.result['cost']['flops'] * tested / 1e9:,.1f} billion"
    assert f"on {tested:,} test images" in (folder / "report.md").read_text(encoding="utf-8")


def test_leads_have_the_standard_error_of_paired_seeds_and_n(folder, own, mine):
    wanted = task_1.specs(mine)["scores"]["assignment"]
    one, other = ({run["seed"]: run["accuracy"] for run in runs.find(wanted[name], own).result["runs"]}
                  for name in ("distilled from real", "random real"))
    gap = Lead.of(one, other, paired=True)
    shown = cells(folder / "tables" / "digits-assignment-leads.md", "random real")
    assert shown[1] == f"{100 * gap.gap:+.2f} ± {100 * gap.error:.2f}" and shown[3] == "2"
    full = cells(folder / "tables" / "digits-assignment-leads.md", "the full data")
    assert "±" not in full[1] and full[3:] == ["2/1", "–"]  # of one network no error can be had


def test_captions_and_figures_are_made_from_the_records(folder, own, mine):
    text = (folder / "report.tex").read_text(encoding="utf-8")
    loss = runs.find(mine.baseline(), own).scores
    assert f"test score {100 * loss.mean:.2f} \\% (n=1)." in text
    for name in re.findall(r"\{figures/([^}]*)\}", text):
        assert (folder / "figures" / name).read_bytes().startswith(b"%PDF")
    for name in ("baseline", "loss", "distilled-real", "distilled-noise", "time", "transfer", "scores"):
        assert f"{{figures/digits-{name}.pdf}}" in text


def test_every_question_has_a_heading_and_an_open_box_in_both_versions(folder):
    latex, text = ((folder / f"report.{suffix}").read_text(encoding="utf-8") for suffix in ("tex", "md"))
    for one in questions().values():
        assert f"\\input{{text/{one.file}}}" in latex and one.asked in text
        assert "\\todo{" in (folder / "text" / f"{one.file}.tex").read_text(encoding="utf-8")


def test_every_question_that_earns_marks_has_its_place():
    homes = {(one.task, one.number) for one in questions().values()}
    assert {(mark.task, mark.question) for mark in MARKS} == homes
    assert {one.number for one in questions("KIP").values() if one.task == 2} > {"1a", "1a-KIP", "2b"}


def test_a_run_that_is_missing_is_named_with_the_line_that_makes_it(own, tmp_path, nothing_is_made, mine, drawn):
    desk = report.lesson(4, mine, folder=tmp_path, root=own)
    spec = task_1.specs(mine)["transfer"]["random real"]["LeNet"]
    assert "digits, random real, on: LeNet" in [gap.what for gap in desk.missing]
    assert cells(tmp_path / "tables" / "digits-transfer.md", "LeNet")[1:] == ["missing", "missing"]
    assert records.line(spec) in " ".join(repr(desk).split())
    assert len(desk.missing) == 2 and desk.used


def test_missing_runs_stand_in_the_report(folder, mine):
    line = records.line(task_1.specs(mine)["transfer"]["random real"]["LeNet"])
    for suffix in ("tex", "md"):
        assert line in (folder / f"report.{suffix}").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("number", LESSONS)
def test_every_line_makes_the_run_that_is_missing(name, number, tmp_path, monkeypatch):
    wanted = {}

    def not_there(spec, *_):
        wanted[spec.name] = spec

    monkeypatch.setattr(runs, "find", not_there)
    desk = report.lesson(number, profile(name), profile(name, "mhist_like"), folder=tmp_path)
    monkeypatch.setattr(runs, "run", lambda spec: spec)
    lines = {gap.how for gap in desk.missing}
    assert wanted and {eval(line, {"ddkit": ddkit}).name for line in lines} == set(wanted)
    assert not list(tmp_path.iterdir()) and not desk.pieces


@pytest.mark.parametrize("number", LESSONS)
def test_shipped_numbers_are_marked_in_tables_figures_and_on_the_screen(number, tmp_path, monkeypatch, nothing_is_made,
                                                                        sketched):
    monkeypatch.delenv("DDKIT_REFERENCE", raising=False)
    desk = report.lesson(number, profile("laptop"), profile("laptop", "mhist_like"), folder=tmp_path / "r",
                         root=tmp_path / "none")
    assert desk.used and all(record.folder.parent == REFERENCE for record in desk.used.values())
    assert "marked as shipped" in repr(desk)
    for one in desk.pieces:
        text = (getattr(one, "caption", "") + getattr(one, "text", "") + getattr(one, "note", "")).lower()
        settings = one.name.endswith(("settings", "departures")) if hasattr(one, "name") else False
        assert settings or "shipped" in text, one
    for path in (tmp_path / "r" / "tables").glob("*.md"):
        for row in path.read_text(encoding="utf-8").splitlines():
            if "±" in row and row.startswith("|"):
                assert row.count(" (shipped)") == row.count("±") or "shipped" in row.split("|")[2], row


TABLES = {5: ["coresets-1", "coresets-1-leads", "coresets-10", "coresets-10-leads", "continual-gdumb",
              "continual-gdumb-leads", "continual-replay", "continual-replay-leads", "continual-wide",
              "continual-wide-leads"],
          6: ["pad-settings", "pad-departures",
              *(name for which in ("standard", "assignment", "learned", "standard-one", "standard-wide", "learned-wide")
                for name in (f"pad-{which}", *[f"pad-{which}-leads"] * (not which.startswith("learned"))))],
          7: ["kernel-judges", "kernel-leads", "kernel-wide", "kip-sizes"],
          9: ["search-correlations", "search-differences", "search-choices"]}


@pytest.mark.parametrize("number", TABLES)
def test_all_that_a_lesson_compares_stands_in_the_report(number, tmp_path, monkeypatch, nothing_is_made, sketched):
    monkeypatch.setenv("DDKIT_REFERENCE", "1")
    desk = report.lesson(number, PROFILES["laptop"], folder=tmp_path / "report", root=tmp_path / "none")
    there = {piece.name for piece in desk.pieces if isinstance(piece, Table)}
    assert there == set(TABLES[number]) and not desk.missing


def test_differences_of_proxies_and_the_lead_at_equal_bytes_are_the_lessons(tmp_path, monkeypatch, sketched):
    monkeypatch.setenv("DDKIT_REFERENCE", "1")
    laptop = PROFILES["laptop"]
    for number in (5, 9):
        report.lesson(number, laptop, folder=tmp_path, root=tmp_path / "none")
    compared = search_course.compared(laptop)
    found = cells(tmp_path / "tables" / "search-differences.md", "DataDAM less early stopping")
    assert found[2].startswith(search_course.differing("Kendall", compared["DataDAM"], compared["early stopping"]))
    distilled, random = continual_course.learned(laptop)["DataDAM"], continual_course.same_bytes(laptop)
    gap = 100 * (distilled.scores.mean - random.scores.mean)
    assert cells(tmp_path / "tables" / "continual-gdumb-leads.md",
                 "DataDAM against random, as many bytes")[1].startswith(f"{gap:+.2f} ± ")


def test_a_trajectory_run_with_settings_of_ones_own_stands_beside_the_profiles(tmp_path, mine, sketched):
    mine = replace(mine, width=16, ipc=1, trajectory_updates=2)
    own = mine.match_trajectories("pad", left_out=0.25)
    assert own.name != mine.match_trajectories("pad").name  # whose preset leaves out a half
    root, told = tmp_path / "runs", "PAD with left_out 0.25"
    scored = [mine.evaluate(source, "standard") for source in (own, Start(own))]
    made = {spec.name: runs.run(spec, root=root, quiet=True) for spec in (own, *scored)}
    desk = report.lesson(6, mine, folder=tmp_path / "report", root=root)
    said = [piece.text for piece in desk.pieces if isinstance(piece, Said)]
    assert any(told in text and "25 % of the weights" in text for text in said)
    found = cells(tmp_path / "report" / "tables" / "pad-standard-own-1.md", told)
    assert found[1] == f"{100 * made[scored[0].name].scores.mean:.2f} ± {100 * made[scored[0].name].scores.sd:.2f}"
    gap = 100 * (made[scored[0].name].scores.mean - made[scored[1].name].scores.mean)
    assert cells(tmp_path / "report" / "tables" / "pad-standard-own-1-leads.md",
                 f"start of {told}")[1].startswith(f"{gap:+.2f}")
    assert any(told in one.what and "assignment" in one.what for one in desk.missing)


def test_what_was_chosen_is_read_beside_the_runs_that_are_named(tmp_path, mine, monkeypatch):
    monkeypatch.setenv("DDKIT_RUNS", str(tmp_path / "other"))
    replace(mine, root=tmp_path / "runs").choose(lam=0.5)
    mine.choose(lam=0.7)
    wanted = replace(mine, follows=False).distill(lam=0.5)
    desk = report.lesson(2, mine, folder=tmp_path / "lesson", root=tmp_path / "runs")
    assert records.line(wanted) in [gap.how for gap in desk.missing]
    written = report.write(tmp_path / "whole", mine, root=tmp_path / "runs")
    assert records.line(wanted) in [gap.how for gap in written.missing]


def test_own_trajectory_runs_are_named_by_all_that_differs(tmp_path, mine, monkeypatch):
    usual = mine.match_trajectories("pad")
    own = [replace(usual, options=tuple(pair for pair in usual.options if pair[0] != left))
           for left in ("batch", "rate")]
    own += [replace(usual, options=(("batch", 20),), updates=100), replace(usual, seed=1)]
    same = replace(usual, options=(*usual.options, ("label_lr", usual.config.label_lr)))
    shelf = Shelf(tuple(Stored(spec, SimpleNamespace(shipped=False)) for spec in (*own, same, usual)))
    monkeypatch.setattr(task_2, "shelf", lambda _: shelf)
    found = task_2._own(Desk(tmp_path), usual)
    assert list(found.values()) == own
    names = list(found)
    assert (names[0], names[1], names[3]) == ("PAD with batch 0", "PAD with rate 0.01", "PAD with seed 1")
    assert all(part in names[2] for part in ("updates 100", "batch 20", "expert_epochs 50", "rate 0.01"))


def test_settings_that_differ_by_what_it_began_as_have_a_column_each(folder, own, tmp_path, mine, drawn):
    table = folder / "tables" / "digits-settings.md"
    assert cells(table, "knob")[2:] == ["here", "the preset's"]
    root = tmp_path / "runs"
    shutil.copytree(own, root)
    replace(mine, root=root).choose("noise", lam=0.5)
    report.lesson(2, mine, folder=tmp_path / "r", root=root)
    table = tmp_path / "r" / "tables" / "digits-settings.md"
    assert cells(table, "knob")[2:] == ["from real", "from noise", "the preset's"]
    assert cells(table, "lam")[2:] == ["0.01", "0.5", "0.01"] and cells(table, "power")[2:] == ["1", "1", ""]


def test_own_numbers_are_not_marked(folder):
    for path in (folder / "tables").glob("*.md"):
        assert "shipped)" not in path.read_text(encoding="utf-8")
    assert "13 of one's own, 0 shipped" not in (folder / "report.md").read_text(encoding="utf-8")  # with distillations
    assert "15 of one's own, 0 shipped" in (folder / "report.md").read_text(encoding="utf-8")


def test_a_rerun_keeps_what_was_written(own, folder, tmp_path, nothing_is_made, mine, drawn):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    written = {"text/task1-1a.tex": "It is for small memories: 50\\,\\%.\n", "README.md": "# Mine\n",
            "code/README.md": "mine", "text/authors.tex": "Ada"}
    for name, text in written.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    edited = (tmp_path / "report.tex").read_text(encoding="utf-8") + "% my remark\n"
    (tmp_path / "report.tex").write_text(edited, encoding="utf-8")
    report.write(tmp_path, mine, root=own)
    assert all((tmp_path / name).read_text(encoding="utf-8") == text for name, text in written.items())
    (kept,) = tmp_path.glob("report-edited-*.tex")
    assert kept.read_text(encoding="utf-8") == edited
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "It is for small memories" in text and questions()["1.1a"].asked not in text
    report.write(tmp_path, mine, root=own)
    assert len(list(tmp_path.glob("report-edited-*.tex"))) == 1
    assert not list(tmp_path.rglob("*.tmp"))


def test_one_lesson_writes_what_the_whole_report_has(folder, own, tmp_path, mine, drawn):
    report.lesson(4, mine, folder=tmp_path, root=own)
    for path in (tmp_path / "tables").iterdir():
        assert path.read_bytes() == (folder / "tables" / path.name).read_bytes()
    assert len(list((tmp_path / "tables").glob("*.tex"))) >= 6


def test_the_checklist_is_filled_as_far_as_records_know(folder, own, mine):
    text = (folder / "tables" / "checklist.md").read_text(encoding="utf-8")
    record = runs.find(mine.baseline(), own)
    tested = len(ddkit.load("digits").test)
    for known in (record.fingerprint[:12], record.device, f"torch {record.versions['torch']}", "learning rate 0.01",
                  "datadam (course), 2 images per class from noise, 4 updates", f"{tested:,} for testing"):
        assert known in text
    assert text.count("open: yours to fill") == 6
    assert "of memory in a process, all its runs included" in text
    distilled = (folder / "tables" / "distillations.md").read_text(encoding="utf-8")
    assert "process's peak MiB" in distilled and "other runs included" in distilled


@pytest.mark.parametrize("damage", ["record.json", "synthetic.safetensors"])
def test_a_damaged_record_is_missing_and_hides_no_other(damage, own, tmp_path, mine, drawn):
    root = tmp_path / "runs"
    shutil.copytree(own, root)
    spec = mine.distill("real")
    (root / spec.name / damage).write_bytes(b"{")
    desk = report.lesson(2, mine, folder=tmp_path / "r", root=root)
    assert [gap.what for gap in desk.missing] == ["distillation of digits from real images"]
    assert cells(tmp_path / "r" / "tables" / "distillations.md", "digits | noise")[3] == "4"


def test_the_command_writes_the_report(own, tmp_path, capsys, nothing_is_made, drawn):
    assert main(["report", str(tmp_path / "r"), "--profile", "quick", "--polyps", "mhist_like", "--runs", str(own),
                 "--second", "KIP"]) == 0
    said = capsys.readouterr().out
    assert "missing: PAD" in said and "missing: KIP" in said and "missing: RFAD" not in said and "ddkit.run(" in said
    assert (tmp_path / "r" / "report.tex").exists() and (tmp_path / "r" / "CHECKLIST.md").exists()


def test_a_line_that_makes_a_run_is_folded_to_a_page_and_still_makes_it():
    how = f"ddkit.run(ddkit.Distill({', '.join(f'knob_{n}={n / 7}' for n in range(20))}), width=32)"
    lines = folded(how)
    assert len(lines) > 2 and max(map(len, lines)) <= 112 and all(line.startswith("    ") for line in lines)
    assert ast.dump(ast.parse("\n".join(lines).strip())) == ast.dump(ast.parse(how))
    assert folded("# why not " * 20) == ["    " + "# why not " * 20]


@pytest.mark.parametrize("arguments, said", [
    (["--second", "MTT"], "unknown second method 'MTT'"), (["--profile", "huge"], "unknown profile 'huge'"),
    (["--polyps", "mnist"], "unknown polyps 'mnist'"), (["--dataset", "x"], "unknown dataset 'x'")])
def test_bad_values_end_in_one_sentence(arguments, said, tmp_path, capsys):
    assert main(["report", str(tmp_path / "r"), *arguments]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "r").exists()


def test_a_lesson_without_a_report_is_told(mine):
    with pytest.raises(ddkit.errors.InputError, match="lesson 10"):
        report.lesson(10, mine)


def _cannot_compile() -> str:
    if not shutil.which("pdflatex"):
        return "needs pdflatex (Debian: texlive-latex-extra)"
    for name in ("IEEEtran.cls", "adjustbox.sty", "ptmr8t.tfm"):
        if not subprocess.run(["kpsewhich", name], capture_output=True).stdout.strip():
            return f"needs {name} (Debian: texlive-publishers, texlive-latex-extra, texlive-fonts-recommended)"
    return ""


@pytest.mark.skipif(bool(_cannot_compile()), reason=_cannot_compile() or "can compile")
def test_it_compiles_with_nothing_too_wide_and_no_reference_undefined(folder, tmp_path):
    place = tmp_path / "paper"
    shutil.copytree(folder, place)
    for _ in range(2):
        done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "report.tex"], cwd=place,
                              capture_output=True, timeout=300)
        assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    log = (place / "report.log").read_text(encoding="utf-8", errors="replace")
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert max(wide, default=0) < 3 and "undefined" not in log and "Missing character" not in log
    assert "[U+4E2D]" in (place / "report.tex").read_text() + (place / "tables" / "full-data.tex").read_text()
    assert (place / "report.pdf").read_bytes().startswith(b"%PDF")
