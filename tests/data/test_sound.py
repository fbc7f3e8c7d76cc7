"""Recordings as examples: layouts, names, one rate and one length, what is said of odd ones, and what a model reads."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from scipy.io import wavfile

from lamina.data.examples import SILENCE, Examples, Note, Reading
from lamina.data.recording import Head
from lamina.data.sound import (
    SoundPreprocessing,
    choose,
    is_sound_place,
    preprocessing_of,
    read_labelled,
    read_sounds,
    read_unlabelled,
)
from lamina.errors import DataError, OptionError, SchemaError, TargetError

NAMES = "{digit}_{speaker}_{take}"


def record(path: Path, seconds: float = 0.1, *, rate: int = 8000, level: float = 0.3, channels: int = 1) -> Path:
    """A tone in noise of its own, as .wav or .flac."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(zlib.crc32("/".join(path.parts[-3:]).encode()))
    time = np.arange(round(seconds * rate))[:, None] / rate
    tones = np.sin(2 * np.pi * rng.uniform(200, 900) * time) + rng.normal(0, 0.02, (len(time), channels))
    samples = np.clip(32767 * level * tones, -32767, 32767).astype(np.int16)
    if path.suffix == ".wav":
        wavfile.write(path, rate, samples)
    else:
        soundfile.write(path, samples, rate)
    return path


def fill(place: Path, count: int = 3, ending: str = "wav") -> None:
    for i in range(count):
        record(place / f"{i}.{ending}")


def spoken(place: Path, digits: str = "01", speakers: tuple[str, ...] = ("theo", "yves"), takes: int = 2) -> None:
    for digit in digits:
        for speaker in speakers:
            for take in range(takes):
                record(place / f"{digit}_{speaker}_{take}.wav")


def notes(made: Examples) -> dict[str, Note]:
    return {note.kind: note for note in made.notes}


# --- Layouts ---------------------------------------------------------------------------------------------------------


def test_class_folders(tmp_path: Path) -> None:
    fill(tmp_path / "no")
    fill(tmp_path / "yes", 2, "flac")
    made = read_sounds(tmp_path, Reading())
    assert (made.kind, made.task.classes, made.task.target) == ("sound", ("no", "yes"), "class")
    assert made.names.tolist() == ["no/0.wav", "no/1.wav", "no/2.wav", "yes/0.flac", "yes/1.flac"]
    assert made.targets.tolist() == [0, 0, 0, 1, 1]
    assert isinstance(made.inputs, np.ndarray)
    assert (made.inputs.shape, made.inputs.dtype) == ((5, 800), np.int16)
    for row, name in zip(made.inputs, made.names, strict=True):
        np.testing.assert_array_equal(row, soundfile.read(tmp_path / name, dtype="int16")[0])
    assert (made.fixed_test, made.groups, made.notes) == (None, None, ())
    assert len(set(made.hashes.tolist())) == 5
    assert (len(made.source.sha256), made.source.path) == (64, str(tmp_path))


def test_a_zip_reads_as_its_folder_does(tmp_path: Path) -> None:
    spoken(tmp_path / "set")
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((tmp_path / "set").iterdir()):
            archive.write(path, f"recordings/{path.name}")
    reading = Reading(label_from_name=NAMES)
    one, other = read_sounds(tmp_path / "set", reading), read_sounds(tmp_path / "set.zip", reading)
    np.testing.assert_array_equal(one.inputs, other.inputs)
    np.testing.assert_array_equal(one.hashes, other.hashes)
    assert other.names[0] == "recordings/0_theo_0.wav"


def test_an_unsafe_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.write(record(tmp_path / "a.wav"), "../a.wav")
    with pytest.raises(DataError, match="outside"):
        read_sounds(tmp_path / "set.zip", Reading())


