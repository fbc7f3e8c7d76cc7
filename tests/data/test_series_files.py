"""The archive's formats: each from a small file that the test writes, and each way in which one can be broken."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from lamina.data.series_files import archive_pair, is_listed, is_series, read_listed, wide_arff
from lamina.errors import DataError, TargetError

HEADER = """\
# a comment
@problemName Waves
@timeStamps false
@missing false
@univariate false
@dimensions 2
@equalLength true
@seriesLength 3
@classLabel true up down
@data
"""
GOOD = "1,2,3:4,5,6:up\n7,8,9:1,2,3:down\n0,0,1:2,2,2:up\n"
RELATIONAL = """\
% a comment
@relation waves
@attribute steps relational
  @attribute att0 numeric
  @attribute att1 numeric
  @attribute att2 numeric
@end steps
@attribute kind {up,'down hill'}
@data
'1,2,3\\n4,5,6',up
'7,8,?\\n1,2,?','down hill'
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def refused(path: Path, message: str, error: type[DataError] = DataError) -> str:
    with pytest.raises(error, match=message) as caught:
        read_listed(path)
    assert caught.value.expected
    assert caught.value.mend
    return str(caught.value)


def test_ts_channels_labels_and_lines(tmp_path: Path) -> None:
    found = read_listed(written(tmp_path, "a.ts", HEADER + GOOD))
    assert found.values[1].tolist() == [[7, 1], [8, 2], [9, 3]]
    assert found.values[0].dtype == np.float32
    assert found.labels is not None
    assert found.labels.tolist() == ["up", "down", "up"]
    assert found.names.tolist() == ["line 11", "line 12", "line 13"]
    assert (found.layout.channels, found.layout.target, found.kind) == (("channel 1", "channel 2"), "class", "category")


def test_ts_unequal_lengths_missing_values_and_windows_lines(tmp_path: Path) -> None:
    text = "@equalLength false\n@classLabel true 1 2\n@data\n1,?,3:1\n\n4:2\nNaN,5:1\n".replace("\n", "\r\n")
    found = read_listed(written(tmp_path, "a.ts", text))
    assert [one.ravel().tolist() for one in found.values][1] == [4]
    np.testing.assert_array_equal(found.values[0].ravel(), [1, np.nan, 3])
    np.testing.assert_array_equal(found.values[2].ravel(), [np.nan, 5])
    assert found.labels is not None
    assert found.labels.tolist() == [1, 2, 1]
    assert found.kind == "category"


def test_ts_values_missing_at_the_end_are_missing_and_no_shorter_series(tmp_path: Path) -> None:
    found = read_listed(written(tmp_path, "a.ts", "@classLabel true a b\n@data\n1,2,?:a\n1,2,3:b\n"))
    assert found.lengths.tolist() == [3, 3]


def test_ts_channels_of_unequal_lengths_in_one_series_are_filled_up_with_missing_values(tmp_path: Path) -> None:
    found = read_listed(written(tmp_path, "a.ts", "@classLabel true a b\n@data\n1,2,3:4:a\n1,2,3:4,5,6:b\n"))
    np.testing.assert_array_equal(found.values[0], [[1, 4], [2, np.nan], [3, np.nan]])


def test_ts_for_a_regression_and_without_labels(tmp_path: Path) -> None:
    found = read_listed(written(tmp_path, "a.ts", "@targetLabel true\n@data\n1,2:0.5\n3,4:7\n5,6:?\n"))
    assert (found.layout.target, found.kind) == ("target", "number")
    assert found.labels is not None
    np.testing.assert_array_equal(found.labels, [0.5, 7, np.nan])
    assert read_listed(written(tmp_path, "b.ts", "@classLabel false\n@data\n1,2\n3,4\n")).labels is None


def test_ts_infinite_numbers_are_missing(tmp_path: Path) -> None:
    found = read_listed(written(tmp_path, "a.ts", "@classLabel true a b\n@data\n1,inf,1e300:a\n1,2,3:b\n"))
    np.testing.assert_array_equal(found.values[0].ravel(), [1, np.nan, np.nan])


