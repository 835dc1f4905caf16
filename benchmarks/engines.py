"""After how many photographs OpenVINO has saved what converting a network for it costs.

    python benchmarks/engines.py [--networks resnet18 resnet50 ...]

For each network, in processor time: importing OpenVINO, converting and compiling the network and comparing its features
(new), the same where the conversion is kept (kept), and one photograph by each engine, in turns. Prints the two counts;
``snellen.inference.engines.WORTH_CONVERTING`` is chosen by them. timm's networks have random weights.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

NETWORKS = ("tf_efficientnet_lite0", "resnet18", "resnet50", "mobilenetv3_small_100", "vit_small_patch16_224")
PHOTOGRAPHS, ROUNDS = 32, 5


def measure(name: str) -> None:
    """One network, in a process that has imported and kept nothing yet."""
    import torch

    import snellen
    from snellen.inference.engines import Engine, OpenVINOEngine, TorchEngine

    torch.set_num_threads(1)
    torch.manual_seed(0)
    classifier = snellen.load(device="cpu")
    if name != classifier.name:
        from timm import create_model

        network = create_model(name).eval()
        classifier = snellen.Classifier(network, classifier.preprocessing, classifier.labels, name=name, device="cpu")
    shape = (PHOTOGRAPHS, *classifier.preprocessing.size, 3)
    inputs = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    moments = [time.process_time()]
    OpenVINOEngine(classifier)
    moments.append(time.process_time())
    fast = OpenVINOEngine(classifier)
    moments.append(time.process_time())
    new, kept = np.diff(moments)
    plain = TorchEngine(classifier)

    def each(engine: Engine) -> float:
        started = time.process_time()
        list(engine.run(inputs))
        return (time.process_time() - started) / PHOTOGRAPHS

    rounds = [(each(plain), each(fast)) for _ in range(ROUNDS + 1)][1:]
    saved = statistics.median(slow - quick for slow, quick in rounds)
    slow, quick = (1000 * statistics.median(times) for times in zip(*rounds, strict=True))
    counts = f"after {new / saved:.0f} photographs, where it is kept after {kept / saved:.0f}"
    print(f"{name}: new {new:.2f} s, kept {kept:.2f} s, {slow:.1f} and {quick:.1f} ms a photograph; {counts}")


def main() -> None:
    """Measure each network in a process of its own, with a cache folder of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        measure(asked.one)
        return
    for name in asked.networks:
        with tempfile.TemporaryDirectory() as cache:
            environment = {**os.environ, "SNELLEN_CACHE": cache}
            subprocess.run([sys.executable, __file__, "--one", name], env=environment, check=True)


if __name__ == "__main__":
    main()