def test_train_and_test_folders_are_honoured(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for label in ("no", "yes"):
            fill(tmp_path / part / label)
    record(tmp_path / "test" / "no" / "long.wav", 3.0)
    made = read_sounds(tmp_path, Reading())
    assert made.task.classes == ("no", "yes")
    assert made.fixed_test is not None
    assert {name.split("/")[0] for name in made.names[made.fixed_test]} == {"test"}
    assert made.fixed_test.sum() == 7
    assert preprocessing_of(made).samples == 800  # the length is the training part's
    assert list(notes(made)) == ["official-split", "cut-recordings"]


def test_train_and_test_folders_of_named_recordings(tmp_path: Path) -> None:
    spoken(tmp_path / "train")
    spoken(tmp_path / "test", takes=1)
    made = read_sounds(tmp_path, Reading(label_from_name=NAMES))
    assert made.fixed_test is not None
    assert made.names[made.fixed_test].tolist() == [f"test/{d}_{s}_0.wav" for d in "01" for s in ("theo", "yves")]
    assert made.task.classes == ("0", "1")


def test_a_test_part_elsewhere(tmp_path: Path) -> None:
    spoken(tmp_path / "here")
    spoken(tmp_path / "held", speakers=("lucas",))
    made = read_sounds(tmp_path / "here", Reading(label_from_name=NAMES, group="speaker"), test=tmp_path / "held")
    assert made.fixed_test is not None
    assert made.names[made.fixed_test].tolist() == [f"held/{d}_lucas_{t}.wav" for d in "01" for t in range(2)]
    assert made.groups is not None
    assert made.groups.tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 2, 2]
    assert "test-given" in notes(made)


def test_a_class_that_only_the_test_part_has_is_refused(tmp_path: Path) -> None:
    spoken(tmp_path / "here")
    spoken(tmp_path / "held", digits="2")
    with pytest.raises(DataError, match="'2', of which there is no recording to train on"):
        read_sounds(tmp_path / "here", Reading(label_from_name=NAMES), test=tmp_path / "held")


@pytest.mark.parametrize(
    ("folders", "why"),
    [
        ({"no": 3, "yes": 0}, "Class folder 'yes'.*no recordings"),
        ({"no": 3, "yes": 1}, "Class 'yes'.*one recording only"),
        ({"no": 3}, "only one class folder, 'no'"),
        ({".": 3}, "no class folders"),
        ({}, "holds no recordings"),
    ],
)
def test_layouts_that_are_refused(tmp_path: Path, folders: dict[str, int], why: str) -> None:
    (tmp_path / "set").mkdir()
    for name, count in folders.items():
        (tmp_path / "set" / name).mkdir(exist_ok=True)
        fill(tmp_path / "set" / name, count)
    with pytest.raises(DataError, match=why) as caught:
        read_sounds(tmp_path / "set", Reading())
    assert caught.value.exit_code == 2
    assert caught.value.expected
    assert "recordings" in caught.value.mend


# --- Names -----------------------------------------------------------------------------------------------------------


def test_names_say_the_label_and_the_group(tmp_path: Path) -> None:
    spoken(tmp_path)
    made = read_sounds(tmp_path, Reading(label_from_name=NAMES, group="speaker"))
    assert (made.task.target, made.task.classes) == ("digit", ("0", "1"))
    assert made.targets.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert made.groups is not None
    assert made.groups.tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    other = read_sounds(tmp_path, Reading(label_from_name=NAMES, target="speaker", positive="theo"))
    assert (other.task.target, other.task.classes, other.task.positive) == ("speaker", ("theo", "yves"), "theo")
    assert other.groups is None


def test_digits_are_ordered_as_numbers(tmp_path: Path) -> None:
    for label in ("10", "9", "2"):
        for take in range(2):
            record(tmp_path / f"{label}_{take}.wav")
    assert read_sounds(tmp_path, Reading(label_from_name="{n}_{take}")).task.classes == ("2", "9", "10")


def test_in_class_folders_names_give_the_group_alone(tmp_path: Path) -> None:
    for label in ("no", "yes"):
        for speaker in ("theo", "yves"):
            record(tmp_path / label / f"{speaker}_0.wav")
    made = read_sounds(tmp_path, Reading(label_from_name="{speaker}_{take}", group="speaker"))
    assert (made.task.target, made.task.classes) == ("class", ("no", "yes"))
    assert made.groups is not None
    assert made.groups.tolist() == [0, 1, 0, 1]
    asked = read_sounds(tmp_path, Reading(label_from_name="{speaker}_{take}", target="speaker"))
    assert asked.task.classes == ("theo", "yves")


