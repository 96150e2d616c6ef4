"""A page in a real browser: Chromium, told over its own pipe what to do."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Self

PROGRAM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


class Chromium:
    """One page of a browser without a window; `events` are what the page was told to report."""

    def __init__(self, profile: Path) -> None:
        reads, self._to = os.pipe()
        self._from, writes = os.pipe()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        flags += ["--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{reads} 4>&{writes}', "bash", str(PROGRAM), *flags],
            pass_fds=(reads, writes),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(reads)
        os.close(writes)
        self._buffer, self._number, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self("Target.createTarget", url="about:blank")["targetId"]
        attached = self("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self("Browser.close")
        self._process.wait(20)
        os.close(self._to)
        os.close(self._from)

    def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the Chrome DevTools Protocol, and wait for what it returns."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session and not method.startswith(("Target", "Browser")):
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = os.read(self._from, 2**16)
            assert part, "the browser has ended"
            self._buffer += part
        line, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(line)

    def open(self, page: Path | str) -> None:
        """Open a file or an address, and wait for its scripts."""
        self.events.clear()
        address = page if isinstance(page, str) else page.absolute().as_uri()
        self("Page.navigate", url=address)
        self._load()

    def follow(self) -> None:
        """Wait for the page that this one leads on to."""
        self.events.clear()
        self._load()

    def _load(self) -> None:
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())

    def wait(self, condition: str, seconds: float = 120.0) -> None:
        """Wait until an expression in the page is true."""
        self.run(
            f"""new Promise((done, failed) => {{
              const end = Date.now() + {1000 * seconds};
              const look = () => {{
                if ({condition}) done();
                else if (Date.now() > end) failed(new Error({json.dumps(condition)}));
                else setTimeout(look, 20);
              }};
              look();
            }})"""
        )

    def type(self, selector: str, text: str) -> None:
        """Put a text into a field, as if it had been typed."""
        self.wait(f"document.querySelector({json.dumps(selector)})?.checkVisibility()")
        self.run(
            f"""(() => {{
              const field = document.querySelector({json.dumps(selector)});
              field.focus();
              field.value = {json.dumps(text)};
              field.dispatchEvent(new Event("input", {{ bubbles: true }}));
              field.dispatchEvent(new Event("change", {{ bubbles: true }}));
            }})()"""
        )

    def click(self, selector: str) -> None:
        """Click on an element that is shown, as soon as it can be clicked on."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.wait(f"{element}?.checkVisibility() && !{element}.disabled")
        self.run(f"{element}.click()")

    def problems(self) -> list[str]:
        """Errors and warnings of the console, as they were reported so far."""
        found = []
        for event in self.events:
            told = event.get("params", {})
            match event.get("method"):
                case "Log.entryAdded" if told["entry"]["level"] in ("error", "warning"):
                    found.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
                case "Runtime.exceptionThrown":
                    found.append(str(told["exceptionDetails"]))
                case "Runtime.consoleAPICalled" if told["type"] in ("error", "warning"):
                    found.append(str(told["args"]))
        return found

    def requests(self) -> list[str]:
        """The addresses that were asked for."""
        sent = (e for e in self.events if e.get("method") == "Network.requestWillBeSent")
        return [event["params"]["request"]["url"] for event in sent]

    def run(self, script: str) -> Any:
        """The value of an expression in the page, awaited."""
        answer = self("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")