def test_compressed_files_read_the_same(tmp_path: Path) -> None:
    plain = read_listed(written(tmp_path, "a.ts", HEADER + GOOD))
    (tmp_path / "a.ts.gz").write_bytes(gzip.compress((HEADER + GOOD).encode()))
    packed = read_listed(tmp_path / "a.ts.gz")
    np.testing.assert_array_equal(np.stack(packed.values), np.stack(plain.values))
    assert is_series(tmp_path / "a.ts.gz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER.replace("dimensions 2", "dimensions 3") + GOOD, "line 11: channels: 2, where @dimensions has 3"),
        (
            HEADER.replace("@dimensions 2\n", "").replace("false\n@equal", "true\n@equal") + GOOD,
            "channels: 2, where @univ",
        ),
        (HEADER + GOOD + "1,2,3:up\n", "line 14: channels: 1, where @dimensions has 2"),
        (HEADER + GOOD + "1,2,3:4,5:up\n1,2:4,5:up\n", "line 15: 2 steps, where @seriesLength says 3"),
        (HEADER.replace("seriesLength 3", "seriesLength 4") + GOOD, "line 11: 3 steps, where @seriesLength says 4"),
        (HEADER + GOOD + "1,2,3:4,5,6:u", 'line 14: the label is "u"'),
        (HEADER + GOOD + "1,2,3:4,5", "line 14: channels: 1"),
        (HEADER + GOOD + "1,2", "line 14: one part only"),
        (HEADER + GOOD + "1,two,3:4,5,6:up\n", 'line 14: the step 2 is "two"'),
        (HEADER + GOOD + "1,2_0,3:4,5,6:up\n", 'the step 2 is "2_0"'),
        (HEADER.replace("timeStamps false", "timeStamps true") + GOOD, "time stamps"),
        (HEADER + "(0,1.5),(1,2.5):(0,1),(1,2):up\n", "line 11: steps with time stamps"),
        (HEADER, "holds no series"),
        (HEADER.replace("@data\n", "") + GOOD, "no line @data"),
        ("", "no line @data"),
        ("@targetLabel true\n@data\n1,2:0.5\n1,2:high\n", 'line 4: the label is "high"'),
    ],
)
def test_a_broken_ts_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    refused(written(tmp_path, "a.ts", text), message)


def test_a_header_that_is_wrong_for_all_lines_is_what_to_mend(tmp_path: Path) -> None:
    wrong = HEADER.replace("dimensions 2", "dimensions 3")
    assert "Correct the header: 2 channels" in refused(written(tmp_path, "a.ts", wrong + GOOD), "channels")
    assert "@seriesLength 3" in refused(
        written(tmp_path, "b.ts", HEADER.replace("Length 3", "Length 9") + GOOD), "steps"
    )


def test_relational_arff(tmp_path: Path) -> None:
    path = written(tmp_path, "a.arff", RELATIONAL)
    found = read_listed(path)
    assert is_series(path)
    assert found.values[0].tolist() == [[1, 4], [2, 5], [3, 6]]
    assert found.values[1].tolist() == [[7, 1], [8, 2]]  # missing at the end in all channels: a shorter series
    assert found.labels is not None
    assert found.labels.tolist() == ["up", "down hill"]
    assert (found.layout.target, found.kind) == ("kind", "category")
    assert found.names.tolist() == ["line 10", "line 11"]
    number = RELATIONAL.replace("{up,'down hill'}", "numeric").replace(",up", ",1.5").replace("'down hill'", "2")
    assert read_listed(written(tmp_path, "b.arff", number)).kind == "number"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\n1,2,?", "", "line 11: channels: 1, where line 10 has 2"),
        ("',up", "", "line 10: no quoted series"),
        ("',up", "'", "line 10: no quoted series"),
        ("@data", "", "no @data"),
        ("@end steps", "@end of", "other attributes"),
        ("@attribute kind", "@attribute id numeric\n@attribute kind", "other attributes"),
        ("4,5", "4,five", 'line 10: the step 2 is "five"'),
    ],
)
def test_broken_relational_arff_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in RELATIONAL
    refused(written(tmp_path, "a.arff", RELATIONAL.replace(old, new)), message)


