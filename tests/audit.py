"""Known vulnerabilities of the installed packages: asks the services that pip-audit knows, one after the other.

    python tests/audit.py

Ends with status 1 where a vulnerability is known. Where no service can be asked, it says so in words and ends with
status 0: the state of a network is no fault of the project, and silence would look like a clean audit. A mirror of the
index that serves packages without their JSON pages is such a case: pip-audit finds none of them there, skips them all
and calls that a success.
"""

import json
import subprocess
import sys

SERVICES = ("pypi", "osv")
SECONDS = 15


def ask(service: str) -> tuple[list[dict], str]:
    """The installed packages with what is known of them, and where there is no answer the reason."""
    options = ["--vulnerability-service", service, "--timeout", str(SECONDS), "--progress-spinner", "off"]
    command = [sys.executable, "-m", "pip_audit", "--local", "--skip-editable", "--format", "json", *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=40 * SECONDS, check=False)
        packages = json.loads(done.stdout)["dependencies"]
        if all("skip_reason" in one for one in packages):
            return [], f"knows none of the {len(packages)} packages: {packages[0]['skip_reason']}"
        return packages, ""
    except subprocess.TimeoutExpired:
        return [], f"no answer in {40 * SECONDS} seconds"
    except (ValueError, KeyError, TypeError, IndexError):
        lines = done.stderr.strip().splitlines()
        return [], lines[-1] if lines else f"status {done.returncode}"


def main() -> None:
    """Ask, and say what came of it."""
    reasons = []
    for service in SERVICES:
        packages, reason = ask(service)
        if reason:
            reasons.append(f"{service}: {reason}")
            continue
        known = [(one["name"], one["version"], each) for one in packages for each in one.get("vulns", [])]
        for name, version, each in known:
            fixed = ", ".join(each["fix_versions"]) or "no version"
            print(f"{name} {version}: {each['id']}, fixed in {fixed}")
        asked = [one for one in packages if "skip_reason" not in one]
        skipped = len(packages) - len(asked)
        print(f"audit: {len(known)} known vulnerabilities in {len(asked)} packages ({skipped} not known to {service})")
        sys.exit(1 if known else 0)
    print("audit: THE AUDIT COULD NOT BE MADE; nothing is known of the packages' vulnerabilities:")
    for reason in reasons:
        print(f"  {reason}")


if __name__ == "__main__":
    main()
