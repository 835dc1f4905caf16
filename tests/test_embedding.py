"""Features at scale: order, failures, constant memory, killed and resumed, many workers."""

import json
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import forked
import snellen
from forked import Forked
from snellen.data.datasets import open_dataset
from snellen.data.datasets.base import Example
from snellen.data.images import Failure
from snellen.errors import InputError
from snellen.evaluation.evaluate import evaluate
from snellen.inference import shards
from snellen.inference.embed_dataset import LocalWorkers, embed_dataset
from snellen.inference.engines import TorchEngine
from snellen.inference.features import EmbeddedExample, FeatureConfig, embed_each, width_of, with_size
from snellen.inference.shards import DamagedShardError, Job, begin, discard, locked, merge, write_shard
from snellen.runs.provenance import Provenance
from transfer_toys import colours, encoded, toy_classifier, write_parquet

COLOURS = colours(23)
TORCH = FeatureConfig(engine="torch")


def features_in(path: Path) -> np.ndarray:
    table = pq.read_table(path)
    return table["features"].combine_chunks().flatten().to_numpy().reshape(table.num_rows, -1)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number, colour in enumerate(COLOURS):
        (folder / f"{number:02}.png").write_bytes(encoded(colour))
    return folder


def test_each_colour_in_order(photographs: Path, tmp_path: Path) -> None:
    result = embed_dataset(toy_classifier(), str(photographs), tmp_path / "f.parquet", features=TORCH)
    assert np.allclose(features_in(tmp_path / "f.parquet"), np.array(COLOURS) / 255, atol=1e-6)
    table = pq.read_table(tmp_path / "f.parquet")
    assert table["image_id"].to_pylist() == [f"{number:02}.png" for number in range(23)]
    assert table["label"].null_count == 23
    assert (result.rows, result.width, result.non_negative, result.embedded) == (23, 3, True, 23)
    about = json.loads(pq.read_schema(tmp_path / "f.parquet").metadata[b"snellen"])
    assert about["provenance"]["weights"] == "d1"
    assert about["job"]["model"] == "toy"


def test_labels_and_splits(tmp_path: Path) -> None:
    images = [encoded(colour) for colour in COLOURS]
    write_parquet(tmp_path / "d" / "train.parquet", images[:5], [0, 1, 1, -1, 0], ["cat", "dog"])
    write_parquet(tmp_path / "d" / "test.parquet", images[5:7], [1, 0], ["cat", "dog"])
    embed_dataset(toy_classifier(), str(tmp_path / "d"), tmp_path / "f.parquet", features=TORCH)
    table = pq.read_table(tmp_path / "f.parquet")
    assert table["label"].to_pylist() == ["cat", "dog", "dog", None, "cat", "dog", "cat"]
    assert table["split"].to_pylist() == ["train"] * 5 + ["test"] * 2


