"""Nothing of the user's is replaced or removed, and any file name works or is refused alone, shown so that no terminal
obeys it."""

import io
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import forked
from forked import Forked, run
from snellen.cli import output
from snellen.data.photographs import bundled_photographs
from snellen.errors import InputError, SnellenError
from snellen.exam.cache import CachedAnswer, load_cached
from snellen.exam.report.document import Answer, Picture
from snellen.runs.files import Run, only_writer, sweep, sweep_below, write_json, write_text
from snellen.runs.ledger import check_output, files_below, remove, remove_run
from snellen.runs.provenance import Provenance

NOTES = "mine"
PROVENANCE = Provenance.collect()


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder with two small photographs."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number, shipped in enumerate(bundled_photographs()[:2]):
        with Image.open(shipped.path) as image:
            image.convert("RGB").crop((0, 0, 240, 240)).save(folder / f"{number}.png")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestLedger:
    def test_a_file_that_no_run_made_is_not_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "result.json").write_text(NOTES, encoding="utf-8")
        with Run(tmp_path), pytest.raises(InputError, match=r"result\.json: is there already, and no run here made it"):
            write_text(tmp_path / "result.json", "ours")
        assert (tmp_path / "result.json").read_text(encoding="utf-8") == NOTES

    def test_a_runs_own_files_are_replaced_and_the_others_are_not_listed(self, tmp_path: Path) -> None:
        for text in ("first", "second"):
            with Run(tmp_path / "run") as here:
                write_text(tmp_path / "run" / "below" / "result.json", text)
                here.write_manifest(PROVENANCE)
            (tmp_path / "run" / "notes.txt").write_text(NOTES, encoding="utf-8")
        manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["files"] == ["below/result.json"]
        assert contents(tmp_path / "run").keys() == {"below/result.json", "manifest.json", "notes.txt"}
        assert (tmp_path / "run" / "below" / "result.json").read_text(encoding="utf-8") == "second"

    def test_what_a_killed_run_made_is_known_to_the_next(self, tmp_path: Path) -> None:
        program = (
            "import os, pathlib, sys\nfrom snellen.runs.files import Run, write_text\n"
            "here = pathlib.Path(sys.argv[1])\nwith Run(here):\n    write_text(here / 'a.txt', 'half')\n"
            "    os.kill(os.getpid(), 9)\n"
        )
        assert forked.run(tmp_path, program=program).returncode == -9
        assert (tmp_path / ".snellen.files").is_file()
        with Run(tmp_path) as here:
            write_text(tmp_path / "a.txt", "whole")
            here.write_manifest(PROVENANCE)
        assert contents(tmp_path).keys() == {"a.txt", "manifest.json"}

    def test_somebody_elses_manifest_lists_nothing_of_ours(self, tmp_path: Path) -> None:
        (tmp_path / "manifest.json").write_text(
            json.dumps({"name": "a web application", "files": ["a.txt"]}), encoding="utf-8"
        )
        (tmp_path / "a.txt").write_text(NOTES, encoding="utf-8")
        with Run(tmp_path) as here:
            for name in ("a.txt", "manifest.json"):
                with pytest.raises(InputError, match="no run here made it"):
                    write_text(tmp_path / name, "ours")
            with pytest.raises(InputError):
                here.write_manifest(PROVENANCE)
        assert (tmp_path / "a.txt").read_text(encoding="utf-8") == NOTES

    def test_only_a_runs_own_files_are_removed(self, tmp_path: Path) -> None:
        (tmp_path / "part").mkdir()
        (tmp_path / "part" / "notes.txt").write_text(NOTES, encoding="utf-8")
        with Run(tmp_path):
            for name in ("part/a.txt", "part/deeper/b.txt", "c.txt"):
                write_text(tmp_path / name, "ours")
            remove(tmp_path / "part" / "notes.txt")
            assert files_below(tmp_path / "part") == ["a.txt", "deeper/b.txt"]
            remove_run(tmp_path / "part")
            assert contents(tmp_path / "part") == {"notes.txt": NOTES.encode()}
            assert not (tmp_path / "part" / "deeper").exists()
            remove(tmp_path / "c.txt")
        assert not (tmp_path / "c.txt").exists()

    def test_what_earlier_runs_left_goes_and_nothing_else(self, tmp_path: Path) -> None:
        for names in (("a.txt", "below/b.txt", "deeper/still/c.txt"), ("a.txt", "below/d.txt")):
            with Run(tmp_path) as here:
                for name in names:
                    write_text(tmp_path / name, names[-1])
                here.remove_earlier()
                here.write_manifest(PROVENANCE)
            (tmp_path / "below" / "notes.txt").write_text(NOTES, encoding="utf-8")
            (tmp_path / "empty").mkdir(exist_ok=True)
        assert contents(tmp_path).keys() == {"a.txt", "below/d.txt", "below/notes.txt", "manifest.json"}
        assert ((tmp_path / "deeper").exists(), (tmp_path / "empty").exists()) == (False, True)
        manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["files"] == ["a.txt", "below/d.txt"]

    def test_a_strangers_manifest_removes_nothing_elsewhere(self, tmp_path: Path) -> None:
        theirs = tmp_path / "theirs.txt"
        theirs.write_text(NOTES, encoding="utf-8")
        folder, other = tmp_path / "run", tmp_path / "other"
        folder.mkdir()
        other.mkdir()
        (other / "a.txt").write_text(NOTES, encoding="utf-8")
        (folder / "link").symlink_to(other)
        names = ["../theirs.txt", str(theirs), "link/a.txt", "x/../../theirs.txt"]
        write_json(folder / "manifest.json", {"provenance": {}, "files": names})
        with Run(folder) as here:
            assert files_below(folder) == []
            here.remove_earlier()
            remove_run(folder)
        assert contents(tmp_path).keys() == {"theirs.txt", "other/a.txt"}

    def test_no_link_leads_out(self, tmp_path: Path) -> None:
        (tmp_path / "theirs").mkdir()
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "part").symlink_to(tmp_path / "theirs")
        with Run(tmp_path / "run"), pytest.raises(InputError, match="a link leads out of run"):
            write_text(tmp_path / "run" / "part" / "result.json", "ours")
        assert not list((tmp_path / "theirs").iterdir())

    def test_what_is_no_journal_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "theirs.txt").write_text(NOTES, encoding="utf-8")
        (tmp_path / ".snellen.files").symlink_to(tmp_path / "theirs.txt")
        with pytest.raises(InputError, match="is no list of ours"), Run(tmp_path):
            pass
        assert (tmp_path / "theirs.txt").read_text(encoding="utf-8") == NOTES

    def test_what_is_half_written_behind_a_link_is_somebody_elses(self, tmp_path: Path) -> None:
        theirs = [tmp_path / "theirs" / name for name in (".unfinished-a.png", "deeper/.unfinished-b.png")]
        ours = [tmp_path / "run" / name for name in (".unfinished-c.png", "own/.unfinished-d.png")]
        for path in (*theirs, *ours):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(NOTES, encoding="utf-8")
        (tmp_path / "run" / "own" / ".unfinished-folder").mkdir()
        for name in ("part", "own/link", "x.parquet.partial"):
            (tmp_path / "run" / name).symlink_to(tmp_path / "theirs")
        # A person's own link to the folder is followed; what it holds is the run's, however it is reached.
        (tmp_path / "named").symlink_to(tmp_path / "run")
        for out in (tmp_path / "run", tmp_path / "named"):
            with Run(out):
                sweep_below(out)
                for name in ("part", "part/deeper", "own/link"):
                    sweep(out / name)
                    sweep_below(out / name)
                for name in ("part", "part/deeper", "x.parquet.partial"):
                    with pytest.raises(InputError, match="link"), Run(out / name):
                        pass
                    with pytest.raises(InputError, match="a link leads out of run"):
                        write_text(out / name / "a.txt", "ours")
            with pytest.raises(InputError, match=r"partial: is a link"), only_writer(out / "x.parquet.partial"):
                pass
        assert ([path.exists() for path in theirs], [path.exists() for path in ours]) == ([True] * 2, [False] * 2)

    @pytest.mark.parametrize("name", ["a" * 300, "a\0b", "\ud800", "", ".", "loop/x", "link", "pipe"])
    def test_a_name_that_can_be_no_file_of_a_run_is_none(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "loop").symlink_to("loop")
        (tmp_path / "notes.txt").write_text(NOTES, encoding="utf-8")
        (tmp_path / "link").symlink_to("notes.txt")
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "manifest.json").write_text(json.dumps({"provenance": {}, "files": [name]}), encoding="utf-8")
        with Run(tmp_path) as here:
            assert files_below(tmp_path) == []
            write_text(tmp_path / "a.txt", "ours")
            here.remove_earlier()
            with pytest.raises(SnellenError, match="cannot be written"):
                write_text(tmp_path / "loop" / "a.txt", "ours")
        assert {path.name for path in tmp_path.iterdir()} >= {"a.txt", "loop", "link", "pipe", "notes.txt"}

    @pytest.mark.parametrize("kind", ["pipe", "endless"])
    def test_a_manifest_that_is_no_file_is_not_waited_for(self, tmp_path: Path, kind: str) -> None:
        manifest = tmp_path / "manifest.json"
        if kind == "pipe":
            os.mkfifo(manifest)
        else:
            manifest.symlink_to("/dev/zero")
        with Run(tmp_path) as here:
            write_text(tmp_path / "a.txt", "ours")
            with pytest.raises(InputError, match=r"manifest\.json: is there already, and no run here made it"):
                here.write_manifest(PROVENANCE)
        (tmp_path / ".snellen.files").unlink()
        os.mkfifo(tmp_path / ".snellen.files")
        with pytest.raises(InputError, match="is no list of ours"), Run(tmp_path):
            pass

    @given(journal=st.binary(max_size=60), manifest=st.binary(max_size=60))
    def test_any_journal_and_manifest_is_read(self, tmp_path_factory, journal: bytes, manifest: bytes) -> None:
        folder = tmp_path_factory.mktemp("run")
        (folder / ".snellen.files").write_bytes(journal)
        (folder / "manifest.json").write_bytes(manifest)
        with Run(folder):
            write_text(folder / "new.txt", "")
        assert (folder / "manifest.json").read_bytes() == manifest


