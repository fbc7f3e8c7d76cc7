"""Reading tables: what is in the file is in the table, however it was written; what can't be read is said clearly."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lamina.data.table import Table, read_table
from lamina.errors import DataError

ROWS = [(i, i * 0.5, "abc"[i % 3]) for i in range(30)]


def text(delimiter: str = ",", header: str = "a{0}b{0}c\n") -> str:
    return header.format(delimiter) + "".join(delimiter.join(map(str, row)) + "\n" for row in ROWS)


def written(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def kinds(table: Table) -> set[str]:
    return {note.kind for note in table.notes}


def check_rows(table: Table) -> None:
    first, second, third = table.columns.values()
    assert first.tolist() == [row[0] for row in ROWS]
    assert second.tolist() == [row[1] for row in ROWS]
    assert third.tolist() == [row[2] for row in ROWS]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " ", "   "])
def test_delimiters(tmp_path: Path, delimiter: str) -> None:
    table = read_table(written(tmp_path, text(delimiter)))
    check_rows(table)
    assert table.names == ("a", "b", "c")
    assert ("delimiter" in kinds(table)) == (delimiter != ",")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, line_end: str) -> None:
    content = text(header="größe,b,c\n").replace("\n", line_end).encode(encoding)
    table = read_table(written(tmp_path, content))
    check_rows(table)
    assert table.names == ("größe", "b", "c")
    assert table.lines is not None
    assert table.lines.tolist() == list(range(2, 32))


def test_no_header_is_found_and_can_be_forced(tmp_path: Path) -> None:
    path = written(tmp_path, text(header=""))
    table = read_table(path)
    check_rows(table)
    assert table.names == ("column 1", "column 2", "column 3")
    assert "no-header" in kinds(table)
    assert read_table(path, header=True).names == ("0", "0.0", "a")
    assert len(read_table(written(tmp_path, text()), header=False)) == len(ROWS) + 1


def test_a_table_of_words_names_its_columns_only_with_new_words(tmp_path: Path) -> None:
    body = "red,yes\nblue,no\n" * 5
    assert read_table(written(tmp_path, "colour,good\n" + body)).names == ("colour", "good")
    assert read_table(written(tmp_path, body)).names == ("column 1", "column 2")


def test_ragged_rows_are_left_out_by_line(tmp_path: Path) -> None:
    lines = text().splitlines()
    lines[4] += ",extra"
    lines[9] = "1"
    table = read_table(written(tmp_path, "\n".join(lines)))
    assert table.lines is not None
    assert table.lines.tolist() == [n for n in range(2, 32) if n not in (5, 10)]
    assert table.columns["a"].tolist() == [row[0] for row in ROWS if row[0] not in (3, 8)]
    note = next(note for note in table.notes if note.kind == "ragged-rows")
    assert "lines 5, 10" in note.text
    assert note.matters


def test_quoted_line_ends_and_blank_lines_keep_their_line_numbers(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, '\n\na,b\n1,"x\ny, ""z"""\n\n2,w\n3\n"4","v\n\nu"\n5,t\n'))
    assert table.columns["b"].tolist() == ["x\ny, " + '"z"', "w", "v\n\nu", "t"]
    assert table.lines is not None
    assert table.lines.tolist() == [4, 7, 9, 12]
    assert {"quoted-newlines", "ragged-rows"} <= kinds(table)


def test_stray_quotes_do_not_swallow_rows(tmp_path: Path) -> None:
    lines = [f"{'ham' if i % 3 else 'spam'}\t{chr(34) if i % 7 == 0 else ''}text {i}" for i in range(60)]
    table = read_table(written(tmp_path, "\n".join(lines), "t.tsv"))
    assert len(table) == 60
    assert table.columns["column 2"][7] == '"text 7'


def test_duplicate_and_empty_names(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "a,a,,a 2\n1,2,3,4\n5,6,7,8\n"))
    assert len(set(table.names)) == 4
    assert table.names[0] == "a"
    assert table.names[2] == "column 3"
    assert [values[0] for values in table.columns.values()] == [1, 2, 3, 4]
    assert "duplicate-names" in kinds(table)


def test_row_names_that_have_no_name(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "a,b\n1,2,x\n2,3,y\n3,4,x\n"))
    assert table.names == ("column 1", "a", "b")
    assert table.columns["b"].tolist() == ["x", "y", "x"]


def test_words_that_mean_missing(tmp_path: Path) -> None:
    words = ["NA", "N/A", "?", "", "null", "None", "nan", " na "]
    table = read_table(written(tmp_path, "n,w\n1,x\n" + "".join(f"{w},{w}\n" for w in words) + "2,y\n"))
    assert np.isnan(table.columns["n"]).sum() == len(words)
    assert np.nansum(table.columns["n"]) == 3
    assert table.columns["w"].tolist() == ["x", *[None] * len(words), "y"]
    assert '"?" (2)' in next(note.text for note in table.notes if note.kind == "missing-words")