def test_bad_images_are_listed_and_the_rest_goes_on(photographs: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(shards.Job.__init__, "__defaults__", (4, False, "", "", ""))
    bad = ["00.png", "07.png", "08.png", "22.png"]
    for name in bad:
        (photographs / name).write_bytes(b"no image")
    result = embed_dataset(
        toy_classifier(), str(photographs), tmp_path / "f.parquet", features=FeatureConfig("torch", mirrored=True)
    )
    assert [failure.image for failure in result.failures] == bad
    assert "not an image" in result.failures[0].error
    kept = [colour for number, colour in enumerate(COLOURS) if f"{number:02}.png" not in bad]
    assert np.allclose(features_in(tmp_path / "f.parquet"), np.array(kept) / 255, atol=1e-6)


def test_only_bad_images(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.png").write_bytes(b"no image")
    result = embed_dataset(toy_classifier(), str(tmp_path / "d"), tmp_path / "f.parquet", features=TORCH)
    assert (result.rows, len(result.failures), result.non_negative) == (0, 1, False)


def test_mirrored_is_the_mean_of_both(lite0, imagenet) -> None:
    engine = TorchEngine(lite0)
    inputs = lite0.preprocessing.preprocess_fast(np.array(snellen.read_image(imagenet[0])))
    plain, mirror = engine.run([inputs, np.ascontiguousarray(inputs[:, ::-1])])
    (found,) = embed_each(engine, lite0, [Example(str(imagenet[0]), None, "a")], mirrored=True)
    assert isinstance(found, EmbeddedExample)
    assert np.allclose(found.features, (plain + mirror) / 2, atol=1e-5)
    assert not np.allclose(plain, mirror, atol=1e-2)


def test_another_size(lite0) -> None:
    larger = with_size(lite0, 256)
    assert larger.preprocessing.size == (256, 256)
    assert width_of(larger) == 1280
    assert with_size(lite0, None) is lite0
    with pytest.raises(InputError, match="`size` is 31"):
        with_size(lite0, 31)


def job_of(rows: int, **changes: object) -> Job:
    values = {
        "model": "toy", "weights": "d1", "preprocessing": toy_classifier().preprocessing, "mirrored": False,
        "precision": "float32", "width": 3, "output": "features", "dataset": "d", "data": "f", "rows": rows,
        "shard_rows": 4,
    }  # fmt: skip
    return Job(**(values | changes))


def test_resuming_computes_only_what_is_missing(photographs: Path, tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    dataset = open_dataset(str(photographs))
    classifier = toy_classifier()
    workers = LocalWorkers(TorchEngine(classifier), classifier, dataset)
    job = job_of(23)
    assert begin(path, job) == [0, 1, 2, 3, 4, 5]
    for shard in workers.shards(job, [4, 1]):
        write_shard(path, job, shard)
    (tmp_path / "f.parquet.partial" / ".unfinished-half.parquet").write_bytes(b"half a shard")
    assert begin(path, job) == [0, 2, 3, 5]
    for shard in workers.shards(job, [0, 2, 3, 5]):
        write_shard(path, job, shard)
    stored = merge(path, job, Provenance.collect())
    assert stored.rows == 23
    assert np.allclose(features_in(path), np.array(COLOURS) / 255, atol=1e-6)
    with locked(path):
        discard(path)
    assert not (tmp_path / "f.parquet.partial").exists()


BILINEAR = toy_classifier().preprocessing


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"weights": "d2"}, "weights: d1, not d2"),
        ({"data": "g"}, "data: f, not g"),
        ({"mirrored": True}, "mirrored: False, not True"),
        ({"precision": "bfloat16"}, "precision: float32, not bfloat16"),
        ({"preprocessing": replace(BILINEAR, size=(64, 64))}, r"preprocessing size: \[32, 32\], not \[64, 64\]"),
        ({"preprocessing": replace(BILINEAR, interpolation="bicubic")}, "interpolation: bilinear, not bicubic"),
        ({"preprocessing": replace(BILINEAR, crop_fraction=0.5)}, "preprocessing crop_fraction: 1.0, not 0.5"),
        ({"preprocessing": replace(BILINEAR, mean=(0.5, 0.0, 0.0))}, r"preprocessing mean: \[0.0, 0.0, 0.0\], not"),
        ({"preprocessing": replace(BILINEAR, std=(0.5, 1.0, 1.0))}, r"preprocessing std: \[1.0, 1.0, 1.0\], not"),
    ],
)
def test_another_job_is_refused(tmp_path: Path, change: dict, told: str) -> None:
    begin(tmp_path / "f.parquet", job_of(23))
    with pytest.raises(InputError, match=f"an unfinished job with another .*{told}.*another `out`"):
        begin(tmp_path / "f.parquet", job_of(23, **change))