def test_outputs_that_are_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("set").mkdir()
    Path("a.parquet").touch()
    Path("link.parquet").symlink_to("a.parquet")
    for out, given_ in (
        ("a.parquet", "a.parquet"),
        ("./a.parquet", "link.parquet"),
        ("set", "set/"),
        ("set/x/y", "set"),
    ):
        with pytest.raises(InputError):
            check_output(out, [given_])
    for out, given_ in (
        ("b.parquet", "a.parquet"),
        ("set", "a.parquet"),
        ("set-2", "set"),
        ("digits", "digits"),
        ("-", "-"),
    ):
        check_output(out, [given_])


@pytest.mark.parametrize(
    "command",
    [
        "classify photographs/0.png --figure photographs/0.png",
        "classify photographs/0.png --figure theirs.png",
        "embed set.parquet --out set.parquet",
        "embed photographs --out theirs.parquet",
        "embed photographs --out photographs/features.parquet",
        "attack photographs --untargeted --out photographs",
        "attack photographs/0.png photographs/1.png --untargeted --out photographs",
        "features photographs/0.png --heatmap top --out .",
        "stress photographs --out photographs/stressed",
        "exam exam.toml --out photographs/exam",
    ],
)
def test_commands_destroy_nothing(photographs: Path, command: str) -> None:
    folder = photographs.parent
    for name in ("theirs.png", "heatmap.png", "theirs.parquet", "set.parquet"):
        shutil.copy(photographs / "0.png", folder / name)
    (folder / "exam.toml").write_text('photographs = ["photographs"]\nparts = ["categories"]\n', encoding="utf-8")
    before = contents(folder)
    done = run(*command.split(), cwd=folder)
    assert done.returncode == 2, done
    assert len(done.stderr.splitlines()) == 1
    assert before.items() <= contents(folder).items()


