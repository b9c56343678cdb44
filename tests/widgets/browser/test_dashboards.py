"""Every dashboard in a real browser: each control is moved, and changes what is seen.

In Voila the keyboard moves them; JupyterLab has uses of its own for keys, so there it is the mouse.
"""

import re
import shutil

import pytest

from .pages import PAGES

SHOWN = ".jupyter-widgets"
# What shows nothing before something else is done, by page: a stored grid is revealed first, which a test below does.
WAITING = {"hyperparameter_bench": {"lam", "power", "look along", "your guess (%)"}}

# Sentences and pictures; not the controls themselves, which change with every key.
SEEN = "() => [...document.querySelectorAll('.widget-html')].map(e => e.innerHTML).join('|')"
RUN_ALL = """async () => {
    const app = window.jupyterapp;
    await app.restored;
    const context = app.shell.currentWidget.context;
    await context.ready;
    await context.sessionContext.ready;
    await app.commands.execute('notebook:run-all-cells');
}"""
CONTROLS = ", ".join(f".jp-Cell {kind}:visible" for kind in (
    "select", ".noUi-handle", ".jupyter-widgets input[type=text]", "input[type=checkbox]"))


def opened(page, server, name):
    if server.kind == "voila":
        page.goto(f"{server.address}/voila/render/{name}.ipynb", wait_until="domcontentloaded")
    else:
        page.goto(f"{server.address}/lab/tree/{name}.ipynb?reset", wait_until="domcontentloaded")
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        page.evaluate(RUN_ALL)
    page.wait_for_selector(SHOWN)
    page.wait_for_selector("img.dd-picture, .dd-says-left", state="attached")


def seen(page) -> str:
    """What is seen once all that is on its way has arrived."""
    last, now = None, page.evaluate(SEEN)
    while now != last:
        page.wait_for_timeout(300)
        last, now = now, page.evaluate(SEEN)
    return now


def changed(page, before: str) -> bool:
    """Whether something else is seen before long."""
    error = pytest.importorskip("playwright.sync_api").TimeoutError
    try:
        page.wait_for_function(f"before => ({SEEN})() != before", arg=before, timeout=60_000)
    except error:
        return False
    return True


def name_of(control) -> str:
    """The label beside a control."""
    return control.evaluate("""e => [...e.closest('[class*=" dd-"]')?.querySelectorAll('label') ?? []]
        .map(l => l.innerText).join('')""").strip()


def move(control, by: str) -> bool:
    """Move a control by the ``keyboard`` or the ``mouse``; returns whether there was another place to move to."""
    kind = control.evaluate("e => e.tagName == 'SELECT' ? 'select' : e.type || 'slider'")
    if kind == "select":
        count, at = control.evaluate("e => [e.options.length, e.selectedIndex]")
        if count == 1 or control.is_disabled():
            return False
        choose(control, at, by)
    elif kind == "slider":
        low, high, at = (float(control.get_attribute(f"aria-value{what}")) for what in ("min", "max", "now"))
        if low == high:
            return False
        slide(control, "Home" if at == high or (at > low and by == "keyboard") else "End", by)
    elif kind == "checkbox":
        control.press("Space") if by == "keyboard" else control.click()
    else:
        write(control, "-3")
    return True


def choose(control, at: int, by: str) -> None:
    """Choose the word above the one at ``at``, or below the first."""
    control.focus()
    if by == "keyboard":
        control.press("ArrowUp" if at else "ArrowDown")
    else:
        control.select_option(index=at - 1 if at else 1)


def slide(control, key: str, by: str) -> None:
    """Move a slider to its beginning (``Home``) or its ``End``."""
    control.focus()
    if by == "keyboard":
        control.press(key)
    else:
        track = control.locator("xpath=ancestor::*[contains(@class, 'noUi-base')]")
        box = track.bounding_box()
        track.click(position={"x": 4 if key == "Home" else box["width"] - 4, "y": box["height"] / 2}, force=True)


def write(control, words: str) -> None:
    control.fill(words)
    control.press("Enter")


