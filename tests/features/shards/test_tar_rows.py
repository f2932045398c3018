"""A tar is walked by its headers: nothing in it can write, follow a path or stop the run."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from sordino.errors import AudioError, FeatureError
from sordino.features.shards import TarRows, tar_rows
from sordino.signal import audio
from tests.features.shards.stored_sounds import rows_of, samples, wav, write_tar


def problems(path: Path, labels: tuple[str, ...] = ()) -> dict[str, str]:
    """The reason of each row without a sound, by its name below the tar."""
    rows = rows_of(TarRows((path,)), labels)
    return {row.file.removeprefix(f"{path}"): row.problem for row in rows if row.sound is None}


def test_samples_have_their_sounds_and_labels(tmp_path: Path) -> None:
    members = samples(3) | {"0002.txt": b"the cup\n", "0002.cls": b"1"}
    path = write_tar(tmp_path / "a.tar", members)
    (tmp_path / "0001.wav").write_bytes(members["0001.wav"])
    source = TarRows((path,))
    rows = rows_of(source, ("emotion", "age", "words", "txt"))
    assert [row.file for row in rows] == [f"{path}/{number:04d}.wav" for number in range(3)]
    assert [row.labels for row in rows] == [
        ("sad", "20", None, None),
        ("angry", "21", None, None),
        ("neutral", "22", None, "the cup"),
    ]
    assert rows[1].sound is not None
    expected = audio.read(tmp_path / "0001.wav")
    np.testing.assert_array_equal(rows[1].sound.read(16000), expected)
    with pytest.raises(
        FeatureError, match=r"'mood' is no label of the first recording of .*a\.tar"
    ):
        source.check_labels(["mood"])


def header(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def test_links_and_devices_are_refused_by_name(tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(wav(0))
    further = [
        header("b.wav", tarfile.SYMTYPE, str(secret)),
        header("c.wav", tarfile.LNKTYPE, "../secret.wav"),
        header("d.wav", tarfile.CHRTYPE),
        header("e.wav", tarfile.FIFOTYPE),
        header("folder", tarfile.DIRTYPE),
    ]
    path = write_tar(tmp_path / "a.tar", {"a.wav": wav(0)}, further)
    refused = problems(path)
    assert sorted(refused) == ["/b.wav", "/c.wav", "/d.wav", "/e.wav"]
    assert refused["/b.wav"].startswith("a link, expected a regular file")
    assert refused["/d.wav"].startswith("a device, a pipe or another kind")


def test_a_path_in_a_tar_is_a_name_alone(tmp_path: Path) -> None:
    names = ("../../escaped.wav", "/etc/passwd.wav", "\x1b[2J\udcff.wav", "x" * 3000 + ".wav")
    path = write_tar(tmp_path / "a.tar", {name: wav(0) for name in names})
    rows = rows_of(TarRows((path,)))
    assert [row.sound is not None for row in rows] == [True] * 4
    assert all(row.file.startswith(f"{path}/") and row.file.isprintable() for row in rows)
    assert max(len(row.file) for row in rows) < 600
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tar"]


def test_odd_samples_have_a_problem_each(tmp_path: Path) -> None:
    members = {
        "a.json": b"{}",
        "b.wav": wav(0),
        "b.flac": wav(0),
        "c.wav": wav(0),
        "c.json": b"[" * 100_000,
        "d.wav": wav(0),
        "d.txt": b"\xff",
        "e.wav": wav(0),
        "e.json": b"3",
        "f.wav": wav(0),
        ".hidden.wav": b"",
        "g.npy": b"no sound",
    }
    path = write_tar(tmp_path / "a.tar", members)
    refused = problems(path, ("emotion",))
    assert sorted(refused) == ["/a", "/b", "/c.wav", "/d.wav", "/e.wav"]
    assert "no sound of this name" in refused["/a"]
    assert "two sounds of this name" in refused["/b"]
    assert "no JSON object" in refused["/c.wav"]
    assert sorted(problems(path)) == ["/a", "/b"]  # labels that are not asked for are not read


@pytest.mark.parametrize("cut", [300, 700, 8_000, 20_000])
def test_a_cut_tar_keeps_its_first_samples(tmp_path: Path, cut: int) -> None:
    path = write_tar(tmp_path / "a.tar", samples(3))
    whole = rows_of(TarRows((path,)))
    path.write_bytes(path.read_bytes()[:cut])
    rows = rows_of(TarRows((path, write_tar(tmp_path / "b.tar", samples(2)))))
    *first, second, third = rows
    assert [row.sound for row in first if row.sound] == [row.sound for row in whole][: cut // 8_000]
    assert sum(row.sound is None for row in first) >= 1
    assert second.sound is not None
    assert third.sound is not None


def test_damage_in_the_middle_is_told_and_ends_the_tar(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", samples(3))
    content = bytearray(path.read_bytes())
    second = rows_of(TarRows((path,)))[1].sound
    content[second.offset - 512 : second.offset] = b"\x07" * 512  # type: ignore[union-attr]
    path.write_bytes(content)
    assert [row.sound is None for row in rows_of(TarRows((path,)))] == [True, False]
    assert "damaged or cut short" in problems(path)[""]


def test_bytes_after_the_end_are_told(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", samples(1))
    twice = tmp_path / "b.tar"
    twice.write_bytes(path.read_bytes() * 2)
    assert problems(path) == {}
    assert "has bytes after its end" in problems(twice)[""]
    short = tarfile.TarInfo("a.wav")
    short.size, short.pax_headers = 2048, {"size": "1"}
    with tarfile.open(tmp_path / "c.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(short, io.BytesIO(bytes(2048)))
        archive.addfile(tarfile.TarInfo("b.wav"))
    assert "has bytes after its end" in problems(tmp_path / "c.tar")[""]


def test_a_negative_size_does_not_lead_back(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("b.wav")
    buffer = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    buffer[124:136] = b"\xff" * 8 + (-1024 & 0xFFFFFFFF).to_bytes(4, "big")
    buffer[148:156] = b" " * 8
    buffer[148:156] = b"%06o\0 " % sum(buffer)
    path = write_tar(tmp_path / "a.tar", {"a.wav": wav(0)})
    path.write_bytes(path.read_bytes()[: 512 + 6656] + buffer + b"\0" * 1024)
    assert "" in problems(path)


def test_long_headers_and_many_members_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        entry = tarfile.TarInfo("a.wav")
        entry.pax_headers = {"comment": "x" * 200_000}
        archive.addfile(entry)
    assert "no tar" in problems(tmp_path / "a.tar")[""]
    monkeypatch.setattr(tar_rows, "MOST_MEMBERS", 3)
    path = write_tar(tmp_path / "b.tar", samples(4))
    assert "more than 3 members" in problems(path)[""]
    monkeypatch.setattr("sordino.features.shards.rows.LARGEST_STORED", 1000)
    assert "expected at most 1,000" in problems(path)["/0000.wav"]


def test_other_files_are_named(tmp_path: Path) -> None:
    packed = tmp_path / "a.tar"
    packed.write_bytes(gzip.compress(write_tar(tmp_path / "b.tar", samples(1)).read_bytes()))
    assert problems(packed)[""].startswith("a gzip archive, expected a tar with recordings: unpack")
    (tmp_path / "c.tar").write_bytes(b"")
    assert problems(tmp_path / "c.tar")[""].startswith("no tar")
    (tmp_path / "d.tar").mkdir()
    assert "a folder" in problems(tmp_path / "d.tar")[""]


def test_a_tar_that_shrinks_is_an_error_of_its_sound(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"a.wav": wav(0)})
    (row,) = rows_of(TarRows((path,)))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(AudioError, match=r"a\.wav: the file around it is cut short"):
        row.sound.read(16000)  # type: ignore[union-attr]