def test_numbers_as_people_write_them(tmp_path: Path) -> None:
    table = read_table(
        written(
            tmp_path, 'a,b,c,d,e,f\n"1,200",5%,inf,007,3,1\n-12,7.5 %,-Infinity,123,x,2\n"3,000,000.5",,1,045,4,3\n'
        )
    )
    assert table.columns["a"].tolist() == [1200, -12, 3000000.5]
    assert table.columns["b"][:2].tolist() == [5, 7.5]
    assert np.isnan(table.columns["b"][2])
    assert np.isnan(table.columns["c"]).tolist() == [True, True, False]
    assert table.columns["d"].tolist() == ["007", "123", "045"]
    assert table.columns["e"].tolist() == ["3", "x", "4"]
    assert {"thousands-commas", "percent", "infinities", "codes"} <= kinds(table)


def test_decimal_commas_beside_semicolons(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "a;b\n1,5;x\n-2,25;y\n1.234,5;x\n"))
    assert table.columns["a"].tolist() == [1.5, -2.25, 1234.5]


@pytest.mark.parametrize(
    ("word", "moment"),
    [
        ("2024-05-31", "2024-05-31"),
        ("2024-05-31 14:30", "2024-05-31T14:30"),
        ("2024-05-31T14:30:15+02:00", "2024-05-31T12:30:15"),
        ("31.05.2024", "2024-05-31"),
        ("05/31/2024", "2024-05-31"),
        ("31/05/2024", "2024-05-31"),
        ("2024-05", "2024-05-01"),
    ],
)
def test_dates(tmp_path: Path, word: str, moment: str) -> None:
    table = read_table(written(tmp_path, f"d,n\n{word},1\n,2\n{word},3\n"))
    assert table.columns["d"].dtype == "datetime64[us]"
    assert table.columns["d"][0] == np.datetime64(moment)
    assert np.isnat(table.columns["d"][1])


def test_dates_that_could_be_read_two_ways_are_said(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "d,n\n05/06/2024,1\n01/02/2024,2\n"))
    assert table.columns["d"][0] == np.datetime64("2024-05-06")
    assert "ambiguous-dates" in kinds(table)


def test_spaces_around_cells_and_truth(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "a, b, c\n1,  x ,TRUE\n2, y, False\n3, x, true\n"))
    assert table.names == ("a", "b", "c")
    assert table.columns["b"].tolist() == ["x", "y", "x"]
    assert table.columns["c"].tolist() == ["true", "false", "true"]


@pytest.mark.parametrize("name", ["t.parquet", "t.feather", "t.arrow", "t.jsonl", "t.csv", "t.arff"])
@pytest.mark.parametrize("zipped", [False, True])
def test_every_kind_of_file_holds_the_same_table(tmp_path: Path, name: str, zipped: bool) -> None:
    if Path(name).suffix in (".feather", ".arrow"):
        pytest.importorskip("arro3.io")
    path = tmp_path / name
    _write(path)
    if zipped:
        path = written(tmp_path, gzip.compress(path.read_bytes()), name + ".gz")
    check_rows(read_table(path))
    check_rows(read_table(io.BytesIO(path.read_bytes())))


def _write(path: Path) -> None:
    columns = {name: [row[i] for row in ROWS] for i, name in enumerate("abc")}
    if path.suffix == ".csv":
        path.write_text(text())
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(dict(zip("abc", row, strict=True))) for row in ROWS))
    elif path.suffix == ".arff":
        head = (
            "% said\n@RELATION 'a b'\n@attribute a integer\n@attribute 'b' numeric\n@ATTRIBUTE c {a, 'b', c}\n@DATA\n"
        )
        path.write_text(head + "% more\n" + "".join(f"{a},{b},'{c}'\n" for a, b, c in ROWS))
    elif path.suffix == ".parquet":
        pytest.importorskip("polars").DataFrame(columns).write_parquet(path)
    elif path.suffix == ".feather":
        pytest.importorskip("polars").DataFrame(columns).write_ipc(path, compression="lz4")
    else:
        pytest.importorskip("polars").DataFrame(columns).write_ipc_stream(path)


def test_arff_strings_and_missing(tmp_path: Path) -> None:
    head = "@relation r\n@attribute s string\n@attribute n real\n@data\n"
    table = read_table(written(tmp_path, head + "'it is, so',1.5\n?,?\n\"two\",2\n", "t.arff"))
    assert table.columns["s"].tolist() == ["it is, so", None, "two"]
    assert np.isnan(table.columns["n"][1])
    assert table.lines is not None
    assert table.lines.tolist() == [5, 6, 7]
    tabbed = "@RELATION\tr\n@attribute\ta\treal\n@attribute b\t{x,y}\n@data\n1,x\n2,y\n"
    tabs = read_table(written(tmp_path, tabbed, "t.arff"))
    assert tabs.columns["b"].tolist() == ["x", "y"]
    with pytest.raises(DataError, match="ARFF can't be read"):
        read_table(written(tmp_path, "@relation\n@attribute\n@data\n1,2\n", "t.arff"))
    with pytest.raises(DataError, match="line"):
        read_table(written(tmp_path, head + "a,1\nb\n", "t.arff"))