def test_a_run_into_a_folder_with_notes(photographs: Path) -> None:
    """Notes beside the results stay, an extra of an earlier run goes, and a third run into the same folder works."""
    folder = photographs.parent
    for more in (["--heatmap", "top"], [], []):
        done = run("features", "photographs/0.png", "--out", "run", *more, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert (folder / "run" / "heatmap.png").exists() == bool(more)
        (folder / "run" / "notes.txt").write_text(NOTES, encoding="utf-8")
    assert "notes.txt" not in json.loads((folder / "run" / "manifest.json").read_text(encoding="utf-8"))["files"]
    assert (folder / "run" / "notes.txt").read_text(encoding="utf-8") == NOTES


def test_a_probe_of_another_kind_leaves_nothing_of_the_one_before(tmp_path: Path) -> None:
    for number, colour in enumerate([(200, 20, 20), (20, 20, 200)] * 12):
        shade = tuple(value + number for value in colour)
        place = tmp_path / "colours" / ("red" if shade[0] > shade[2] else "blue") / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), shade).save(place)
    probe, curve = {"probe.json", "probe.safetensors", "result.json", "confusion.png"}, {"few.json", "few.png"}
    for more, own in ([], probe), (["--shots", "1", "--seeds", "1"], curve), ([], probe):
        done = run("probe", "colours", *more, "--out", "run", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert contents(tmp_path / "run").keys() == own | {"manifest.json"}
        listed = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))["files"]
        assert set(listed) == own


