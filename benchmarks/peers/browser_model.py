"""The page of an exported model in headless Chromium, asked through its own script."""

from __future__ import annotations

import shutil
import time
from typing import Any

from exported_model import arguments, draw_inputs
from playwright.sync_api import sync_playwright
from serving import serve

ASK = """async ([inputs, rows, calls]) => {
    for (let call = 0; call < calls; call += 1) await encore.run(inputs, rows);
}"""


def main() -> None:
    """Answer rounds until the standard input ends."""
    options = arguments().parse_args()
    drawn = draw_inputs(options.folder, options.rows)
    inputs: dict[str, Any] = {name: array.ravel().tolist() for name, array in drawn.items()}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=["--no-sandbox"],
        )
        page = browser.new_page()

        def run(calls: int) -> None:
            page.evaluate(ASK, [inputs, options.rows, calls])

        began = time.perf_counter()
        page.goto((options.folder / "index.html").resolve().as_uri())
        page.wait_for_selector("body[data-ready=yes]", timeout=60_000)
        run(1)
        first = time.perf_counter() - began
        serve(f"Chromium {browser.version}", run, 1, options.seconds, first=first)


if __name__ == "__main__":
    main()
