"""Sounds as pictures: transforms against closed forms, there and back again, recordings of the test's own."""

import io
import wave
import zipfile

import numpy as np
import pytest
import torch

from ddkit import data
from ddkit.data import augment
from ddkit.data.sound import recordings
from ddkit.data.sound.spectrograms import HOP, RATE, SAMPLES, SIDE, WINDOW, griffin_lim, heard, middle, pictures, stft
from ddkit.foundation.errors import InputError

SPEAKERS = ("ada", "bob", "cleo", "dan", "eve", "fay")


def tone(hertz, samples=SAMPLES, falling=1.0):
    return torch.sin(2 * torch.pi * hertz * torch.arange(samples) / RATE) * falling ** torch.arange(samples)


def distance(one, other):
    times = min(one.shape[-1], other.shape[-1])
    return float((one[..., :times] - other[..., :times]).norm() / other.norm())


@pytest.mark.parametrize("row", [3, 20, 100])
def test_a_pure_tone_peaks_in_its_bin_and_shows_in_its_row(row):
    sound = tone(row * RATE / WINDOW)
    strengths = stft(sound).abs()
    assert (strengths[:, 2:-2].argmax(0) == row).all()
    torch.testing.assert_close(strengths[row, 2:-2], torch.full((SAMPLES // HOP - 3,), WINDOW / 4), atol=0.2, rtol=0)
    [image] = pictures(sound[None])
    assert (image[0].argmax(0) == SIDE - 1 - row // (WINDOW // 2 // SIDE)).all() and image.shape == (1, SIDE, SIDE)


def test_what_is_60_decibels_softer_is_black_and_loudness_alone_changes_nothing():
    soft = tone(1000) + 0.0005 * tone(3000)
    [image], [alone] = pictures(soft[None]), pictures(tone(1000)[None])
    torch.testing.assert_close(image[..., 2:-2], alone[..., 2:-2], atol=1e-3, rtol=0)
    torch.testing.assert_close(pictures(0.01 * soft[None])[0], image, atol=1e-4, rtol=0)
    assert float(pictures((tone(1000) + 0.1 * tone(3000))[None])[0, 0, SIDE - 1 - 24].mean()) == pytest.approx(
        2 / 3, abs=0.05)  # 20 of 60 decibels
    assert not pictures(torch.zeros(1, SAMPLES)).isnan().any()


def test_the_middle_half_second_is_shown():
    assert middle(torch.ones(100)).sum() == 100 and middle(torch.ones(100))[SAMPLES // 2] == 1
    long = torch.arange(float(3 * SAMPLES))
    assert torch.equal(middle(long), long[SAMPLES : 2 * SAMPLES])


def test_griffin_lim_gets_nearer_with_every_step_and_keeps_a_spectrogram_within_a_tenth():
    sound = sum(tone(hertz, 3000, 0.999) for hertz in (300, 700, 1900)) + 0.1 * torch.randn(
        3000, generator=torch.Generator().manual_seed(0)) * tone(2, 3000)
    wanted = stft(sound).abs()
    plain = [distance(stft(griffin_lim(wanted, steps=steps, momentum=0)).abs(), wanted) for steps in (1, 10, 100)]
    assert plain == sorted(plain, reverse=True)
    assert distance(stft(griffin_lim(wanted)).abs(), wanted) < min(0.1, plain[-1])
    assert torch.equal(griffin_lim(wanted, steps=5), griffin_lim(wanted, steps=5))


def test_a_picture_is_heard_as_what_it_shows():
    [image] = pictures((tone(600) * (torch.arange(SAMPLES) > SAMPLES // 2))[None])
    sound = heard(image)
    assert sound.shape == (SAMPLES,) and float(sound.abs().max()) == 1
    halves = sound[: SAMPLES // 3].square().mean(), sound[-SAMPLES // 3 :].square().mean()
    assert halves[0] < 0.01 * halves[1]
    [again] = pictures(sound[None])
    assert float((again - image).abs().mean()) < 0.1
    assert float(heard(torch.zeros(1, SIDE, SIDE)).abs().max()) == 0


def archive(root, speakers=SPEAKERS, each=recordings.EACH, samples=64, rate=RATE):
    """Short tones, higher for each digit, longer for each speaker."""
    path = root / "spoken_digits" / "recordings.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        for digit in range(10):
            for index, speaker in enumerate(speakers):
                for number in range(each):
                    clip = (9000 + 100 * number) * tone(300 * (digit + 1), samples + 4 * index)
                    buffer = io.BytesIO()
                    with wave.open(buffer, "wb") as sound:
                        sound.setparams((1, 2, rate, 0, "NONE", ""))
                        sound.writeframes(clip.numpy().astype("<i2").tobytes())
                    file.writestr(f"recordings/{digit}_{speaker}_{number}.wav", buffer.getvalue())
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return archive(tmp_path_factory.mktemp("sound"))


def test_the_official_split_and_that_by_speaker(root):
    official, apart = data.load("spoken_digits", root), data.load("spoken_digits_speaker", root)
    assert (len(official.full_train), len(official.test)) == (2700, 300)
    assert (len(apart.full_train), len(apart.test)) == (2500, 500)
    assert torch.bincount(official.test.labels).tolist() == [30] * 10
    found = recordings.recordings(root)
    assert set(found.speakers) == set(SPEAKERS) and found.numbers.max() == 49 and found.images.dtype == np.uint8
    pixels = data.denormalise(apart.test.images, apart.mean, apart.std)
    wanted = torch.from_numpy(found.images[found.speakers == "fay"]) / 255
    torch.testing.assert_close(pixels, wanted, atol=1e-6, rtol=0)
    assert data.fingerprint("spoken_digits", root) == official.fingerprint != apart.fingerprint
    assert torch.equal((recordings.clip(root, 3, "bob", 7) * 32768).int(), (9700 * tone(1200, 68)).int())


def test_no_sound_is_turned_or_mirrored(root):
    dataset = data.load("spoken_digits", root)
    assert dataset.strategy == data.SOURCES["spoken_digits_speaker"].strategy
    drawn = {augment.draw(dataset.strategy, 1, torch.Generator().manual_seed(s)).operation for s in range(50)}
    assert drawn == {"slide", "stretch"} and not dataset.flips
    with pytest.raises(InputError, match="'rotate' makes no sense of them"):
        dataset.augmentation("slide_rotate")


def test_missing_recordings_are_one_sentence_that_names_their_home(tmp_path):
    assert data.fingerprint("spoken_digits", tmp_path) is None
    for ask in (lambda: data.load("spoken_digits", tmp_path), lambda: recordings.clip(tmp_path, 0, "ada", 0)):
        with pytest.raises(InputError, match="Jakobovski/free-spoken-digit-dataset") as caught:
            ask()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("harm", ["cut", "a speaker less", "another rate"])
def test_damaged_recordings_are_one_sentence(tmp_path, harm):
    archive(tmp_path, SPEAKERS[harm == "a speaker less" :], samples=16, rate=16000 if harm == "another rate" else RATE)
    path = recordings.archive_in(tmp_path)
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-5000])
    said = {"cut": "is damaged", "a speaker less": "2,500 recordings instead of 3,000", "another rate": "one channel"}
    with pytest.raises(InputError, match=said[harm]) as caught:
        data.load("spoken_digits", tmp_path)
    assert "\n" not in str(caught.value)


def test_the_real_recordings_have_the_statistics_that_their_sources_name_and_come_back(real_data):
    path = recordings.archive_in(real_data)
    if not path.is_file():
        pytest.skip(f"needs the Free Spoken Digit Dataset at {path}")
    for name, tested, pixels_on_any_processor in (("spoken_digits", 300, "44cc588f"),
                                                  ("spoken_digits_speaker", 500, "578a59c9")):
        dataset = data.load(name, real_data)
        assert dataset.fingerprint.startswith(pixels_on_any_processor)
        pixels = data.denormalise(dataset.full_train.images, dataset.mean, dataset.std)
        assert len(dataset.test) == tested and not dataset.notes
        assert abs(float(pixels.mean()) - dataset.mean[0]) < 5e-4 and abs(float(pixels.std()) - dataset.std[0]) < 5e-4
    for digit, speaker in ((3, "theo"), (9, "george")):
        wanted = stft(recordings.clip(real_data, digit, speaker, 5)).abs()
        assert distance(stft(griffin_lim(wanted)).abs(), wanted) < 0.1
    assert len(set(recordings.recordings(real_data).speakers)) == recordings.SPEAKERS == 6
