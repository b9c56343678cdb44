"""A file as the source of a run: known by all its content and by what is told of it, refused where it changed since."""

import pytest
import torch
from field_files import ROWS, field_file, pair, seeded, stretched

import ddkit
from ddkit import runs
from ddkit.foundation.errors import InputError
from ddkit.specs import File, Start
from ddkit.synthetic import SyntheticSet


@pytest.mark.parametrize("part", ["images", "labels", "lr"])
def test_a_set_in_several_files_is_known_by_all_of_them(real, tmp_path, part):
    path = pair(tmp_path, real, rate=0.02)
    before = File.of(path, "digits")
    (tmp_path / "copy").mkdir()
    assert File.of(pair(tmp_path / "copy", real, rate=0.02), "digits").sha256 == before.sha256
    torch.save(torch.rand(12), path.with_name(f"{part}_best.pt"))
    assert File.of(path, "digits").sha256 != before.sha256


def test_single_files_keep_their_names_and_what_is_told_gives_another(tmp_path):
    (tmp_path / "x.pt").write_bytes(b"content")
    plain = File.of(tmp_path / "x.pt", "digits")
    assert plain.sha256 == "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    assert ddkit.Evaluate(plain).name == "evaluate-digits-file-standard-ConvNetD3-735a0f0a"
    told = [File.of(tmp_path / "x.pt", "digits", **t) for t in ({"labels": "logits"}, {"pixels": "unit"}, {"entry": 0})]
    assert len({ddkit.Evaluate(file).name for file in (plain, *told)}) == 4


@pytest.mark.parametrize("wrap", [lambda file: file, Start], ids=["the set", "its start"])
def test_a_file_that_changed_since_it_was_named_is_refused(digits, tmp_path, wrap):
    real = SyntheticSet.from_real(digits, 1, seeded())
    path = field_file(tmp_path / "res.pt", (real.images, real.labels))
    spec = ddkit.Evaluate(wrap(File.of(path, "digits")), "kernel", "NTKD1")
    field_file(path, (real.images + 0.1, real.labels))
    with pytest.raises(InputError, match="changed since"):
        ddkit.run(spec, root=tmp_path / "runs", quiet=True)
    assert not list((tmp_path / "runs").glob("*/*"))


def test_what_is_told_in_a_file_spec_is_what_is_scored(digits, tmp_path):
    real = SyntheticSet.from_real(digits, 1, seeded())
    path = field_file(tmp_path / "res.pt", (stretched(real.images, digits), torch.eye(10) - 0.1), (real.images, ROWS))
    file = File.of(path, "digits", labels="targets", pixels="unit", entry=0)
    found = runs.training_set(file, digits, 0)
    assert found.squared and torch.allclose(found.images, real.images, atol=1e-5)
