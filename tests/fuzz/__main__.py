"""The command; see the package."""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from snellen.runs.files import write_json
from snellen.runs.provenance import hardware, versions

from .run import MEBIBYTES, SECONDS, SuccessRates, fuzz
from .targets import BrokenRuleError, Target, targets, tried_bytes

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "fuzz.json"
_CLASSES = 12


def main(arguments: Sequence[str] | None = None) -> None:
    """Fuzz, print, write; ends with status 1 where anything was found."""
    known = targets()
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--files", type=int, default=100_000, help="of each target")
    parser.add_argument("--only", nargs="+", choices=known, default=list(known))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--corpus", type=Path, help="only keep the smallest file of each kind of refusal here")
    options = parser.parse_args(arguments)
    chosen = [known[name] for name in options.only]
    if options.corpus is not None:
        for target in chosen:
            keep_corpus(target, options.files, options.seed, options.corpus / target.name)
        return
    state = options.out.with_suffix(".partial.json")
    accounts = fuzz(chosen, options.files, options.seed, options.workers, state, lambda line: print(line, flush=True))
    made = {"seed": options.seed, "versions": versions(), "hardware": hardware()}
    result = made | {
        "limits": {"seconds": SECONDS, "mebibytes": MEBIBYTES},
        "targets": earlier(options.out) | {name: described(account) | made for name, account in accounts.items()},
    }
    write_json(options.out, result)
    state.unlink(missing_ok=True)
    for name, account in accounts.items():
        print(
            f"{name:8}{account.accepted:9,} read{account.refused:9,} refused, slowest {account.slowest:.2f} s, "
            f"peak {account.peak:.0f} MiB, {len(account.findings)} findings"
        )
    for name, account in accounts.items():
        for kind, number, seen in account.findings[:20]:
            print(f"{name} {number}: {kind}: {seen!a}")
    if any(account.findings for account in accounts.values()):
        sys.exit(1)


def earlier(out: Path) -> dict[str, Any]:
    """What earlier calls found of the targets, each with its own seed, versions and machine."""
    return dict(json.loads(out.read_text(encoding="utf-8"))["targets"]) if out.is_file() else {}


def described(account: SuccessRates) -> dict[str, object]:
    """What the result says of a target."""
    return {
        "files": account.accepted + account.refused,
        "read": account.accepted,
        "refused": account.refused,
        "slowest_seconds": account.slowest,
        "slowest_file": account.slowest_number,
        "peak_mebibytes": account.peak,
        "findings": account.findings,
    }


def keep_corpus(target: Target, files: int, seed: int, folder: Path) -> None:
    """Keep the smallest file of each kind of refusal, of the most frequent kinds; numbers do not tell kinds apart."""
    kinds: dict[str, list[bytes]] = {}
    for number in range(files):
        data = target.file(seed, number)
        try:
            reason = tried_bytes(target, data)
        except BrokenRuleError as error:
            reason = f"broken rule {error}"
        if reason is not None:
            kinds.setdefault(_slug(reason), []).append(data)
    folder.mkdir(parents=True, exist_ok=True)
    for kind in sorted(kinds, key=lambda kind: -len(kinds[kind]))[:_CLASSES]:
        (folder / f"{kind}.{target.ending}").write_bytes(min(kinds[kind], key=len))
    print(f"{target.name}: {len(kinds)} kinds of refusal")


def _slug(reason: str) -> str:
    words = re.sub(r"'[^']*'|\([^)]*\)|[0-9]+", " ", reason.lower())
    return "-".join(re.findall("[a-z]+", words))[:60].strip("-") or "nameless"


if __name__ == "__main__":
    main()
