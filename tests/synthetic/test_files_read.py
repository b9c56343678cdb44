"""Files are told by their content and never run; what is hostile, damaged, missing or no set is refused by name."""

import pickle
import re
import warnings

import numpy as np
import pytest
import torch
from field_files import Y

from ddkit.foundation.errors import InputError
from ddkit.specs import File
from ddkit.synthetic import SyntheticSet, formats


@pytest.mark.parametrize("number", [np.float64(0.9), np.float32(0.9), np.int64(3), np.bool_(True), np.array([0.9, 0.8]),
                                    np.zeros((2, 2), np.float32)], ids=lambda n: f"{type(n).__name__} {n.dtype}")
def test_accuracies_of_numpy_are_read(real, tiny, tmp_path, number):
    content = {"data": [[real.images, real.labels]], "accs_all_exps": {"ConvNet": [number, number]}}
    torch.save(content, tmp_path / "res.pt")
    assert torch.equal(formats.open_set(tmp_path / "res.pt", tiny).images, real.images)


@pytest.mark.parametrize("home", [b"numpy.core.multiarray", b"numpy._core.multiarray"], ids=["NumPy 1", "NumPy 2"])
def test_accuracies_that_either_numpy_saved_are_read_by_either(real, tiny, tmp_path, home):
    path = tmp_path / "res.pt"
    torch.save({"data": [[real.images, real.labels]], "accs_all_exps": [np.float64(0.5), np.ones(2)]}, path,
               _use_new_zipfile_serialization=False)
    content, places = re.subn(rb"numpy\._?core\.multiarray", home, path.read_bytes())
    assert places == 2
    path.write_bytes(content)
    assert torch.equal(formats.open_set(path, tiny).images, real.images)


class Touch:
    """Pickles to a call of os.system that makes a marker file."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        import os

        return os.system, (f"touch '{self.marker}'",)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5, None])
@pytest.mark.parametrize("suffix", ["pt", "pth", "pkl", "safetensors"])
def test_a_hostile_file_is_refused_and_its_code_not_run(tiny, tmp_path, protocol, suffix):
    marker, path = tmp_path / "marker", tmp_path / f"res.{suffix}"
    content = {"data": [[Touch(marker), Y]], "numpy": np.array([Touch(marker)])}
    torch.save(content, path) if protocol is None else path.write_bytes(pickle.dumps(content, protocol))
    with warnings.catch_warnings(), pytest.raises(InputError) as caught:
        warnings.simplefilter("error")
        formats.open_set(path, tiny)
    assert "refused" in str(caught.value) or "damaged" in str(caught.value)
    assert not marker.exists() and "\n" not in str(caught.value)
    pickle.loads(pickle.dumps(Touch(marker)))
    assert marker.exists(), "the attack itself works"


@pytest.mark.parametrize("suffix", ["pt", "pth", "pkl", "bin"])
@pytest.mark.parametrize("old", [False, True])
def test_torch_files_and_safetensors_are_known_by_their_content(real, tiny, tmp_path, suffix, old):
    path = tmp_path / f"res.{suffix}"
    torch.save({"data": [[real.images, real.labels]]}, path, _use_new_zipfile_serialization=not old)
    assert torch.equal(formats.open_set(path, tiny).images, real.images)
    real.save(path)
    assert torch.equal(formats.open_set(path, tiny).images, real.images)


@pytest.mark.parametrize("content", [b"", b"hello world, this is no set", b"\x00" * 100, b"\x80\x04",
                                     b"PK\x03\x04" + b"x" * 90])
@pytest.mark.parametrize("suffix", ["pt", "pkl", "safetensors"])
def test_what_is_no_set_is_refused_in_one_sentence(tiny, tmp_path, content, suffix):
    path = tmp_path / f"res.{suffix}"
    path.write_bytes(content)
    with warnings.catch_warnings(), pytest.raises(InputError) as caught:
        warnings.simplefilter("error")
        formats.open_set(path, tiny)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value) and "object at" not in str(caught.value)


@pytest.mark.parametrize("keep", [0, 1, 100, -30])
def test_a_truncated_export_is_refused_by_name(real, tiny, tmp_path, keep):
    path = tmp_path / "res.pt"
    real.export_pt(path)
    path.write_bytes(path.read_bytes()[:keep])
    for read in (SyntheticSet.import_pt, formats.open_set):
        with pytest.raises(InputError, match=r"res\.pt"):
            read(path, tiny)


def test_a_missing_file_is_refused_by_name(tiny, tmp_path):
    for read in (SyntheticSet.import_pt, formats.open_set, formats.import_datm):
        with pytest.raises(InputError, match="images_DC"):
            read(tmp_path / "images_DC.pt", tiny)
    with pytest.raises(InputError, match="no such file"):
        File.of(tmp_path / "res_DC.pt", "digits")


@pytest.mark.parametrize("place", range(0, 1000, 97))
def test_a_flipped_byte_in_the_fields_files_is_told(digits, tmp_path, place):
    """torch.save stores a sum for every part, which torch.load does not compare."""
    path = tmp_path / "set.pt"
    images = digits.train.images[:20]
    torch.save({"data": [[images, torch.arange(20) % 10]]}, path)
    content, middle = bytearray(path.read_bytes()), path.read_bytes().find(images.numpy().tobytes()[:64])
    assert middle > 0
    content[middle + 40 * place] ^= 16
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="is damaged"):
        formats.import_pt(path, digits, quiet=True)
