"""Text as LaTeX and Markdown: special characters are letters, and floats stand beside each other where they fit."""

import shlex
from pathlib import Path

import pytest

from ddkit import report
from ddkit.__main__ import main
from ddkit.course.profiles import profile
from ddkit.report import latex, markdown, repository
from ddkit.report.pieces import Figure, Symbol, Table

SPECIAL = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_",
           "%": r"\%", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
           ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", "±": r"$\pm$", "−": "$-$"}


@pytest.mark.parametrize("letter", SPECIAL)
def test_every_special_character_of_latex_is_typeset_as_a_letter(letter):
    assert latex.escaped(f"a{letter}b") == f"a{SPECIAL[letter]}b"


def test_what_pdflatex_cannot_typeset_becomes_its_code_point_and_lines_become_spaces():
    assert latex.escaped("Größe 中\x07") == "Größe [U+4E2D][U+0007]"
    assert latex.escaped("one\n\ntwo\tthree") == "one two three"
    assert latex.escaped("--flag") == "-{}-flag"


@pytest.mark.parametrize("symbol, typeset", [("", ""), ("K", "$K$"), ("eta_S", r"$\eta_{S}$"), ("T+", "$T^{+}$"),
                                             ("zeta_theta", r"$\zeta_{\theta}$"), ("a$b", r"$a\$b$")])
def test_symbols_are_formulas(symbol, typeset):
    assert latex.escaped(Symbol(symbol)) == typeset


def test_markdown_keeps_cells_and_tags_apart():
    assert markdown.escaped("a|b *c* <d> `e` \\") == r"a\|b \*c\* &lt;d> \`e\` " + "\\\\"


def piece(name="t", letters=20, **changes) -> Table:
    return Table(**{"question": "1.2a", "name": name, "title": "A & B", "headers": ("set", "n"),
                    "rows": (("x" * letters, "1,234"), ("50 % (shipped)", "–")), "note": "50 %"} | changes)


def test_a_table_has_rules_a_label_numbers_to_the_right_and_a_small_mark_on_what_was_shipped():
    text = latex.table(piece())
    assert all(part in text for part in (r"\caption{A \& B}", r"\label{tab:t}", r"\toprule", r"\midrule",
                                         r"\bottomrule", r"{@{}lr@{}}", r"50 \%\shipped{} & -- \\"))
    assert markdown.table(piece()).splitlines()[2:6] == [
        "| set | n |", "| --- | --- |", f"| {'x' * 20} | 1,234 |", "| 50 % (shipped) | – |"]


def test_small_tables_stand_beside_each_other_and_wide_ones_alone():
    small, wide = [piece(name) for name in "ab"], piece("w", 300)
    assert latex.floats(small).count(r"\begin{table*}") == 1
    assert latex.floats([*small, wide]).count(r"\begin{table*}") == 2
    many = piece("m", headers=tuple("abcdefghi"), rows=(("123456789",) * 9,))
    assert latex.width(many) > 5  # so that nine columns, with the gaps between them, are not shrunk
    assert latex.width(wide) == latex.width(piece(wraps=True)) == pytest.approx(7.1)


@pytest.mark.parametrize("across, down, images, least, most", [
    (7, 3.6, False, 4.5, 7.1), (6.3, 6.2, True, 3.4, 3.5), (7, 1.5, True, 7, 7), (10, 3, False, 6, 7.1),
    (3, 2, False, 3, 3)])
def test_figures_are_neither_tiny_nor_wider_than_the_page(across, down, images, least, most):
    one = Figure("1.2a", "f", "A caption", Path("f.pdf"), Path("f.png"), (across, down), images)
    assert least <= latex.width(one) <= most


def test_what_a_student_wrote_becomes_markdown():
    text = "% a remark\nIt is \\emph{so}, by 5\\,\\% \\cite{datadam}.\n\\begin{itemize}\n\\item $x_1$\n\\end{itemize}\n"
    assert markdown.of_latex(text) == "It is *so*, by 5\\,% [datadam].\n\n- $x_1$"


@pytest.mark.parametrize("given", [{}, {"second": "KIP", "runs": "my runs", "data": Path("images")}])
def test_the_readmes_command_makes_this_very_report(given, tmp_path, monkeypatch):
    profiles, asked = (profile("quick", "fashion_mnist"), profile("quick", "mhist")), {}
    repository.prepare(tmp_path / "our report", profiles, **given)
    lines = (tmp_path / "our report" / "README.md").read_text(encoding="utf-8").splitlines()
    (command,) = (line for line in lines if line.startswith("python -m ddkit report"))
    monkeypatch.setattr(report, "write", lambda *places, **named: asked.update(named, places=places))
    assert main(shlex.split(command)[3:]) == 0
    wanted = {name: given[name] and str(given[name]) if name in given else None for name in ("second", "runs", "data")}
    assert asked.pop("places") == ("our report", *profiles)
    assert asked == {"second": wanted["second"], "root": wanted["runs"], "data": wanted["data"]}
    courses = [line for line in lines if line.startswith("python -m ddkit course")]
    assert len(courses) == 2 and all(("--runs 'my runs' --data images" in line) == bool(given) for line in courses)
