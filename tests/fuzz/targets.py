"""What is fuzzed, and the rule: a result, or an error of one line that names the file."""

import atexit
import importlib.util
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from snellen.attacks.files import attacked_names
from snellen.cli.output import printable
from snellen.data.datasets import open_dataset
from snellen.data.datasets.archive import open_archive
from snellen.data.datasets.cifar import unpickled
from snellen.data.datasets.tables import read_table
from snellen.data.datasets.tree import folder_tree
from snellen.data.decode import FORMATS
from snellen.data.images import expand, is_left_behind, read_array, read_image
from snellen.data.labels import Labels, read_labels
from snellen.data.photo_labels import photo_labels
from snellen.data.photographs import bundled_photographs
from snellen.errors import ImageError, InputError
from snellen.exam.cache import CachedAnswer, load_cached
from snellen.exam.config import ExamConfig, read_exam_config
from snellen.exam.own_words import own_words
from snellen.exam.paths import leads_out
from snellen.exam.report.document import Picture
from snellen.inference.shards import Job
from snellen.models.pretrained import LoadOptions, complete
from snellen.models.repository import CONFIG, read_repository_config
from snellen.models.resolve import resolve
from snellen.models.timm_hub import from_timm_repository
from snellen.runs.process import quiet_libraries
from snellen.runs.serialise import read_dataclass, to_json
from snellen.training.recipe import Recipe, read_recipe

from .folders import drawn_folder, read_folder, sound_folders
from .mutate import mutated
from .rule import BrokenRuleError
from .seeds import GREY, JSON_TOKENS, NAME_TOKENS, TEXT_TOKENS, TOML_TOKENS, encoded, hub_weights, seeds

PICKLE_TOKENS = (
    b"cposix\nsystem\n", b"cbuiltins\neval\n", b"X\x02\0\0\0ls", b"(R", b"\x85R", b"b", b"\x81", b"cnumpy\ndtype\n",
    b"cnumpy.core.multiarray\n_reconstruct\n", b"\x82\x01", b"P1\n", b"Q", b"."
)  # fmt: skip


# Of 255 bytes, what names that are made of a name put around it.
_LONGEST_NAME = 251 - len("-adversarial")


@dataclass(frozen=True, eq=False)
class Target:
    """One format.

    Attributes:
        name: of it.
        ending: of its files.
        pool: sound files to start from.
        tokens: what is put into them, beside blind changes.
        read: reads a file; raises ``refusal`` for one that it does not take.
        refusal: the error that is allowed.
    """

    name: str
    ending: str
    pool: Sequence[bytes]
    tokens: Sequence[bytes]
    read: Callable[[Path], None]
    refusal: type[InputError]

    def file(self, seed: int, number: int) -> bytes:
        """The content of one file."""
        return mutated(Random(f"{seed} {self.name} {number}"), self.pool, self.tokens)

    def prepare(self) -> None:
        """Read the sound files, in the process that is going to read the others: what is imported is no file's time."""
        for data in self.pool:
            tried_bytes(self, data)

    def tried(self, path: Path) -> str | None:
        """Read a file; gives the reason where it is refused.

        Raises:
            BrokenRuleError: it is refused otherwise than by one line that names it.
        """
        try:
            self.read(path)
        except self.refusal as error:
            text = str(error)
            if not text.startswith(str(path)) or len(text.splitlines()) != 1:
                raise BrokenRuleError(f"a refusal that is not one line with the file's name: {text!r}") from error
            return text.removeprefix(str(path)).lstrip(":, ")
        except BrokenRuleError:
            raise
        except Exception as error:
            raise BrokenRuleError(f"{type(error).__name__}: {error}") from error
        return None


class RequestTarget(Target):
    """Requests to the page: drawn from what it answers, rather than changed blindly alone."""

    def file(self, seed: int, number: int) -> bytes:
        """One request."""
        from .requests import drawn_request

        return drawn_request(Random(f"{seed} {self.name} {number}"))


class FolderTarget(Target):
    """Exams' folders that were handed in: some of their files are changed, each as its kind is."""

    def file(self, seed: int, number: int) -> bytes:
        """One folder, as one file."""
        return drawn_folder(Random(f"{seed} {self.name} {number}"), list(self.pool))


def _page_targets() -> list[Target]:
    """Requests to the page, where what the page needs is installed."""
    if any(importlib.util.find_spec(name) is None for name in ("starlette", "uvicorn")):
        return []
    from .requests import read_request, sound_requests

    return [RequestTarget("request", "http", sound_requests(), (), read_request, InputError)]