def test_arff_of_one_channel_is_told_from_tables(tmp_path: Path) -> None:
    numeric = "@relation a\n@attribute t0 numeric\n@attribute t1 real\n@attribute class {1,2}\n@data\n1,2,1\n3,4,2\n"
    assert wide_arff(written(tmp_path, "a.arff", numeric)) == "category"
    assert wide_arff(written(tmp_path, "b.arff", numeric.replace("{1,2}", "numeric"))) == "number"
    assert wide_arff(written(tmp_path, "c.arff", numeric.replace("numeric", "string"))) is None
    assert not is_series(tmp_path / "a.arff")  # nothing says that its columns are steps
    assert is_series(written(tmp_path, "A_TRAIN.arff", numeric))


@pytest.mark.parametrize(
    "text",
    [
        "  1.0000000e+000 -3.5e-1  2.0\n  2.0000000e+000  4.0  NaN\n",
        "1,-0.35,2\n2,4,\n",
        "1\t-0.35\t2\n2\t4\tNaN\n",
        "1;-0.35;2\n2;4;?\n\n",
    ],
    ids=["blanks", "commas", "tabs", "semicolons"],
)
def test_text_has_the_label_first_and_ends_where_values_do(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, "A_TRAIN", text)
    found = read_listed(path)
    assert is_series(path)
    assert [one.ravel().tolist() for one in found.values] == [pytest.approx([-0.35, 2]), [4]]
    assert found.labels is not None
    assert found.labels.tolist() == [1, 2]
    assert (found.kind, found.layout.target) == ("category", "class")


def test_text_labels_with_fractions_are_values_and_words_are_classes(tmp_path: Path) -> None:
    assert read_listed(written(tmp_path, "a.txt", "1.5 1 2\n2 3 4\n")).kind == "number"
    found = read_listed(written(tmp_path, "b.txt", "up 1 2\ndown 3 4\n"))
    assert found.labels is not None
    assert (found.kind, found.labels.tolist()) == ("category", ["up", "down"])


def test_labels_that_are_missing_or_infinite_are_none(tmp_path: Path) -> None:
    found = read_listed(written(tmp_path, "a.txt", "1 5 6\ninf 1 2\n? 3 4\n2 7 8\n"))
    assert found.labels is not None
    np.testing.assert_array_equal(found.labels, [1, np.nan, np.nan, 2])
    assert found.kind == "category"


def test_text_with_the_label_last_when_asked(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", "5 6 1\n7 8 2\n")
    found = read_listed(path, "-1")
    assert found.labels is not None
    assert (found.labels.tolist(), found.values[0].ravel().tolist()) == ([1, 2], [5, 6])
    with pytest.raises(TargetError, match='no column "weight"'):
        read_listed(path, "weight")


def test_text_to_predict_has_labels_if_it_has_a_number_more_or_says_so_by_name(tmp_path: Path) -> None:
    text = "1 2 3\n4 5 6\n"
    bare, named = written(tmp_path, "new.txt", text), written(tmp_path, "A_TEST", text)
    for steps in (3, 9):
        found = read_listed(bare, unlabelled=steps)
        assert found.labels is None
        assert found.values[0].ravel().tolist() == [1, 2, 3]
        assert "No line has a label" in found.notes[0].text
    for path, steps in ((bare, 2), (named, 3)):
        assert read_listed(path, unlabelled=steps).values[0].ravel().tolist() == [2, 3]


def test_text_that_is_cut_off_in_its_last_line_is_refused_and_unequal_lines_are_not(tmp_path: Path) -> None:
    whole = "1 2 3 4\n2 3 4 5\n1 5 6 7\n"
    refused(
        written(tmp_path, "a.txt", whole + "2 5 6"), "line 4: 3 numbers, where every other line has 4: the file is cut"
    )
    found = read_listed(written(tmp_path, "b.txt", whole + "2 5\n1 2 3\n"))
    assert found.lengths.tolist() == [3, 3, 3, 1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\n2\n1\n", "one number a line"),
        ("1 2 3\n2 4 oops\n", 'line 2: the step 2 is "oops"'),
        ("\n", "holds no series"),
        ("label time1 time2\n1 2 3\n", 'line 1: the step 1 is "time1"'),
    ],
)
def test_broken_text_is_refused(tmp_path: Path, text: str, message: str) -> None:
    refused(written(tmp_path, "a.txt", text), message)


