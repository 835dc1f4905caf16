"""Starts the page, and drives it in a real Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright

from forked import Forked

SLOW = 180_000
"""Milliseconds that a step of the page may take on a busy machine."""


class Program(subprocess.Popen):
    """``snellen``, started from nothing as a user does; otherwise what a :class:`Forked` one is."""

    def __init__(self, *arguments: object, cwd: Path, env: Mapping[str, str]) -> None:
        program = Path(sysconfig.get_path("scripts")) / "snellen"
        self._said = [cwd.parent / "stdout.txt", cwd.parent / "stderr.txt"]
        with self._said[0].open("w") as stdout, self._said[1].open("w") as stderr:
            command = [sys.executable, program, *map(str, arguments)]
            super().__init__(command, cwd=cwd, env=env, stdout=stdout, stderr=stderr)

    def output(self) -> tuple[str, str]:
        stdout, stderr = (path.read_text(encoding="utf-8") for path in self._said)
        return stdout, stderr


@dataclass
class Server:
    """A running ``snellen serve``.

    Attributes:
        url: of the page.
        process: the server.
        folder: the only one it may write to.
    """

    url: str
    process: Program | Forked
    folder: Path


@contextmanager
def serving(home: Path, *arguments: object, start: Callable[..., Program | Forked] = Forked) -> Iterator[Server]:
    """The page, started in ``home``/work with its temporary files below ``home``/temporary.

    When it has ended, what it complained of is in ``home``/errors.txt.
    """
    (home / "work").mkdir(parents=True)
    (home / "temporary").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"TMPDIR": str(home / "temporary")}
    process = start("serve", "--port", port, *arguments, cwd=home / "work", env=environment)
    try:
        end = time.monotonic() + SLOW / 1000
        while not (said := process.output()[0]).startswith("The page is ") or "\n" not in said:
            assert process.poll() is None, process.output()
            assert time.monotonic() < end
            time.sleep(0.02)
        (folder,) = (home / "temporary").glob("snellen-page-*")
        url = said.splitlines()[0].removeprefix("The page is ").rstrip("/")
        yield Server(url, process, folder)
    finally:
        process.terminate()
        process.wait(60)
        (home / "errors.txt").write_text(process.output()[1], encoding="utf-8")


def find_chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium that resolves no name: it can reach this machine and nothing else."""
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
                 "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Somebody at the page, every address that their browser asked for, and what it complained of."""

    page: Page
    context: BrowserContext
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def look_at(self, tab: str) -> None:
        self.page.get_by_role("tab", name=tab, exact=True).click()

    def choose(self, *photographs: Path) -> None:
        """Give the page photographs; waits until it has the last."""
        self.page.locator("#photograph-file").set_input_files(photographs)
        self.page.locator(".side .about").filter(has_text=photographs[-1].name).wait_for()

    def click_example(self, number: int) -> None:
        self.page.locator(".examples button").nth(number).click()
        self.page.locator(".side img.chosen").wait_for()

    def press(self, name: str) -> None:
        self.page.locator(f"#{name}-run").click()

    def cancel(self, name: str) -> None:
        self.page.locator(f"#{name}-cancel").click()

    def answer(self, name: str) -> Locator:
        """The place of a tab's answer."""
        return self.page.locator(f".answer[data-tab={name}]")

    def wait_for_answer(self, name: str) -> str:
        """The answer's text, its headline first."""
        answer = self.answer(name)
        answer.locator(".headline").first.wait_for()
        return answer.first.locator(".body").inner_text()

    def wait_for_pictures(self, name: str) -> int:
        """How many figures the answer shows, all of them loaded."""
        self.page.wait_for_function(
            """name => [...document.querySelectorAll(`.answer[data-tab=${name}] .body img`)].every(image => {
                image.loading = "eager";
                return image.complete && image.naturalWidth > 0;
            })""",
            arg=name,
        )
        return self.answer(name).locator(".body img").count()

    def download(self, name: str, file: str, to: Path) -> Path:
        """Download one of the answer's files."""
        with self.page.expect_download() as started:
            # By keyboard: a click just after a scroll may go to a frame of another process that was there before.
            self.answer(name).locator(f".files a[download='{file}']").press("Enter")
        started.value.save_as(to)
        return to


@contextmanager
def visit(browser: Browser, url: str, width: int = 1280, height: int = 900, dark: bool = False) -> Iterator[Visitor]:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        accept_downloads=True,
        color_scheme="dark" if dark else "light",
        permissions=["camera", "clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(SLOW)
    page = context.new_page()
    visitor = Visitor(page, context)
    context.on("request", lambda request: visitor.asked.append(request.url))
    page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
    page.on("console", lambda said: visitor.complaints.append(said.text) if said.type == "error" else None)
    page.goto(url, timeout=SLOW)
    page.locator("#classify-run").wait_for()
    yield visitor
    context.close()