def test_names_that_do_not_fit_are_left_out_and_said(tmp_path: Path) -> None:
    spoken(tmp_path)
    record(tmp_path / "noise.wav")
    made = read_sounds(tmp_path, Reading(label_from_name=NAMES))
    assert len(made) == 8
    note = notes(made)["unfitting-names"]
    assert note.matters
    assert note.text == f"1 recording left out, whose name does not fit {NAMES!r}: 'noise.wav'."


def test_no_name_that_fits(tmp_path: Path) -> None:
    spoken(tmp_path)
    with pytest.raises(DataError, match="None of the names.*'0_theo_0.wav'"):
        read_sounds(tmp_path, Reading(label_from_name="{word}-{take}"))


def test_a_single_class_by_name_is_refused(tmp_path: Path) -> None:
    spoken(tmp_path, digits="7")
    with pytest.raises(DataError, match="only one class, '7'"):
        read_sounds(tmp_path, Reading(label_from_name=NAMES))


def test_a_class_that_is_not_there_for_positive(tmp_path: Path) -> None:
    spoken(tmp_path)
    with pytest.raises(TargetError, match="no class 'theo'"):
        read_sounds(tmp_path, Reading(label_from_name=NAMES, positive="theo"))


# --- One rate, one length --------------------------------------------------------------------------------------------


def heads(*lengths: int, rate: int = 8000) -> list[Head]:
    return [Head(rate, 1, length) for length in lengths]


@pytest.mark.parametrize(
    ("found", "asked", "rate"),
    [
        (heads(800, 800), None, 8000),
        ([*heads(800), *heads(800, 800, rate=16_000)], None, 16_000),
        (heads(800, rate=44_100), None, 16_000),
        (heads(800, rate=44_100), 44_100, 44_100),
        (heads(800), 16_000, 16_000),
        ([*heads(800), *heads(800, rate=16_000)], None, 16_000),
    ],
)
def test_the_rate(found: list[Head], asked: int | None, rate: int) -> None:
    made = choose(found, rate=asked)
    assert made.rate == rate
    assert f"{rate:,} samples a second" in made.rule


def test_the_length_is_what_most_do_not_exceed() -> None:
    made = choose(heads(*range(1, 101)))
    assert made.samples == 96
    assert "which 4% of the recordings exceed" in made.rule
    assert choose(heads(800)).rule.endswith("0.1 seconds, the length of all")
    assert choose(heads(400, 800)).rule.endswith("0.1 seconds, the length of the longest")
    assert choose(heads(16_000, rate=16_000), rate=8000).samples == 8000


def test_ten_seconds_at_most() -> None:
    made = choose(heads(*[1_000_000] * 3))
    assert made.samples == 80_000
    assert "which 100% of the recordings exceed" in made.rule


@pytest.mark.parametrize("rate", [0, 999, 10**6])
def test_a_rate_that_is_refused(rate: int) -> None:
    with pytest.raises(OptionError, match="samples a second"):
        choose(heads(800), rate=rate)


def test_more_than_memory_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoken(tmp_path)
    monkeypatch.setattr("lamina.allowance.free_memory", lambda: 8 * 800 * 2 - 1)
    with pytest.raises(DataError, match="8 recordings of 800 samples") as caught:
        read_sounds(tmp_path, Reading(label_from_name=NAMES))
    assert caught.value.exit_code == 2
    monkeypatch.setattr("lamina.allowance.free_memory", lambda: 8 * 800 * 2)
    assert len(read_sounds(tmp_path, Reading(label_from_name=NAMES))) == 8


# --- Odd recordings --------------------------------------------------------------------------------------------------