def test_json_lines_with_gaps_and_broken_lines(tmp_path: Path) -> None:
    content = '{"a": 1, "b": "x", "ok": true}\n\n{"a": "2", "b": null}\nbroken\n{"b": "y", "a": 3, "ok": false}\n'
    table = read_table(written(tmp_path, content, "t.jsonl"))
    assert table.columns["a"].tolist() == [1, 2, 3]
    assert table.columns["b"].tolist() == ["x", None, "y"]
    assert table.columns["ok"].tolist() == ["true", None, "false"]
    assert table.lines is not None
    assert table.lines.tolist() == [1, 3, 5]
    assert "ragged-rows" in kinds(table)


def test_frames_in_memory() -> None:
    columns = {"a": [1.5, None, 3.0], "w": ["x", None, "y"], "t": [True, False, None]}
    moments = np.array(["2024-01-01", "NaT", "2024-01-03"], dtype="datetime64[us]")
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    frames = [
        {**columns, "d": moments},
        pandas.DataFrame({**columns, "d": moments}),
        pandas.DataFrame({**columns, "d": moments}).convert_dtypes(),
        polars.DataFrame(columns).with_columns(d=polars.Series(moments)),
        pytest.importorskip("pyarrow").table({**columns, "d": moments}),
    ]
    for frame in frames:
        table = read_table(frame)
        assert table.columns["a"][[0, 2]].tolist() == [1.5, 3]
        assert np.isnan(table.columns["a"][1])
        assert table.columns["w"].tolist() == ["x", None, "y"]
        assert table.columns["t"].tolist() == ["true", "false", None]
        assert np.isnat(table.columns["d"]).tolist() == [False, True, False]
        assert table.columns["d"][2] == np.datetime64("2024-01-03")
        assert table.lines is None
        assert table.row_name(0) == "row 1"


def test_one_table_in_a_zip_or_several(tmp_path: Path) -> None:
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.csv", text())
        archive.writestr("Readme.txt", "nothing\n")
    check_rows(read_table(path))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("sub/two.csv", text(";"))
    with pytest.raises(DataError, match="holds 2 tables") as refused:
        read_table(path)
    commands = [line for line in refused.value.mend.splitlines() if line.startswith("lamina train ")]
    assert len(commands) == 2
    for command in commands:
        check_rows(read_table(command.removeprefix("lamina train ")))


def test_hostile_zips(tmp_path: Path) -> None:
    outside, bomb = tmp_path / "outside.zip", tmp_path / "bomb.zip"
    with zipfile.ZipFile(outside, "w") as archive:
        archive.writestr("../t.csv", text())
    with pytest.raises(DataError, match="points outside"):
        read_table(outside)
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", text())
        info = archive.infolist()[0]
        info.file_size = 1 << 40
    with pytest.raises(DataError, match="would unpack to"):
        read_table(bomb)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", "", "is empty"),
        ("blank.csv", "\n \n", "is empty"),
        ("header.csv", "a,b,c\n", "no rows"),
        ("binary.csv", bytes(range(256)) * 9, "not text"),
        ("table.xlsx", b"PK", 'extension ".xlsx"'),
        ("broken.csv.gz", gzip.compress(text().encode(), mtime=0)[:60], "cut off"),
        ("broken.parquet", b"PAR1 and no more", "can't be read"),
        ("broken.feather", b"ARROW1\0\0 and no more", "no Arrow|Arrow library"),
        ("broken.zip", b"PK and no more", "no readable zip"),
        ("broken.arff", "@relation r\n@attribute a what\n@data\n1\n", "ARFF can't be read"),
        ("broken.jsonl", "no\njson\n", "no rows|can't be read|one column"),
    ],
)
def test_what_is_refused(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as refused:
        read_table(written(tmp_path, content, name))
    assert refused.value.expected
    assert refused.value.mend


def test_a_missing_file_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    written(tmp_path, text(), "penguins.csv")
    with pytest.raises(DataError, match="There is no file") as refused:
        read_table(tmp_path / "pengiuns.csv")
    assert "penguins.csv" in refused.value.mend
    with pytest.raises(DataError, match="folder") as refused:
        read_table(tmp_path)
    assert "penguins.csv" in refused.value.mend
    with pytest.raises(DataError, match="no sample"):
        read_table("sample:pigeons")
    with pytest.raises(DataError, match="is no table"):
        read_table(3)


def test_source_names_the_content(tmp_path: Path) -> None:
    import hashlib

    path = written(tmp_path, text())
    source = read_table(path).source
    assert source is not None
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert source.bytes == path.stat().st_size


def test_take_and_without() -> None:
    table = read_table("sample:penguins")
    part = table.take(np.array([5, 3])).without("sex")
    assert part.lines is not None
    assert part.lines.tolist() == [7, 5]
    assert "sex" not in part.names
    assert part.columns["species"].tolist() == [table.columns["species"][5], table.columns["species"][3]]


def test_a_percent_sign_where_it_is_no_value_of_an_arff_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.arff"
    path.write_text("@relation r\n@attribute a {x,y}\n@attribute b numeric\n@data\nx,1\n5%s,2\n")
    with pytest.raises(DataError, match="ARFF can't be read"):
        read_table(path)