def test_a_target_that_the_format_does_not_have_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "a.ts", HEADER + GOOD)
    assert read_listed(path, "class").labels is not None
    with pytest.raises(TargetError, match='no target "weight"'):
        read_listed(path, "weight")


def test_files_that_are_not_there_or_hold_no_text_are_refused(tmp_path: Path) -> None:
    refused(tmp_path / "no.ts", "no such file")
    (tmp_path / "a.ts").write_bytes(bytes(range(256)) * 20)
    with pytest.raises(DataError):
        read_listed(tmp_path / "a.ts")
    (tmp_path / "a.ts.gz").write_bytes(gzip.compress((HEADER + GOOD).encode())[:40])
    refused(tmp_path / "a.ts.gz", "cut off")


def test_what_is_taken_for_series_without_being_told(tmp_path: Path) -> None:
    numbers, named = "1 2 3\n2 3 4\n", "label a b\n1 2 3\n"
    assert is_series(written(tmp_path, "x.ts", "anything"))
    assert is_series(written(tmp_path, "X_TRAIN.tsv", numbers.replace(" ", "\t")))
    assert is_series(written(tmp_path, "X_TEST.txt", numbers))
    (tmp_path / "Y_TEST.txt.gz").write_bytes(gzip.compress(numbers.encode()))
    assert is_series(tmp_path / "Y_TEST.txt.gz")
    assert not is_series(written(tmp_path, "Z_TRAIN.txt", named))
    assert not is_series(written(tmp_path, "x.txt", numbers))
    assert is_listed(tmp_path / "x.txt")
    assert not is_series(written(tmp_path, "titanic_train.txt", numbers))
    assert not is_series(written(tmp_path, "X_TRAIN.csv", numbers))
    assert not is_series(tmp_path / "nowhere.ts")


def test_pairs_of_files_and_folders(tmp_path: Path) -> None:
    for name in ("Waves_TRAIN.txt", "Waves_TEST.txt", "Lone_TRAIN.txt"):
        written(tmp_path, name, "1 2 3\n2 3 4\n")
    for part in ("TRAIN", "TEST"):
        written(tmp_path, f"Waves_{part}.ts", HEADER + GOOD)
    ts = (tmp_path / "Waves_TRAIN.ts", tmp_path / "Waves_TEST.ts")
    assert is_series(tmp_path)
    assert archive_pair(tmp_path) == ts
    assert archive_pair(tmp_path / "Waves_TRAIN.txt")[1] == tmp_path / "Waves_TEST.txt"
    assert archive_pair(tmp_path / "Lone_TRAIN.txt")[1] is None
    assert archive_pair(tmp_path / "Waves_TEST.ts") == (ts[1], None)


def test_of_several_sets_in_a_folder_the_one_called_like_it(tmp_path: Path) -> None:
    folder = tmp_path / "Waves"
    folder.mkdir()
    for name in ("Waves", "WavesDimension1"):
        for part in ("TRAIN", "TEST"):
            written(folder, f"{name}_{part}", "1 2 3\n2 3 4\n")
    assert archive_pair(folder)[0] == folder / "Waves_TRAIN"
    other = folder.rename(tmp_path / "else")
    with pytest.raises(DataError, match="2 sets of series: Waves, WavesDimension1"):
        archive_pair(other)
    (tmp_path / "empty").mkdir()
    assert not is_series(tmp_path / "empty")
    with pytest.raises(DataError, match="no sets of series"):
        archive_pair(tmp_path / "empty")
