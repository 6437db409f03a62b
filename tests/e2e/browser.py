"""A headless browser for the tests, driven through its DevTools pipe with nothing but Python's own library."""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time

KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "ArrowLeft": (37, ""), "ArrowUp": (38, ""), "ArrowRight": (39, ""),
        "ArrowDown": (40, ""), "Home": (36, ""), "End": (35, ""), "Tab": (9, ""), "/": (191, "/")}


class Browser:
    """One page of 1280 x 900. Whatever it complains about or asks the network for is kept in `complaints` and
    `requests`."""

    def __init__(self, seconds=20):
        program = shutil.which("chromium")
        if not program:
            raise SystemExit("FAILED: chromium is not installed (tools/packages test installs it)")
        self.seconds, self.number, self.complaints, self.requests, self.events = seconds, 0, [], [], []
        self.home = tempfile.TemporaryDirectory(prefix="browser.", ignore_cleanup_errors=True)
        to_browser, self.commands = os.pipe()
        self.answers, from_browser = os.pipe()

        def pipes():  # the browser reads its descriptor 3 and writes to 4
            kept = os.dup(to_browser), os.dup(from_browser)
            os.dup2(kept[0], 3)
            os.dup2(kept[1], 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
             "--disable-dev-shm-usage", "--remote-debugging-pipe", f"--user-data-dir={self.home.name}", "about:blank"],
            preexec_fn=pipes, close_fds=False, env=dict(os.environ, HOME=self.home.name),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.unread, self.session = b"", None
        pages = self.call("Target.getTargets")["targetInfos"]
        page = next(t["targetId"] for t in pages if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.home.cleanup()

    def receive(self):
        """The next message: events are noted, an answer is returned."""
        while b"\0" not in self.unread:
            part = os.read(self.answers, 1 << 16)
            if not part:
                raise SystemExit("FAILED: chromium ended by itself")
            self.unread += part
        text, self.unread = self.unread.split(b"\0", 1)
        message = json.loads(text)
        if "method" in message:
            self.note(message["method"], message["params"])
        return message

    def note(self, method, params):
        self.events.append(method)
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(" ".join(str(a.get("value", a)) for a in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while (answer := self.receive()).get("id") != self.number:
            pass
        if "error" in answer:
            raise SystemExit(f"FAILED: {method}: {answer['error']['message']}")
        return answer["result"]

    def open(self, path):
        """Shows a file and returns the seconds until it had been loaded and painted."""
        self.events.clear()
        self.requests.clear()
        self.call("Page.navigate", url="file://" + os.path.abspath(path))
        end = time.monotonic() + self.seconds
        while "Page.loadEventFired" not in self.events:
            if time.monotonic() > end:
                raise SystemExit(f"FAILED: {path} did not load within {self.seconds} s")
            self.receive()
        return self.value("new Promise(done => requestAnimationFrame(() => setTimeout(() => done(Math.max("
                          "performance.timing.loadEventEnd - performance.timing.navigationStart,"
                          "performance.now())))))") / 1000

    def value(self, expression):
        """A value of the page, as JSON has it."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise SystemExit(f"FAILED: {expression}: {result['exceptionDetails']['exception']['description']}")
        return result["result"].get("value")

    def press(self, *keys):
        for key in keys:
            code, text = KEYS[key]
            for kind in ("keyDown" if text else "rawKeyDown", "keyUp"):
                self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code,
                          **({"text": text} if text and kind == "keyDown" else {}))

    def type(self, text):
        self.call("Input.insertText", text=text)

    def point(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, x, y):
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def scheme(self, name):
        """"light" or "dark"."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def picture(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))