def _read_image(path: Path) -> None:
    image = read_image(path)
    array = read_array(path)
    if image.mode != "RGB" or array.shape != (image.height, image.width, 3) or array.dtype != np.uint8:
        raise BrokenRuleError(f"read as {image.mode} {image.size} and as {array.dtype} {array.shape}")
    if not np.array_equal(np.asarray(image), array):
        raise BrokenRuleError("read_array and read_image differ")


def _read_archive(path: Path) -> None:
    tree = open_archive(path)
    for name in tree.files:
        if name.startswith("/") or ".." in name.split("/"):
            raise BrokenRuleError(f"a member {name!r}")
    for source in tree.sources(list(tree.files)):
        if not isinstance(source, bytes):
            raise BrokenRuleError(f"a member as {type(source).__name__}")


def _read_pickle(path: Path) -> None:
    for key, value in unpickled(str(path), path.read_bytes()).items():
        if not isinstance(value, str | bytes | int | float | list | dict | tuple | set | np.ndarray | None):
            raise BrokenRuleError(f"{key!r} is a {type(value).__name__}")


def _read_table(path: Path) -> None:
    table = read_table(str(path), folder_tree(path.parent).read_text(path.name))
    if any(len(row) != len(table.columns) for row in table.rows):
        raise BrokenRuleError("rows of several lengths")


def _read_exam(path: Path) -> None:
    """As one's own, and as a student's, who names no file elsewhere."""
    if not isinstance(read_exam_config(path), ExamConfig):
        raise BrokenRuleError("no configuration")
    theirs = read_exam_config(path, allowed=[])
    files = [file for file in expand(theirs.photographs) if os.path.exists(file)]
    own = [str(one.path) for one in bundled_photographs()]
    if any(file not in own and leads_out(file, [path.parent]) for file in files):
        raise BrokenRuleError(f"a photograph from elsewhere: {files}")


def _read_photo_labels(path: Path) -> None:
    """As what somebody says that three photographs show."""
    photographs = ("a/1.png", "a/2.png", "b/1.png")
    try:
        found = photo_labels(Labels(("cat", "dog")), photographs, path)
    except InputError as error:
        if not str(error).startswith("labels: "):
            raise
        raise InputError(f"{path}: {error}") from error
    if len(found) != len(photographs) or set(found) - {0, 1, None}:
        raise BrokenRuleError(f"classes {found}")


def _read_texts(path: Path) -> None:
    """As somebody's own words in a report, and as the names of a model's classes."""
    if not all(isinstance(block, Picture) or block.text.strip() for block in own_words(path)):
        raise BrokenRuleError("an empty paragraph")
    if not read_labels(path):
        raise BrokenRuleError("no classes")


def _read_recipe(path: Path) -> None:
    if not isinstance(read_recipe(str(path)), Recipe):
        raise BrokenRuleError("no recipe")


@dataclass(frozen=True)
class _OneConfig:
    """A repository whose configuration is a fuzzed file, and whose weights are sound."""

    config: Path
    title: str = "fuzz"

    def file(self, name: str) -> Path:
        if name == CONFIG:
            return self.config
        path = Path(tempfile.gettempdir()) / f"snellen-fuzz-{os.getpid()}.safetensors"
        if not path.exists():
            path.write_bytes(hub_weights())
            atexit.register(path.unlink, missing_ok=True)
        return path


def _read_hub(path: Path) -> None:
    """As :func:`snellen.models.resolve.resolve` does once it has the repository."""
    repository = _OneConfig(path)
    plain = read_repository_config(str(path), repository)
    if "architecture" not in plain:
        raise InputError(f"{path}: is not timm's")
    try:
        complete(str(path), from_timm_repository(str(path), repository, plain, train_size=False), LoadOptions())
    except InputError as error:
        # What resolve does: nothing that is refused is without its name.
        raise error if error.message.startswith(str(path)) else InputError(f"{path}: {error}") from error


def _read_weights(path: Path) -> None:
    resolve(str(path))


def _read_answer(path: Path) -> None:
    """As an exam looks for what it cached: a damaged answer is none, whatever is wrong with it."""
    read_dataclass(CachedAnswer, path)
    run = path.parent / "run"
    (run / "stress").mkdir(parents=True, exist_ok=True)
    shutil.copy(path, run / "stress" / "answer.json")
    cached = load_cached("stress", run)
    if cached is not None and any(isinstance(block, Picture) for block in cached.answer.blocks):
        raise BrokenRuleError("a picture from nowhere")


