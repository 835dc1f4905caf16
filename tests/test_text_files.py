"""Every small text file that a command is given: what it may be, and what is said of one that is something else."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from snellen.data.photographs import bundled_photographs

PHOTOGRAPH = bundled_photographs()[0].path


def sparse(path: Path) -> None:
    """A gigabyte of zeros that takes no disk."""
    path.touch()
    os.truncate(path, 1 << 30)


BAD = {
    "Windows-1252": (lambda path: path.write_bytes(b'title = "x"\nauthor = "Gr\xfcn"\n'),
                     "not a text file in UTF-8: line 2 has a byte 0xfc (save it as UTF-8; in Excel, as CSV UTF-8)"),
    "UTF-16": (lambda path: path.write_bytes('title = "x"'.encode("utf-16")),
               "not a text file in UTF-8 but in UTF-16, as Notepad saves Unicode (save it as UTF-8; in Excel, as CSV "
               "UTF-8)"),
    "UTF-16 without a mark": (lambda path: path.write_bytes('title = "x"'.encode("utf-16-le")),
                              "not a text file in UTF-8: it has null characters"),
    "a gigabyte of zeros": (sparse, "more than 64 MiB"),
    "a pipe": (os.mkfifo, "is a pipe, not a file"),
    "a folder": (Path.mkdir, "is a folder, not a file"),
    "an endless device": (lambda path: path.symlink_to("/dev/zero"), "is a device, not a file"),
    "nothing": (lambda _: None, "cannot be read: No such file or directory"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_text(kind: str, tmp_path: Path, snellen_command) -> None:
    make, message = BAD[kind]
    make(tmp_path / "exam.toml")
    done = snellen_command("exam", tmp_path / "exam.toml", "--out", tmp_path / "out")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert f"{tmp_path / 'exam.toml'}: {message}" in done.stderr
    assert not (tmp_path / "out").exists()


def labelled_folder(path: Path) -> list[object]:
    """A data set whose table is ``path``, moved into it."""
    folder = path.parent / "set"
    folder.mkdir()
    path.rename(folder / "labels.csv")
    (folder / "1.png").write_bytes(PHOTOGRAPH.read_bytes())
    return ["evaluate", folder]


READERS: dict[str, Callable[[Path], list[object]]] = {
    "recipe": lambda path: ["train", "digits", "--recipe", path],
    "labels of photographs": lambda path: ["attack", PHOTOGRAPH, "--untargeted", "--photo-labels", path],
    "labels of the model": lambda path: ["classify", PHOTOGRAPH, "--labels", path],
    "preprocessing": lambda path: ["classify", PHOTOGRAPH, "--preprocessing", path],
    "mapping": lambda path: ["evaluate", "digits", "--mapping", path],
    "a table of a data set": labelled_folder,
}


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_says_so(reader: str, tmp_path: Path, snellen_command) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes("file_name,label\n1.png,cat\n".encode("utf-16"))
    arguments = READERS[reader](path)
    out = ["--out", tmp_path / "out"] if arguments[0] != "classify" else []
    done = snellen_command(*arguments, *out)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert "labels.csv: not a text file in UTF-8 but in UTF-16" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_misspelt_recipe_that_is_a_folder_too(tmp_path: Path, snellen_command) -> None:
    (tmp_path / "plian").mkdir()
    done = snellen_command("train", "digits", "--recipe", "plian", "--out", "out", cwd=tmp_path)
    assert (done.returncode, "plian: is a folder, not a file (plain, batchnorm, deep" in done.stderr) == (2, True)
    assert "or a .toml file)" in done.stderr


def test_a_mark_at_the_beginning_is_none_of_the_text(tmp_path: Path, snellen_command) -> None:
    """As Excel and Notepad set it in UTF-8: in a configuration, in a recipe and in a table."""
    for name, text in (("exam.toml", "title = 3"), ("recipe.toml", "epochs = 'x'"), ("labels.csv", "file_name,tag\n")):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
    for arguments, message in (
        (["exam", tmp_path / "exam.toml"], "exam.toml, line 1: title is 3"),
        (["train", "digits", "--recipe", tmp_path / "recipe.toml"], "recipe.toml: lacks batch"),
        (["classify", PHOTOGRAPH, "--photo-labels", tmp_path / "labels.csv"], "labels.csv: its columns are file_name,"),
    ):
        done = snellen_command(*arguments)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
