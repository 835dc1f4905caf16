"""Starts the page as a user does, and drives it in a real Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

SLOW = 120_000
"""Milliseconds that a step of the page may take on a busy machine."""


@dataclass
class Server:
    """A running ``snellen serve``.

    Attributes:
        url: of the page.
        process: the server.
        folder: the only one it may write to.
    """

    url: str
    process: subprocess.Popen
    folder: Path


@contextmanager
def serving(home: Path, *arguments: object) -> Iterator[Server]:
    """The page, started in ``home``/work with its temporary files below ``home``/temporary."""
    (home / "work").mkdir(parents=True)
    (home / "temporary").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sysconfig.get_path("scripts")) / "snellen"
    with (home / "errors.txt").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, program, "serve", "--port", str(port), *map(str, arguments)],
            cwd=home / "work",
            env=os.environ | {"TMPDIR": str(home / "temporary")},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("The page is "), (home / "errors.txt").read_text()
        (folder,) = (home / "temporary").glob("snellen-page-*")
        yield Server(line.removeprefix("The page is ").strip().rstrip("/"), process, folder)
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def find_chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium that resolves no name: it can reach this machine and nothing else."""
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Somebody at the page, and every address that their browser asked for."""

    page: Page
    context: BrowserContext
    asked: list[str] = field(default_factory=list)

    def look_at(self, tab: str) -> None:
        self.page.get_by_role("tab", name=tab, exact=True).click()

    def choose(self, photograph: Path) -> None:
        """Give the page a photograph; waits until it has it."""
        with self.page.expect_response("**/gradio_api/upload*", timeout=SLOW):
            self.page.locator(".snellen-side input[type=file]").set_input_files(photograph)
        self.page.locator(".snellen-side button[aria-label='Remove Image']").first.wait_for(timeout=SLOW)

    def click_example(self, number: int) -> None:
        self.page.locator(".snellen-side .gallery-item").nth(number).click()
        self.page.locator(".snellen-side button[aria-label='Remove Image']").first.wait_for(timeout=SLOW)

    def press(self, name: str) -> None:
        self.page.locator(f"#{name}-run").click()

    def cancel(self, name: str) -> None:
        self.page.locator(f"#{name}-cancel").click()

    def status(self, name: str) -> str:
        return self.page.locator(f"#{name}-status").inner_text()

    def wait_for_answer(self, name: str) -> str:
        """The answer's text."""
        answer = self.page.locator(f"#{name}-answer .snellen-answer")
        answer.wait_for(timeout=SLOW)
        return answer.inner_text()

    def wait_for_pictures(self, name: str) -> int:
        """How many figures the answer shows, all of them loaded."""
        self.page.wait_for_function(
            "name => [...document.querySelectorAll(`#${name}-answer img`)].every(i => i.naturalWidth > 0)",
            arg=name,
            timeout=SLOW,
        )
        return self.page.locator(f"#{name}-answer img").count()

    def complaint(self) -> str:
        """What the page complains of."""
        toast = self.page.locator(".toast-body.error").first
        toast.wait_for(timeout=SLOW)
        return toast.inner_text()


@contextmanager
def visit(browser: Browser, url: str, width: int = 1280, height: int = 900) -> Iterator[Visitor]:
    context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
    context.set_default_timeout(SLOW)
    page = context.new_page()
    visitor = Visitor(page, context)
    context.on("request", lambda request: visitor.asked.append(request.url))
    page.goto(url, timeout=SLOW)
    page.locator("#classify-run").wait_for(timeout=SLOW)
    yield visitor
    context.close()