def test_odd_recordings_are_handled_and_said(tmp_path: Path) -> None:
    for label in ("no", "yes"):
        fill(tmp_path / label, 30)
    wavfile.write(tmp_path / "no" / "silent.wav", 8000, np.zeros(800, np.int16))
    record(tmp_path / "no" / "clipped.wav", level=2.0)
    record(tmp_path / "no" / "stereo.wav", channels=2)
    record(tmp_path / "yes" / "fast.wav", rate=44_100)
    record(tmp_path / "yes" / "long.wav", 0.5)
    record(tmp_path / "yes" / "short.wav", 0.05)
    made = read_sounds(tmp_path, Reading())
    said = notes(made)
    assert list(said) == [f"{kind}-recordings" for kind in ("resampled", "stereo", "silent", "clipped", "cut")]
    assert [kind for kind, note in said.items() if note.matters] == ["silent-recordings"]
    assert said["resampled-recordings"].text == (
        "Recordings of other rates (65 at 8,000, 1 at 44,100): resampled to 8,000 samples a second."
    )
    assert said["stereo-recordings"].text == "1 recording of several channels: their mean is heard ('no/stereo.wav')."
    assert said["clipped-recordings"].text.startswith("1 recording clipped at full scale")
    assert said["cut-recordings"].text == (
        "1 recording longer than 0.1 seconds: cut to the loudest stretch ('yes/long.wav')."
    )
    assert isinstance(made.inputs, np.ndarray)
    row = dict(zip(made.names.tolist(), made.inputs, strict=True))
    assert (row["no/silent.wav"] == 0).all()
    assert (row["yes/short.wav"] != SILENCE).tolist() == [True] * 400 + [False] * 400
    assert (np.delete(made.inputs, made.names.tolist().index("yes/short.wav"), axis=0) != SILENCE).all()


def test_damaged_recordings_are_left_out_and_named(tmp_path: Path) -> None:
    for label in ("no", "yes"):
        fill(tmp_path / label)
    whole = (tmp_path / "no" / "0.wav").read_bytes()
    (tmp_path / "no" / "0.wav").write_bytes(whole[:500])
    (tmp_path / "no" / "text.wav").write_bytes(b"no sound at all")
    wavfile.write(tmp_path / "yes" / "none.wav", 8000, np.zeros(0, np.int16))
    (tmp_path / "yes" / "empty.flac").write_bytes(b"")
    (tmp_path / "yes" / "list.txt").write_text("0.wav")
    made = read_sounds(tmp_path, Reading())
    assert made.names.tolist() == ["no/1.wav", "no/2.wav", "yes/0.wav", "yes/1.wav", "yes/2.wav"]
    note = notes(made)["corrupt-recordings"]
    assert note.matters
    assert note.text == (
        "4 recordings that can't be read are skipped: no/0.wav (it is truncated: 228 of 800 samples are there); "
        "no/text.wav (no sound in a known format); yes/empty.flac (it is empty); yes/none.wav (it has no samples)."
    )
    assert notes(made)["other-files"].text == "1 file that is no recording (.txt) is ignored."


def test_damaged_recordings_only(tmp_path: Path) -> None:
    for label in ("no", "yes"):
        fill(tmp_path / label)
        for path in (tmp_path / label).iterdir():
            path.write_bytes(b"broken")
    with pytest.raises(DataError, match="None of the 6 recordings .* can be read: no sound in a known format"):
        read_sounds(tmp_path, Reading())
    fill(tmp_path / "no")
    with pytest.raises(DataError, match="None of the recordings of 'yes'"):
        read_sounds(tmp_path, Reading())


def test_a_class_of_which_one_recording_is_left(tmp_path: Path) -> None:
    fill(tmp_path / "no")
    fill(tmp_path / "yes", 2)
    (tmp_path / "yes" / "0.wav").write_bytes(b"broken")
    with pytest.raises(DataError, match="Class 'yes'.*one recording only"):
        read_sounds(tmp_path, Reading())


def test_recordings_that_repeat_others(tmp_path: Path) -> None:
    spoken(tmp_path)
    (tmp_path / "0_theo_9.wav").write_bytes((tmp_path / "0_theo_0.wav").read_bytes())
    (tmp_path / "1_theo_9.wav").write_bytes((tmp_path / "0_theo_0.wav").read_bytes())
    said = notes(read_sounds(tmp_path, Reading(label_from_name=NAMES)))
    assert said["duplicate-recordings"].text == "2 recordings repeat another, sample by sample."
    assert said["contrary-labels"].matters


# --- For a model -----------------------------------------------------------------------------------------------------