@pytest.mark.parametrize(("server", "by"), [("voila", "keyboard"), ("jupyterlab", "mouse")])
@pytest.mark.parametrize("name", PAGES)
def test_every_control_is_named_moved_and_counts(name, server, by, page, screenshot, request):
    server = request.getfixturevalue(server)
    opened(page, server, name)
    screenshot(page, f"{name}-{server.kind}")
    moved = []
    for index in range(page.locator(CONTROLS).count()):
        control = page.locator(CONTROLS).nth(index)
        if not control.count():
            break  # a menu left fewer of them
        called, before, written = name_of(control), seen(page), control.get_attribute("type") == "text"
        old = control.input_value() if written else ""
        assert called, f"control {index} has no label: {control.evaluate('e => e.outerHTML')}"
        if called not in WAITING.get(name, ()) and move(control, by):
            assert changed(page, before), f"'{called}' was moved, and nothing that is seen changed"
            moved.append(called)
            if written:
                write(control, old)  # it may have been a value that cannot work
    assert len(moved) >= 2, moved
    screenshot(page, f"{name}-{server.kind}-moved")
    for picture in page.locator("img.dd-picture").all():
        assert picture.get_attribute("alt")
    assert not page.problems and not server.errors


def status(page, side: str):
    return page.locator(f".dd-says-{side}")


def test_a_live_run_is_begun_stopped_gone_on_with_and_ends(voila, page, screenshot):
    opened(page, voila, "hyperparameter_bench")
    _run_stop_resume(page, voila, screenshot)


def test_the_same_in_jupyterlab(jupyterlab, page, screenshot):
    opened(page, jupyterlab, "hyperparameter_bench")
    _run_stop_resume(page, jupyterlab, screenshot)


def _run_stop_resume(page, server, screenshot) -> None:
    expect = pytest.importorskip("playwright.sync_api").expect
    run, stop, says = page.locator("button.dd-run-left"), page.locator("button.dd-stop-left"), status(page, "left")
    expect(stop).to_be_disabled()
    run.click()
    expect(says).to_contain_text(re.compile(r"distilling, \d+ of 200"))
    page.locator("button.dd-run-right").click()
    expect(status(page, "right")).to_contain_text("a run is going already")
    page.wait_for_selector("img.dd-picture[alt*='synthetic images after']")
    screenshot(page, f"{server.kind}-running")
    stop.click()
    expect(says).to_contain_text("stopped after")
    stopped = int(re.search(r"after (\d+) of", says.inner_text()).group(1))
    assert 0 < stopped < 200 and list(server.runs.glob("*/checkpoint.pt"))
    run.click()
    expect(says).to_contain_text("done", timeout=100_000)
    shown = page.locator("img.dd-picture[alt*='loss of 200 updates']")
    expect(shown).to_have_count(1)
    screenshot(page, f"{server.kind}-done")
    records = [path.parent for path in server.runs.glob("*/record.json") if "-ipc2-" in path.parent.name]
    assert len(records) == 1 and not list(server.runs.glob("*/checkpoint.pt"))
    shutil.rmtree(records[0])  # so that the other server makes it, too
    assert not page.problems and not server.errors


def test_a_value_that_cannot_work_is_answered_beside_its_field(voila, page, screenshot):
    opened(page, voila, "hyperparameter_bench")
    expect = pytest.importorskip("playwright.sync_api").expect
    field = page.get_by_label("lam", exact=True).and_(page.locator("input[type=text]"))
    field.fill("-1")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("lam must not be negative, got -1")
    page.locator("button.dd-run-left").click()
    expect(status(page, "left")).to_contain_text("not begun: lam cannot work")
    screenshot(page, "refused")


def test_what_is_stored_is_revealed_once_it_was_guessed(voila, page, screenshot):
    opened(page, voila, "hyperparameter_bench")
    expect = pytest.importorskip("playwright.sync_api").expect
    page.locator("button.dd-reveal").click()
    expect(page.get_by_text("your guess was")).to_have_count(1)
    picture = page.locator("img.dd-picture[alt*='along lam']")
    expect(picture).to_have_count(1)
    page.locator(".dd-look-along select").select_option("power")
    expect(page.locator("img.dd-picture[alt*='along power']")).to_have_count(1)
    screenshot(page, "revealed")
    page.locator(".dd-power .noUi-handle").press("Home")
    expect(page.get_by_text("your guess was")).to_have_count(0)