ODD = (
    b"not-utf-8-\xff.png",
    b"n" * 240 + b".png",
    b"-dash.png",
    b"[bold].png",
    b"escape-\x1b[31m.png",
    b"line\nend.png",
)


def test_any_file_name_works(photographs: Path) -> None:
    folder = os.fsencode(photographs)
    for name in ODD:
        shutil.copy(photographs / "0.png", os.path.join(folder, name))
    for path in photographs.glob("?.png"):
        path.unlink()
    cwd = photographs.parent
    listed = run("classify", "photographs", "--csv", cwd=cwd)
    assert (listed.returncode, listed.stderr) == (0, "")
    attacked = run("attack", "photographs", "--untargeted", "--steps", 2, "--out", "attacked", cwd=cwd)
    assert "\x1b" not in attacked.stdout + attacked.stderr
    assert len(list((cwd / "attacked").glob("*-adversarial.png"))) == len(ODD)
    again = run("attack", "photographs", "--untargeted", "--steps", 2, "--out", "attacked", cwd=cwd)
    assert f"{len(ODD)} of them were done before" in again.stderr
    embedded = run("embed", "photographs", "--size", 64, "--out", "f.parquet", cwd=cwd)
    assert (embedded.returncode, embedded.stderr) == (0, "")
    (cwd / "exam.toml").write_text('photographs = ["photographs"]\nparts = ["categories"]\n', encoding="utf-8")
    examined = run("exam", "exam.toml", "--out", "exam[/b]", cwd=cwd)
    assert examined.returncode == 0, examined.stderr
    assert (cwd / "exam[/b]" / "report.pdf").is_file()


def test_labels_and_names_do_not_reach_the_terminal_as_markup_or_escapes(photographs: Path) -> None:
    done = run("classify", "photographs/0.png", "--device", "[/b]\x1b[31m", cwd=photographs.parent)
    assert done.returncode == 2
    assert done.stderr.startswith("snellen: no device")
    assert "\x1b" not in done.stderr


def test_the_progress_bar_obeys_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    terminal = output._Plain(file=shown, force_terminal=True, width=200, markup=False, emoji=False)
    monkeypatch.setattr(output, "stderr", terminal)
    with output.progress_bar() as progress:
        progress.begin("Embedding with [/y]\x1b]0;title\x07.safetensors", 2)
        progress.advance(loss=1.5)
    assert "Embedding with [/y]\\x1b]0;title\\x07.safetensors" in shown.getvalue()
    assert "\x07" not in shown.getvalue()


def test_standard_output_of_any_encoding_and_of_none(snellen_program, photographs: Path) -> None:
    if sys.getfilesystemencoding() == "ascii":
        pytest.skip("a file's name is ASCII here")
    odd = photographs / "ü.png"
    shutil.copy(photographs / "0.png", odd)
    ascii_only = snellen_program("classify", odd, env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert (ascii_only.returncode, ascii_only.stderr) == (0, "")
    assert r"\xfc.png" in ascii_only.stdout
    closed = snellen_program(
        "classify", odd, "--json", preexec_fn=lambda: os.close(1), stdout=None, capture_output=False
    )
    assert closed.returncode == 1


def test_a_strangers_exam_shows_no_other_pictures(tmp_path: Path) -> None:
    (tmp_path / "passport.png").write_bytes(b"secret")
    run_folder = tmp_path / "run"
    (run_folder / "stress").mkdir(parents=True)
    (run_folder / "linked.png").symlink_to(tmp_path / "passport.png")
    (run_folder / "sound.png").write_bytes(b"sound")

    def cached(path: Path) -> CachedAnswer | None:
        answer = CachedAnswer(Answer("data", (), (Picture(path, ""),)), "", "", 0.0)
        write_json(run_folder / "stress" / "answer.json", answer)
        return load_cached("stress", run_folder)

    assert cached(Path("sound.png")) is not None
    for outside in (tmp_path / "passport.png", Path("../passport.png"), Path("linked.png")):
        assert cached(outside) is None


def test_a_dangling_link_is_named_and_the_rest_is_done(photographs: Path) -> None:
    (photographs / "gone.png").symlink_to("nowhere")
    (photographs / "loop").symlink_to(".")
    with Forked("classify", "photographs", "--csv", cwd=photographs.parent) as process:
        stdout, stderr = process.communicate()
    assert stdout.count(",1,") == 2
    assert "gone.png: no such file" in stdout
    assert (process.returncode, stderr) == (2, "")