def test_another_preprocessing_of_one_size_is_another_file(photographs: Path, tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    classifier = toy_classifier()
    embed_dataset(classifier, str(photographs), path, features=TORCH)
    brighter = classifier.with_preprocessing(replace(classifier.preprocessing, std=(0.5, 0.5, 0.5)))
    assert embed_dataset(brighter, str(photographs), path, features=TORCH).embedded == 23
    assert np.allclose(features_in(path), 2 * np.array(COLOURS) / 255, atol=1e-6)


@pytest.mark.parametrize("damage", [b"", b"no JSON", b"[1]", b"\xff\xfe", b"{}", b'{"model": 5}'])
def test_a_damaged_job_is_written_anew(photographs: Path, tmp_path: Path, damage: bytes) -> None:
    """Each shard says itself whose it is: those of this job are kept, and no other job's are."""
    path = tmp_path / "f.parquet"
    with locked(path):
        begin(path, job_of(23))
    (tmp_path / "f.parquet.partial" / "job.json").write_bytes(damage)
    assert embed_dataset(toy_classifier(), str(photographs), path, features=TORCH).rows == 23
    assert not (tmp_path / "f.parquet.partial").exists()


def test_only_shards_of_its_own_go(tmp_path: Path) -> None:
    """A folder behind a link is somebody else's, and a link among the shards no shard."""
    path, theirs = tmp_path / "f.parquet", tmp_path / "theirs"
    theirs.mkdir()
    work = tmp_path / "f.parquet.partial"
    for name in ("shard-000000.parquet", "job.json", ".unfinished-a.parquet"):
        (theirs / name).write_text("mine", encoding="utf-8")
    work.symlink_to(theirs)
    with pytest.raises(InputError, match=r"partial: is a link"), locked(path):
        pass
    with pytest.raises(InputError, match=r"partial: is a link"):
        discard(path)
    assert len(list(theirs.iterdir())) == 3
    work.unlink()
    (work / "shard-folder.parquet").mkdir(parents=True)
    (work / "shard-000000.parquet").write_text("ours", encoding="utf-8")
    discard(path)
    assert [one.name for one in work.iterdir()] == ["shard-folder.parquet"]


def test_damaged_shards_are_made_again(photographs: Path, tmp_path: Path) -> None:
    """Those that are cut short, empty, no parquet file, or of another job; one with bad data is found at the end."""
    path = tmp_path / "f.parquet"
    classifier, job = toy_classifier(), job_of(23)
    workers = LocalWorkers(TorchEngine(classifier), classifier, open_dataset(str(photographs)))
    begin(path, job)
    for shard in workers.shards(job, range(6)):
        write_shard(path, job_of(23, data="g") if shard.number == 3 else job, shard)
    files = sorted((tmp_path / "f.parquet.partial").glob("shard-*"))
    files[0].write_bytes(files[0].read_bytes()[:-20])
    files[1].write_bytes(b"")
    files[2].write_bytes(b"no parquet file")
    files[4].write_bytes(files[4].read_bytes().replace(b"model", b"modle"))
    assert begin(path, job) == [0, 1, 2, 3, 4]
    for shard in workers.shards(job, range(5)):
        write_shard(path, job, shard)
    assert begin(path, job) == []
    bad = bytearray(files[2].read_bytes())
    bad[4:100] = bytes(96)
    files[2].write_bytes(bad)
    with pytest.raises(DamagedShardError, match=r"shard-000002.parquet: was damaged, and is made again"):
        merge(path, job, Provenance.collect())
    assert begin(path, job) == [2]
    assert not path.exists()


def test_a_finished_file_is_left_alone(photographs: Path, tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    first = embed_dataset(toy_classifier(), str(photographs), path, features=TORCH)
    before = path.stat().st_mtime_ns
    second = embed_dataset(toy_classifier(), str(photographs), path, features=TORCH)
    assert path.stat().st_mtime_ns == before
    assert (second.rows, second.embedded, second.non_negative) == (first.rows, 0, True)
    (photographs / "99.png").write_bytes(encoded((1, 2, 3)))
    assert embed_dataset(toy_classifier(), str(photographs), path, features=TORCH).rows == 24


_MEMORY_PROGRAM = """
import resource, sys
from pathlib import Path
from transfer_toys import toy_classifier
from snellen.inference.embed_dataset import embed_dataset
from snellen.inference.features import FeatureConfig
TORCH = FeatureConfig(engine="torch")
folder = Path(sys.argv[1])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
embed_dataset(toy_classifier(), str(folder / "few"), folder / "few.parquet", features=TORCH)
few = peak()
result = embed_dataset(toy_classifier(), str(folder / "many"), folder / "many.parquet", features=TORCH)
print(result.rows, few, peak())
"""


def test_constant_memory(tmp_path: Path) -> None:
    """5,000 images take at most 60 MB more at the peak than 300 do; encoded they are 69 MB, decoded 720 MB."""
    random = np.random.default_rng(0)
    from PIL import Image

    def noisy() -> bytes:
        import io

        file = io.BytesIO()
        pixels = np.repeat(np.repeat(random.integers(0, 256, (55, 55, 3), dtype=np.uint8), 4, 0), 4, 1)
        Image.fromarray(pixels).save(file, "JPEG", quality=60)
        return file.getvalue()

    some = [noisy() for _ in range(50)]
    many = [some[index % 50] for index in range(5000)]
    write_parquet(tmp_path / "many" / "train.parquet", many, [0, 1] * 2500, ["a", "b"], row_group_size=1000)
    write_parquet(tmp_path / "few" / "train.parquet", many[:300], [0, 1] * 150, ["a", "b"], row_group_size=1000)
    assert sum(map(len, many)) > 60e6
    done = forked.run(tmp_path, program=_MEMORY_PROGRAM)
    assert done.returncode == 0, done.stderr
    rows, few, peak = map(int, done.stdout.split())
    assert rows == 5000
    assert peak - few < 60


def wait_for(condition, process: Forked, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


def test_killed_and_started_again(tmp_path: Path, snellen_command, lite0) -> None:
    """Nothing is lost and nothing done twice: the shard from before the kill is not touched."""
    out = tmp_path / "f.parquet"
    work = tmp_path / "f.parquet.partial"
    process = Forked("embed", "digits", "--out", out, "--size", 64)
    wait_for(lambda: (work / "shard-000000.parquet").exists(), process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not out.exists()
    first = (work / "shard-000000.parquet").stat().st_mtime_ns
    kept = tmp_path / "kept.parquet"
    shutil.copy2(work / "shard-000000.parquet", kept)
    assert first == kept.stat().st_mtime_ns
    done = snellen_command("embed", "digits", "--out", out, "--size", 64, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["rows"], result["embedded"], result["width"], result["non_negative"]) == (500, 244, 1280, True)
    assert np.array_equal(features_in(out)[:256], features_in(kept))
    images = open_dataset("digits")
    assert pq.read_table(out)["image_id"].to_pylist() == [example.name for _, example in images.read()]
    small = with_size(lite0, 64)
    expected = [e.features for e in embed_each(TorchEngine(small), small, (x for _, x in images.read(250, 262)))]
    assert np.allclose(features_in(out)[250:262], expected, atol=1e-4)
    assert not work.exists()


def test_the_command_lists_bad_images(photographs: Path, tmp_path: Path, snellen_command) -> None:
    (photographs / "bad.png").write_bytes(b"no image")
    done = snellen_command("embed", photographs, "--out", tmp_path / "f.parquet", "--size", 32, "--engine", "torch")
    assert done.returncode == 2
    assert "bad.png: not an image" in done.stderr
    assert "23 images of 1,280 features, none negative" in done.stdout
    assert pq.read_metadata(tmp_path / "f.parquet").num_rows == 23


def test_the_command_refuses_another_ending(snellen_command) -> None:
    done = snellen_command("embed", "digits", "--out", "features.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert "a name that ends in .parquet" in done.stderr


_RAY_PROGRAM = """
import os, signal, sys
from pathlib import Path
import ray, snellen
from snellen.data.datasets import open_dataset
from snellen.inference import ray_workers, shards
from snellen.inference.features import with_size

folder = Path(sys.argv[1])

class Dying(ray_workers._Worker):
    def __call__(self, batch):
        if 3 in batch["shard"] and not (folder / "killed").exists():
            (folder / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)

ray_workers._Worker = Dying
ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False)
classifier = with_size(snellen.load(device="cpu"), 64)
images = open_dataset(sys.argv[2])
job = shards.Job(
    classifier.name, classifier.digest, classifier.preprocessing, False, "float32", 1280, "features", images.name,
    images.fingerprint,
    23, 3, network=classifier.network_key(),
)
workers = ray_workers.RayWorkers(classifier, images, "float32", workers=2)
done = []
for shard in workers.shards(job, shards.begin(folder / "ray.parquet", job)):
    shards.write_shard(folder / "ray.parquet", job, shard)
    done.append(shard.number)
assert sorted(done) == list(range(8)), done
shards.merge(folder / "ray.parquet", job, snellen.runs.provenance.Provenance.collect())

from snellen.cli import main
sys.argv = ["snellen", "evaluate", sys.argv[3], "--engine", "ray", "--out", str(folder / "scored")]
main()
"""


@pytest.mark.slow
def test_ray_gives_the_same_though_a_worker_is_killed(photographs: Path, tmp_path: Path) -> None:
    """Two local workers; the one that gets the fourth shard is killed; the file is that of a single process.

    In the same cluster a labelled set is evaluated by the command, with the logits of a single process.
    """
    pytest.importorskip("ray")
    labelled = tmp_path / "labelled" / "n07720875"
    labelled.mkdir(parents=True)
    for file in sorted(photographs.iterdir())[:3]:
        shutil.copy2(file, labelled)
    done = forked.run(tmp_path, photographs, labelled.parent, program=_RAY_PROGRAM)
    assert done.returncode == 0, done.stderr[-3000:]
    scored = json.loads((tmp_path / "scored" / "evaluation.json").read_text(encoding="utf-8"))
    assert scored["features"]["engine"] == "ray"
    alone = evaluate(snellen.load(device="cpu"), str(labelled.parent), out=tmp_path / "alone")
    assert alone.accuracy.n == 3
    logits = [pq.read_table(tmp_path / name / "logits.parquet")["logits"].to_pylist() for name in ("scored", "alone")]
    assert np.allclose(*logits, atol=1e-4)
    assert (tmp_path / "killed").exists()
    embed_dataset(with_size(snellen.load(device="cpu"), 64), str(photographs), tmp_path / "one.parquet")
    one, many = pq.read_table(tmp_path / "one.parquet"), pq.read_table(tmp_path / "ray.parquet")
    assert one["image_id"].to_pylist() == many["image_id"].to_pylist()
    assert np.allclose(features_in(tmp_path / "one.parquet"), features_in(tmp_path / "ray.parquet"), atol=1e-5)


def test_failures_keep_their_place() -> None:
    classifier = toy_classifier()
    sources = [b"bad", encoded((255, 0, 0)), b"worse", b"", encoded((0, 255, 0)), b"last"]
    examples = [Example(source, None, f"row {number}") for number, source in enumerate(sources)]
    found = list(embed_each(TorchEngine(classifier), classifier, examples))
    assert [isinstance(one, Failure) for one in found] == [True, False, True, True, False, True]
    assert found[0] == Failure("row 0", "row 0: not an image (accepted: JPEG, PNG, WEBP, GIF, TIFF, BMP, AVIF, HEIC)")
    assert np.allclose(found[4].features, [0, 1, 0])
