"""The audit tells a clean answer from none."""

import json
import subprocess

import pytest

import audit


def answering(monkeypatch, **answers: object) -> None:
    """Let pip-audit say what ``answers`` holds for each service: packages, or a line on standard error."""

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess:
        answer = answers[command[command.index("--vulnerability-service") + 1]]
        if isinstance(answer, str):
            return subprocess.CompletedProcess(command, 1, "", f"Traceback\n{answer}\n")
        return subprocess.CompletedProcess(command, 0, json.dumps({"dependencies": answer}), "")

    monkeypatch.setattr(subprocess, "run", run)


CLEAN = {"name": "sound", "version": "1", "vulns": []}
FLAWED = {"name": "flawed", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
UNKNOWN = {"name": "own", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("pypi", "osv", "status", "said"),
    [
        ([CLEAN, UNKNOWN], "unused", 0, "audit: 0 known vulnerabilities in 1 packages (1 not known to pypi)"),
        ([CLEAN, FLAWED], "unused", 1, "flawed 2: PYSEC-1, fixed in 3"),
        ("no such host", [FLAWED], 1, "flawed 2: PYSEC-1, fixed in 3"),
        ([UNKNOWN], [CLEAN], 0, "audit: 0 known vulnerabilities in 1 packages (0 not known to osv)"),
    ],
)
def test_answers(monkeypatch, capsys, pypi, osv, status: int, said: str) -> None:
    answering(monkeypatch, pypi=pypi, osv=osv)
    with pytest.raises(SystemExit) as caught:
        audit.main()
    assert caught.value.code == status
    assert said in capsys.readouterr().out.splitlines()


def test_no_answer_is_said_in_words(monkeypatch, capsys) -> None:
    answering(monkeypatch, pypi=[UNKNOWN], osv="no such host")
    audit.main()
    assert capsys.readouterr().out.splitlines() == [
        "audit: THE AUDIT COULD NOT BE MADE; nothing is known of the packages' vulnerabilities:",
        "  pypi: knows none of the 1 packages: not found",
        "  osv: no such host",
    ]