def _read_job(path: Path) -> None:
    read_dataclass(Job, path)


def _read_parquet(path: Path) -> None:
    images = open_dataset(str(path))
    for _, example in images.read():
        if example.label is not None and not (images.labels and 0 <= example.label < len(images.labels)):
            raise BrokenRuleError(f"class {example.label} of {images.labels}")


def _read_name(path: Path) -> None:
    """A photograph, a class folder and an archive's member of that name: found, read, and shown on one line."""
    name = os.fsdecode(path.read_bytes().translate(None, b"/\0")[:_LONGEST_NAME])
    if not name or is_left_behind(name):
        raise InputError(f"{path}: a name that is never data")
    with tempfile.TemporaryDirectory() as folder:
        data, packed = Path(folder, "data"), Path(folder, "packed.tar")
        one, other = data / name / f"{name}.png", data / "other class" / f"{name}.png"
        for photograph in (one, other):
            photograph.parent.mkdir(parents=True, exist_ok=True)
            photograph.write_bytes(encoded(GREY, "PNG"))
        with tarfile.open(packed, "w") as tar:
            tar.add(data, ".")
        if set(expand([data])) != {str(one), str(other)}:
            raise BrokenRuleError("a photograph that is not found")
        for attacked in attacked_names([str(one), str(other)]).values():
            shutil.copy(one, data.parent / attacked)
            read_image(data.parent / attacked)
        for source in (data, packed):
            _read_two_classes(path, str(source))
        if not printable(str(one)).isprintable():
            raise BrokenRuleError("a terminal would obey it")
        if json.loads(to_json({"image": str(one)}).encode())["image"] != str(one):
            raise BrokenRuleError("another name in JSON")


def _read_two_classes(path: Path, source: str) -> None:
    try:
        images = open_dataset(source)
        read = list(images.read())
    except InputError as error:
        # A name can mean something: a folder called "train" beside a stranger.
        text = str(error)
        one_line = text.startswith(source) and len(text.splitlines()) == 1
        raise InputError(f"{path}: {text}" if one_line else text) from error
    if len(read) != 2 or len(images.labels or ()) != 2:
        raise BrokenRuleError(f"{images}: not two images of two classes")


def targets() -> dict[str, Target]:
    """All of them by name, read as the command line and the page read: what decoders say is kept to themselves."""
    quiet_libraries()
    pools = seeds()
    kinds = (*FORMATS, *(["HEIC"] if "HEIC" in pools else []))
    images = [Target(kind, kind.lower(), pools[kind], (), _read_image, ImageError) for kind in kinds]
    archives = [Target(kind, kind, pools[kind], (), _read_archive, InputError) for kind in ("tar", "zip")]
    pickles = Target("pickle", "pickle", pools["pickle"], PICKLE_TOKENS, _read_pickle, InputError)
    tables = Target("csv", "csv", pools["csv"], (), _read_table, InputError)
    exam = Target("exam", "toml", pools["exam"], TOML_TOKENS, _read_exam, InputError)
    recipe = Target("recipe", "toml", pools["recipe"], TOML_TOKENS, _read_recipe, InputError)
    hub = Target("hub", "json", pools["hub"], JSON_TOKENS, _read_hub, InputError)
    weights = Target("weights", "safetensors", pools["weights"], JSON_TOKENS, _read_weights, InputError)
    answer = Target("answer", "json", pools["answer"], JSON_TOKENS, _read_answer, InputError)
    job = Target("job", "json", pools["job"], JSON_TOKENS, _read_job, InputError)
    parquet = Target("parquet", "parquet", pools["parquet"], (), _read_parquet, InputError)
    labels = Target("labels", "csv", pools["labels"], (), _read_photo_labels, InputError)
    texts = Target("text", "txt", pools["text"], TEXT_TOKENS, _read_texts, InputError)
    handed_in = FolderTarget("verify", "folder", sound_folders(), (), read_folder, InputError)
    names = Target("name", "name", pools["name"], NAME_TOKENS, _read_name, InputError)
    written = (names, exam, recipe, labels, texts, hub, weights, answer, job, handed_in)
    every = (*images, *archives, pickles, tables, parquet, *written, *_page_targets())
    return {target.name: target for target in every}


def tried_bytes(target: Target, data: bytes) -> str | None:
    """As :meth:`Target.tried`, of bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file.{target.ending}"
        path.write_bytes(data)
        return target.tried(path)
