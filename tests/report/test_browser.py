"""The page in a real browser: no console message, no request, and the switches work without a reload."""

import contextlib
import itertools
import json
import os
import shutil
import subprocess

import pandas as pd
import pytest

from optcompare.report.page import ReportContent, write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")


class Browser:
    """Speaks the DevTools protocol over chromium's pipe: JSON messages that end with a zero byte."""

    def __init__(self, command, to_browser, from_browser):
        self.process, self.write, self.read = command, to_browser, from_browser
        self.numbers, self.rest, self.events, self.session = itertools.count(1), b"", [], None

    def call(self, method, **params):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            reply = self.receive()
            if reply.get("id") == number:
                assert "error" not in reply, reply
                return reply["result"]
            self.events.append(reply)

    def receive(self):
        while b"\0" not in self.rest:
            part = os.read(self.read, 1 << 16)
            assert part, "the browser has gone"
            self.rest += part
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def evaluate(self, code):
        result = self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def open(self, address):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Page.navigate", url=address)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.receive())

    def wait(self, code, seconds=20):
        """Wait until a JavaScript expression is true."""
        loop = f"(async () => {{for (let i = 0; i < {seconds * 20}; i++) {{if ({code}) return true;"
        return self.evaluate(loop + "await new Promise((go) => setTimeout(go, 50));} return false;})()")

    def press(self, key, code=None):
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            virtual = {"Tab": 9, "Enter": 13, " ": 32, "ArrowRight": 39}[key]
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=code or key, windowsVirtualKeyCode=virtual, **typed
            )

    def seen(self, method):
        return [event["params"] for event in self.events if event.get("method") == method]


@contextlib.contextmanager
def browser(folder):
    to_child, write = os.pipe()
    read, from_child = os.pipe()
    options = (
        "--headless --no-sandbox --disable-gpu --disable-background-networking --no-first-run --remote-debugging-pipe"
    )
    # the protocol's pipe is descriptors 3 and 4; dup through high numbers, so that neither overwrites the other
    script = f'exec 8<&{to_child} 9>&{from_child}; exec 3<&8 4>&9 8<&- 9>&-; exec "$@"'
    command = ["bash", "-c", script, "bash", CHROMIUM, *options.split(), f"--user-data-dir={folder}"]
    process = subprocess.Popen(
        command, pass_fds=(to_child, from_child), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(to_child)
    os.close(from_child)
    try:
        yield Browser(process, write, read)
    finally:
        os.close(write)
        os.close(read)
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def address(synthetic, tmp_path_factory):
    frame = synthetic.frame(("cancer",), lambdas=(1.0, 10.0), n_seeds=2)
    content = ReportContent(
        title="in a browser", question="?", formulas=[("cancer", "J")], frame=frame,
        traces=synthetic.traces(frame, n_rows=4), claims=pd.DataFrame(), seeds=[0, 1],
    )  # fmt: skip
    return write_report(content, tmp_path_factory.mktemp("page")).as_uri()


def test_the_page_in_a_browser(address, tmp_path):
    visible = "(s) => [...document.querySelectorAll(s)].filter((e) => e.getClientRects().length > 0).length"
    click = "(s) => document.querySelector(s).click()"
    with browser(tmp_path) as page:
        page.open(address)
        width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        for pixels in (1300, 420):
            page.call("Emulation.setDeviceMetricsOverride", width=pixels, height=900, deviceScaleFactor=1, mobile=False)
            assert page.evaluate(width) == 0, f"the page is wider than {pixels} px"

        n_drawn, n_rows = (page.evaluate(f"({visible})('{s}')") for s in ("figure .series-3", "#results .series-3"))
        assert n_drawn > 10 and n_rows == 2
        page.evaluate(f"({click})('#on-3')")
        assert page.evaluate(f"({visible})('.series-3')") == 0
        assert page.evaluate(f"({visible})('figure .series-2')") > 10
        page.evaluate(f"({click})('.buttons [data-all=\"\"]')")
        assert page.evaluate(f"({visible})('main [class^=series-]')") == 0
        page.evaluate(f"({click})('.buttons [data-all=\"1\"]')")
        assert page.evaluate(f"({visible})('figure .series-3')") == n_drawn

        for cost in ("seconds", "evaluations", "passes"):
            page.evaluate(f"({click})('#cost-{cost}')")
            shown = {name: page.evaluate(f"({visible})('.panel.cost-{name}')") for name in ("passes", "seconds")}
            assert shown == {"passes": 2 * (cost == "passes"), "seconds": 2 * (cost == "seconds")}

        column = "[...document.querySelectorAll('#results tbody tr')].map((row) => row.cells[0].textContent)"
        before = page.evaluate(column)
        page.evaluate(f"({click})('#results thead th:nth-child(1) button')")
        assert page.evaluate(column) == sorted(before) != before
        page.evaluate(f"({click})('#results thead th:nth-child(1) button')")
        assert page.evaluate(column) == sorted(before, reverse=True)
        assert page.evaluate("document.querySelector('#results th:nth-child(1)').ariaSort") == "descending"
        page.evaluate(
            "{const box = document.querySelector('#results input'); box.value = 'HEAVY ball';"
            "box.dispatchEvent(new Event('input'));}"
        )
        assert page.evaluate(f"({visible})('#results tbody tr')") == 2

        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        assert light == "rgb(255, 255, 255)"
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 28)"
        text = "getComputedStyle(document.querySelector('.panel svg text')).fill"
        assert page.evaluate(text) == "rgb(232, 232, 232)"

        assert [entry["entry"]["text"] for entry in page.seen("Log.entryAdded")] == []
        assert page.seen("Runtime.consoleAPICalled") == page.seen("Runtime.exceptionThrown") == []
        requests = {event["request"]["url"] for event in page.seen("Network.requestWillBeSent")}
        assert {url for url in requests if not url.startswith("data:")} == {address}