def test_preprocessing_is_saved_and_makes_the_same_rows(tmp_path: Path) -> None:
    spoken(tmp_path)
    record(tmp_path / "1_yves_7.wav", 0.05, rate=16_000, channels=2)
    made = read_sounds(tmp_path, Reading(label_from_name=NAMES, target="speaker"))
    preprocessing = preprocessing_of(made)
    assert SoundPreprocessing.from_json(preprocessing.to_json()) == preprocessing
    assert preprocessing.shape == (800,)
    rows, names, said = read_unlabelled(tmp_path, preprocessing)
    np.testing.assert_array_equal(rows, made.inputs)
    assert names.tolist() == made.names.tolist()
    assert {note.kind for note in said} == {"resampled-recordings", "stereo-recordings"}
    rows, targets, _ = read_labelled(tmp_path, preprocessing, made.task)
    np.testing.assert_array_equal(rows, made.inputs)
    np.testing.assert_array_equal(targets, made.targets)
    paths = [tmp_path / str(name) for name in made.names]
    np.testing.assert_array_equal(preprocessing.transform(paths), made.inputs)
    np.testing.assert_array_equal(preprocessing.transform([path.read_bytes() for path in paths]), made.inputs)


def test_one_recording_is_answered(tmp_path: Path) -> None:
    rows, names, said = read_unlabelled(record(tmp_path / "7.flac"), SoundPreprocessing(8000, 900, "given"))
    assert (rows.shape, names.tolist(), said) == ((1, 900), ["7.flac"], ())


def test_arrays_are_transformed() -> None:
    preprocessing = SoundPreprocessing(8000, 4, "given")
    ready = np.array([[1, 2, 3, SILENCE]], np.int16)
    assert preprocessing.transform(ready) is ready
    assert preprocessing.transform([ready[0], np.array([0.25]), np.array([[0.5, 0.0]] * 5)]).tolist() == [
        [1, 2, 3, SILENCE],
        [8192, SILENCE, SILENCE, SILENCE],
        [8192] * 4,
    ]
    assert preprocessing.transform([]).shape == (0, 4)


@pytest.mark.parametrize(
    "wrong", [np.zeros(0), np.zeros((2, 2, 2)), np.array(["a"]), np.array([np.nan]), b"broken", b""]
)
def test_what_is_no_recording_for_a_model(wrong: np.ndarray | bytes) -> None:
    with pytest.raises(SchemaError, match="recording 2 can't be read"):
        SoundPreprocessing(8000, 4, "given").transform([np.ones(2), wrong])


def test_a_pair_of_arrays_and_labels(tmp_path: Path) -> None:
    spoken(tmp_path)
    made = read_sounds(tmp_path, Reading(label_from_name=NAMES))
    rows, targets, _ = read_labelled((made.inputs[:2], np.array(["1", "0"])), preprocessing_of(made), made.task)
    assert (len(rows), targets.tolist()) == (2, [1, 0])


def test_a_class_that_the_model_does_not_know(tmp_path: Path) -> None:
    spoken(tmp_path / "known")
    spoken(tmp_path / "other", digits="12")
    made = read_sounds(tmp_path / "known", Reading(label_from_name=NAMES))
    with pytest.raises(TargetError, match="does not know '2'"):
        read_labelled(tmp_path / "other", preprocessing_of(made), made.task)


def test_what_a_model_can_not_read(tmp_path: Path) -> None:
    preprocessing = SoundPreprocessing(8000, 4, "given")
    with pytest.raises(DataError, match="There is no"):
        read_unlabelled(tmp_path / "nowhere", preprocessing)
    (tmp_path / "a.wav").write_bytes(b"broken")
    with pytest.raises(DataError, match="None of the 1 recordings"):
        read_unlabelled(tmp_path, preprocessing)


# --- Where sounds are ------------------------------------------------------------------------------------------------


def test_places_of_sounds(tmp_path: Path) -> None:
    fill(tmp_path / "sounds" / "no", 2)
    (tmp_path / "sounds" / "list.csv").write_text("a\n")
    assert is_sound_place(tmp_path / "sounds")
    assert is_sound_place(tmp_path / "sounds" / "no" / "0.wav")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "sounds" / "no" / "0.wav", "a/0.wav")
    assert is_sound_place(tmp_path / "a.zip")
    (tmp_path / "pictures").mkdir()
    for i in range(3):
        Image.new("L", (2, 2)).save(tmp_path / "pictures" / f"{i}.png")
    record(tmp_path / "pictures" / "one.wav")
    assert not is_sound_place(tmp_path / "pictures")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.zip").write_bytes(b"PK")
    for name in ("empty", "broken.zip", "nowhere", "sounds/list.csv"):
        assert not is_sound_place(tmp_path / name)
