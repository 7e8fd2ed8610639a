"""A headless Chromium, driven through the pipes of its DevTools protocol.

Nothing is installed for it: messages are JSON, ended by a zero byte, on descriptors 3
(to the browser) and 4 (from it).
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
    "--mute-audio",
    "--force-color-profile=srgb",
    "--force-device-scale-factor=1",
    "--remote-debugging-pipe",
)


CODES = {"Escape": 27, "Enter": 13, "Tab": 9, "Backspace": 8}


def executable():
    return next(filter(None, map(shutil.which, NAMES)), None)


class BrowserError(Exception):
    """The page threw, or the browser does not answer."""


class Page:
    """One tab. requests: every address that it asked for."""

    def __init__(self, process, to, back):
        self.process, self.to, self.back = process, to, back
        self.number = 0
        self.rest = b""
        self.session = None
        self.requests, self.complaints = [], []

    def call(self, method, timeout=60.0, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + timeout
        while True:
            answer = self.message(until)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.note(answer)

    def message(self, until):
        while b"\0" not in self.rest:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.back], [], [], left)[0]:
                raise BrowserError("the browser does not answer")
            data = os.read(self.back, 1 << 20)
            if not data:
                raise BrowserError("the browser has ended")
            self.rest += data
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def note(self, event):
        params = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            thrown = details.get("exception", {}).get("description", "")
            self.complaints.append(f"{details['text']} {thrown}")
        elif event.get("method") == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])

    def attach(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    # --- what tests do

    def open(self, address, width=1440, height=900, dark=False):
        """Go to an address and wait until the page says that it is ready."""
        self.size(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url="about:blank")
        self.requests.clear()
        self.complaints.clear()
        self.call("Page.navigate", url=address)
        self.wait("document.getElementById('page')?.dataset.ready === 'yes'")

    def size(self, width, height):
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def run(self, expression):
        """The value of a JavaScript expression; promises are awaited."""
        answer = self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
        )
        if "exceptionDetails" in answer:
            thrown = answer["exceptionDetails"]["exception"]
            raise BrowserError(thrown.get("description", str(thrown)))
        return answer["result"].get("value")

    def wait(self, condition, timeout=30.0):
        until = time.monotonic() + timeout
        while not self.run(f"Boolean({condition})"):
            if time.monotonic() > until:
                raise BrowserError(f"never true: {condition}; {self.complaints}")
            time.sleep(0.02)

    def press(self, *keys):
        for key in keys:
            text = {"text": key} if len(key) == 1 else {}
            text = {"text": "\r"} if key == "Enter" else text
            if key in CODES:
                text["windowsVirtualKeyCode"] = CODES[key]
            self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def click(self, x, y, count=1):
        for kind in ("mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=x,
                y=y,
                button="left",
                buttons=1,
                clickCount=count,
            )

    def centre(self, selector):
        """The middle of an element."""
        return self.run(
            f"(() => {{ const b = document.querySelector({json.dumps(selector)})"
            ".getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]"
            "})()"
        )

    def settled(self):
        """After the frames that are due."""
        self.run(
            "new Promise((done) => requestAnimationFrame(() => "
            "requestAnimationFrame(() => setTimeout(done, 120))))"
        )

    def screenshot(self):
        self.settled()
        answer = self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(answer["data"])


def high(descriptor):
    """The same pipe under a number that is not 3 or 4."""
    found = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return found


@contextmanager
def browser():
    """A page in a browser of its own."""
    to_read, to_write = map(high, os.pipe())
    from_read, from_write = map(high, os.pipe())

    def connect():
        os.dup2(to_read, 3)
        os.dup2(from_write, 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        command = [executable(), *FLAGS, f"--user-data-dir={home}", "about:blank"]
        process = subprocess.Popen(
            command,
            preexec_fn=connect,  # noqa: PLW1509 (two calls of dup2)
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(from_write)
        page = Page(process, to_write, from_read)
        try:
            page.attach()
            yield page
        finally:
            os.close(to_write)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(from_read)