# what a closed <details> holds has boxes, and what is hidden inside an <svg> calls itself visible: both must agree
VISIBLE = (
    "((s) => [...document.querySelectorAll(s)]"
    ".filter((e) => e.checkVisibility() && e.getClientRects().length > 0).length)"
)


@pytest.fixture(scope="module")
def comparison(comparison_page, tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as page:
        page.open((comparison_page / "index.html").as_uri())
        yield page


def test_no_page_of_a_comparison_scrolls_sideways(comparison):
    width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    for pixels in (390, 1300):
        comparison.call(
            "Emulation.setDeviceMetricsOverride", width=pixels, height=900, deviceScaleFactor=1, mobile=False
        )
        assert comparison.evaluate(width) == 0, f"the page is wider than {pixels} px"


def test_the_cost_axis_switches_convergence_runtimes_profiles_ranks_and_tables(comparison):
    n_packed = comparison.evaluate("document.querySelectorAll('.panel[data-packed]').length")
    assert n_packed > 10
    for axis in ("evaluations", "measured", "dimension", "seconds", "simplices", "passes"):
        comparison.evaluate(f"document.querySelector('#cost-{axis}').click()")
        for figure in (
            "convergence",
            "fixed-budget",
            "ecdf",
            "ert-dimension",
            "areas",
            "performance-1e03",
            "mean-ranks",
        ):
            panels = f"#{figure} .panel"
            assert comparison.wait(f"{VISIBLE}('{panels}.cost-{axis} svg') > 0"), (figure, axis)
            assert comparison.evaluate(f"{VISIBLE}('{panels}')") == comparison.evaluate(
                f"{VISIBLE}('{panels}.cost-{axis}')"
            )
    assert comparison.evaluate("document.querySelectorAll('.panel.cost[data-packed]').length") < n_packed
    comparison.evaluate("document.querySelector('#cost-dimension').click()")
    comparison.evaluate("document.querySelector('#ecdf details').open = true")
    assert comparison.wait(f"{VISIBLE}('#ecdf table') === 1")
    assert "(d + 1) × gradients" in comparison.evaluate(
        "[...document.querySelectorAll('#ecdf caption')].find((e) => e.checkVisibility()).textContent"
    )
    comparison.evaluate("document.querySelector('#cost-passes').click()")


def test_optimizers_switch_off_everywhere_in_what_is_unpacked_later_too(comparison):
    comparison.evaluate("document.querySelector('#on-1').click()")
    for axis in ("seconds", "passes"):
        comparison.evaluate(f"document.querySelector('#cost-{axis}').click()")
        assert comparison.wait(f"{VISIBLE}('#mean-ranks .cost-{axis} svg') === 1")
        assert comparison.evaluate(f"{VISIBLE}('main .series-1')") == 0
        assert comparison.evaluate(f"{VISIBLE}('#mean-ranks .series-2')") > 0
    comparison.evaluate("document.querySelector('#on-1').click()")
    comparison.evaluate("document.querySelector('[data-pick=tuned]').click()")
    checked = "[...document.querySelectorAll('.switches input:checked')].map((e) => e.parentElement.textContent)"
    assert comparison.evaluate(checked) == ["lbfgs tuned", "adam tuned", "pso tuned", "random_search"]
    comparison.evaluate("document.querySelector('[data-all=\"1\"]').click()")


def test_details_of_a_problem_open_and_sort_with_what_never_arrived_last(comparison):
    comparison.evaluate("document.querySelector('#problem-1').open = true")
    assert comparison.wait(f"{VISIBLE}('#problem-1 svg') === 1 && {VISIBLE}('#problem-1 .cost-passes table') === 1")
    table = "#problem-1 .cost-passes table"
    cells = f"[...document.querySelectorAll('{table} tbody tr')].map((row) => row.cells[1].firstChild.textContent)"
    comparison.evaluate(f"document.querySelector('{table} thead th:nth-child(2) button').click()")
    up = comparison.evaluate(cells)
    numbers = [float(text.replace("∞", "inf")) for text in up]
    assert numbers == sorted(numbers) and numbers[-1] == float("inf") and len(set(numbers)) > 4
    comparison.evaluate(f"document.querySelector('{table} thead th:nth-child(2) button').click()")
    assert comparison.evaluate(cells)[0] == "∞"


def test_the_keyboard_reaches_axes_details_and_the_summary(comparison):
    comparison.evaluate("window.scrollTo(0, 0); document.activeElement.blur()")
    comparison.evaluate("document.querySelector('.skip').focus()")
    comparison.press("Enter")
    assert comparison.evaluate("location.hash") == "#summary"
    comparison.evaluate("document.querySelector('#cost-passes').focus()")
    comparison.press("ArrowRight")
    assert comparison.evaluate("document.activeElement.id") == "cost-evaluations"
    assert comparison.wait(f"{VISIBLE}('#ecdf .cost-evaluations svg') === 1")
    for _ in range(30):
        comparison.press("Tab")
        if comparison.evaluate("document.activeElement.matches('.switches input')"):
            break
    assert comparison.evaluate("document.activeElement.id") == "on-0"
    comparison.press(" ", "Space")
    assert comparison.evaluate("document.activeElement.checked") is False
    comparison.press(" ", "Space")
    comparison.evaluate("document.querySelector('#problem-2 summary').focus()")
    comparison.press("Enter")
    assert comparison.wait("document.querySelector('#problem-2').open && "
                           f"{VISIBLE}('#problem-2 svg') === 1")  # fmt: skip
    comparison.evaluate("document.querySelector('#cost-passes').click()")


def test_a_comparison_in_the_dark_is_dark(comparison):
    comparison.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert comparison.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 28)"
    assert (
        comparison.evaluate("getComputedStyle(document.querySelector('#ecdf svg text')).fill") == "rgb(232, 232, 232)"
    )
    line = "getComputedStyle(document.querySelector('#ecdf svg .series-0 > path')).stroke"
    assert comparison.evaluate(line) == "rgb(61, 107, 241)"  # the dark twin of series 0
    comparison.call("Emulation.setEmulatedMedia", features=[])


def test_a_comparison_asks_for_nothing_and_says_nothing(comparison, comparison_page):
    assert [entry["entry"]["text"] for entry in comparison.seen("Log.entryAdded")] == []
    assert comparison.seen("Runtime.consoleAPICalled") == comparison.seen("Runtime.exceptionThrown") == []
    requests = {event["request"]["url"].split("#")[0] for event in comparison.seen("Network.requestWillBeSent")}
    address = (comparison_page / "index.html").as_uri()
    assert {url for url in requests if not url.startswith(("data:", "blob:"))} == {address}
