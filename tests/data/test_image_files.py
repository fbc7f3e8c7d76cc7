"""Folders and zips as strangers send them."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lamina.data import media_files
from lamina.data.examples import Reading
from lamina.data.image_files import image_files, image_formats, is_image_name
from lamina.data.image_folder import read_image_folder
from lamina.errors import DataError


def png(level: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (4, 4), level).save(buffer, "PNG")
    return buffer.getvalue()


def good_members() -> dict[str, bytes]:
    return {f"set/{name}/{i}.png": png(i) for name in ("cats", "dogs") for i in range(3)}


def zipped(path: Path, members: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_zip_reads_as_the_folder_does(tmp_path: Path) -> None:
    members = good_members() | {"__MACOSX/set/cats/._0.png": b"x", "set/cats/.DS_Store": b"x", "set/notes.txt": b"x"}
    path = zipped(tmp_path / "set.zip", members)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "folder")
    from_zip, from_folder = (read_image_folder(place, Reading()) for place in (path, tmp_path / "folder"))
    assert from_zip.names.tolist() == from_folder.names.tolist() == sorted(good_members())
    assert np.array_equal(np.asarray(from_zip.inputs), np.asarray(from_folder.inputs))
    assert np.array_equal(from_zip.hashes, from_folder.hashes)
    assert [note.kind for note in from_zip.notes] == ["other-files", "duplicate-images", "contrary-labels"]
    assert from_zip.notes[0].text == "1 file that is no image (.txt) is ignored."


@pytest.mark.parametrize("name", ["../evil.png", "a/../../evil.png", "/etc/evil.png", "..\\evil.png", "C:\\evil.png"])
def test_members_outside_are_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "set.zip", good_members() | {name: png()})
    with pytest.raises(DataError, match="outside") as caught:
        read_image_folder(path, Reading())
    assert caught.value.exit_code == 2
    assert [file.name for file in tmp_path.iterdir()] == ["set.zip"]


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "set.zip", good_members() | {"set/cats/z.png": b"\0" * (1 << 26)})
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(media_files, "_open_member", lambda *_: pytest.fail("a member was opened"))
    with pytest.raises(DataError, match="unpacks 'set/cats/z.png' to 67,108,864 bytes"):
        read_image_folder(path, Reading())


def test_a_bomb_of_many_members_is_refused(tmp_path: Path) -> None:
    many = {f"set/cats/z{i}.png": b"\0" * (1 << 22) for i in range(16)}
    path = zipped(tmp_path / "set.zip", good_members() | many)
    with pytest.raises(DataError, match="unpacks .* bytes to"):
        read_image_folder(path, Reading())


def test_a_member_that_lies_about_its_size_is_cut_off(tmp_path: Path) -> None:
    path = zipped(tmp_path / "set.zip", good_members() | {"set/cats/z.png": b"\0" * (1 << 26)})
    content = bytearray(path.read_bytes())
    for at in range(len(content) - 4):
        if content[at : at + 4] == struct.pack("<I", 1 << 26):
            content[at : at + 4] = struct.pack("<I", 1000)
    path.write_bytes(content)
    made = read_image_folder(path, Reading())
    assert len(made) == 6
    assert "set/cats/z.png" in next(note.text for note in made.notes if note.kind == "corrupt-images")


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "set.zip", good_members())
    link = zipfile.ZipInfo("set/cats/link.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="a link"):
        read_image_folder(path, Reading())


def test_a_locked_zip_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "set.zip", good_members(), zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")
    content[at + 8] |= 1  # the flag that says so, in the directory
    path.write_bytes(content)
    with pytest.raises(DataError, match="locked"):
        read_image_folder(path, Reading())


def test_a_broken_zip_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "set.zip", good_members())
    whole = path.read_bytes()
    for size in range(0, len(whole) - 1, len(whole) // 10):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match="can't be opened"):
            read_image_folder(path, Reading())


def test_a_folder_that_contains_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "a.png").write_bytes(png())
    (tmp_path / "cats" / "again").symlink_to(tmp_path, target_is_directory=True)
    with image_files(tmp_path) as listing:
        assert [file.name for file in listing.files] == ["cats/a.png"]


def test_programs_are_not_started_for_files() -> None:
    assert not is_image_name("a.eps")
    assert "EPS" not in image_formats()
