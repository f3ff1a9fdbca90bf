"""The report in a real browser: what a user sees, points at, clicks and types."""

import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from tests.numbered_videos import picture, read_index, write_video
from tests.visualization.report_documents import BOXES, document, frame, graph
from vost_sgg.visualization.report import write_report

# Without them Chromium keeps asking for hosts of its maker's.
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
# Milliseconds: on a machine with much else to do everything takes its time.
PATIENCE = 120_000
expect.set_options(timeout=PATIENCE)
FRAMES = 40
# Waits until the video has the frame that it was told to go to, and the page has drawn it.
SETTLED = """async () => {
    const picture = document.querySelector("#stage video, #stage img");
    if (picture.seeking) await new Promise((done) => picture.addEventListener("seeked", done));
    if (picture.decode) await picture.decode();
    for (const turn of [1, 2]) await new Promise(requestAnimationFrame);
}"""
CONTRASTS = (Path(__file__).parent / "contrasts.js").read_text()
HOLDING = ("contacting", "holding", "cup")
LOOKING = ("attention", "looking_at", "cup")
TABLE = ("spatial", "in_front_of", "table")


@pytest.fixture(scope="module")
def window():
    """The page of one browser, in which the tests open their reports one after the other."""
    chromium = shutil.which("chromium")
    assert chromium, "these tests need chromium on the PATH: make browser"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=PATIENCE)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        yield page
        browser.close()


@pytest.fixture
def show(window, tmp_path):
    """show(document, ...) -> the page, with its report. At the end nothing may stand on the browser's console."""
    said, asked = [], []
    listeners = {
        "console": lambda message: said.append(message.text),
        "pageerror": lambda error: said.append(str(error)),
        "request": lambda request: asked.append(request.url.split(":")[0]),
    }
    for event, listener in listeners.items():
        window.on(event, listener)

    def open_report(made: dict, *, width: int = 1200, scheme: str = "light", **options):
        path = tmp_path / "report.html"
        write_report(str(path), made, **{"title": "A report", **options})
        window.set_viewport_size({"width": width, "height": 800})
        window.emulate_media(color_scheme=scheme)
        window.mouse.move(0, 0)
        window.goto(path.as_uri())
        window.wait_for_selector("body[data-ready]")
        return window

    yield open_report
    for event, listener in listeners.items():
        window.remove_listener(event, listener)
    assert said == []
    assert set(asked) <= {"file", "data"}


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A video of FRAMES pictures, ten a second, that show their own index."""
    path = tmp_path_factory.mktemp("video") / "video.mp4"
    write_video(path, [index / 10 for index in range(FRAMES)], rate=10)
    return path


@pytest.fixture
def page(show, video, tmp_path):
    """The report of the video: looking at a cup all the time, holding it in two stretches, a table in one."""
    shutil.copy(video, tmp_path)
    frames = []
    for index in range(FRAMES):
        triplets = [(*LOOKING, 0.9)]
        if index < 10 or 20 <= index < 30:
            triplets.append((*HOLDING, 0.6))
        if 10 <= index < 20:
            triplets.append((*TABLE, 0.3))
        frames.append(frame(index, *triplets))
    return show(document(frames), video=str(tmp_path / "video.mp4"))


def rows(page) -> list[str]:
    """The names of the timeline's rows, from the top."""
    names = page.locator("#rows .row").evaluate_all(
        "rows => rows.map(row => [row.ariaRowIndex, row.querySelector('.name').innerText])"
    )
    ordered = sorted(names, key=lambda name: int(name[0]))
    return [" ".join(text.split()[1:]) for _, text in ordered]


def click_lane(page, name: str, seconds: float, length: float = FRAMES / 10) -> None:
    """Clicks a row of the timeline at a time."""
    lane = page.locator("#rows .row", has_text=name).locator(".lane svg")
    box = lane.bounding_box()
    lane.click(position={"x": box["width"] * seconds / length, "y": box["height"] / 2})


def shown_index(page) -> int:
    """The index that the picture on the stage shows, in its upper half, where no boxes are."""
    page.evaluate(SETTLED)
    image = Image.open(io.BytesIO(page.locator("#stage").screenshot())).convert("RGB")
    return read_index(np.asarray(image))


def test_every_triplet_has_a_row_and_every_stretch_a_bar(page):
    assert rows(page) == ["person looking_at cup", "person holding cup", "table in_front_of person"]
    expect(page.locator("#rows")).to_have_attribute("aria-rowcount", "3")
    holding = page.locator("#rows .row", has_text="holding").locator("path")
    bars = holding.get_attribute("d").split("z")[:-1]
    width = page.locator("#timeline .axis").bounding_box()["width"]
    lefts = [float(bar.split(",")[0].lstrip("M")) for bar in bars]
    assert lefts == pytest.approx([0, width / 2], abs=1)


def test_a_spatial_edge_points_at_the_person(page):
    """Spatial predicates are annotated from the object's side: it is the table that is in front of the person."""
    click_lane(page, "in_front_of", 1.5)
    person = page.locator("#graph-drawing .node.person rect").bounding_box()
    for group, side in (("spatial", "left"), ("attention", "right")):
        arrow = page.locator(f"#graph-drawing .edge.{group}[marker-end]").bounding_box()
        near = abs(arrow["x"] - person["x"] - person["width"])
        assert (near < 20) == (side == "left")


def test_a_click_on_a_bar_moves_the_video(page):
    click_lane(page, "holding", 2.44)
    expect(page.locator("#clock")).to_have_text("0:02.4 · 25 of 40")
    assert 2.4 <= page.evaluate("document.querySelector('video').currentTime") < 2.5
    assert shown_index(page) == 24
    assert "holding" in page.locator("#graph-drawing").text_content()


def test_filters_hide_rows_and_edges(page):
    plates = page.locator("#graph-drawing .plate")
    expect(plates).to_have_count(2)
    page.locator("#query").fill("hold CUP")
    assert rows(page) == ["person holding cup"]
    expect(plates).to_have_count(1)
    page.locator("#query").fill("")
    page.locator("#groups button", has_text="attention").click()
    assert rows(page) == ["person holding cup", "table in_front_of person"]
    page.locator("#objects summary").click()
    page.locator("#objects label", has_text="table").click()
    assert rows(page) == ["table in_front_of person"]
    expect(page.locator("#row-count")).to_have_text("1 of 3 relations")
    page.locator("#reset").click()
    assert len(rows(page)) == 3
    page.locator("#predicates summary").click()
    page.locator("#predicates label", has_text="looking_at").click()
    assert rows(page) == ["person looking_at cup"]


def test_the_least_score_hides_what_is_below_it(page):
    page.locator("#threshold").fill("0.61")
    assert rows(page) == ["person looking_at cup"]
    expect(page.locator("#graph-drawing .plate")).to_have_count(1)
    page.locator("#threshold").fill("0.95")
    assert rows(page) == []
    expect(page.get_by_text("No relation passes the filters.")).to_be_visible()


def test_the_graph_and_the_boxes_light_each_other(page):
    lit = page.locator("#boxes .box.lit span")
    page.locator("#graph-drawing .plate", has_text="holding").hover()
    assert sorted(lit.all_inner_texts()) == ["cup", "person"]
    assert "holding" in page.locator("#rows .row.lit").inner_text()
    expect(page.locator("#graph-drawing .edge.lit")).to_have_count(2)
    page.locator("#boxes .box", has_text="cup").hover()
    expect(page.locator("#graph-drawing .plate.lit")).to_have_count(2)
    page.mouse.move(1, 1)
    expect(page.locator("#boxes .box.lit")).to_have_count(0)


def test_what_is_clicked_stays_lit_from_frame_to_frame(page):
    page.locator("#graph-drawing .plate", has_text="holding").click()
    page.mouse.move(1, 1)
    for frames, boxes in (("Shift+ArrowRight", 0), ("Shift+ArrowRight", 2)):
        page.keyboard.press(frames)
        expect(page.locator("#boxes .box.lit")).to_have_count(boxes)
    page.keyboard.press("Escape")
    expect(page.locator("#boxes .box.lit")).to_have_count(0)


def test_the_keyboard_drives_it_all(page):
    clock = page.locator("#clock")
    page.keyboard.press("ArrowRight")
    expect(clock).to_have_text("0:00.1 · 2 of 40")
    page.keyboard.press("Shift+ArrowRight")
    expect(clock).to_have_text("0:01.1 · 12 of 40")
    page.keyboard.press("End")
    expect(clock).to_have_text("0:03.9 · 40 of 40")
    page.keyboard.press("Home")
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(clock).to_have_text("0:02.0 · 21 of 40")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    assert rows(page) == ["person holding cup", "table in_front_of person"]
    page.keyboard.press("/")
    page.keyboard.type("1 table")
    assert rows(page) == []
    page.keyboard.press("Escape")
    # Slowly: a busy machine must not reach the video's end.
    page.evaluate("document.querySelector('video').playbackRate = 0.2")
    page.keyboard.press("Space")
    expect(clock).to_have_text(re.compile("0:02.[1-9]|0:03"))
    page.keyboard.press("Space")
    assert page.evaluate("document.querySelector('video').paused")


def test_hits_misses_and_false_alarms_are_told_apart(show):
    truth = graph(HOLDING, TABLE)
    made = document(
        [
            frame(0, (*HOLDING, 0.8), (*LOOKING, 0.5), truth=truth),
            frame(1, (*HOLDING, 0.3), (*TABLE, 0.9), truth=truth),
        ],
        file=None,
    )
    page = show(made)
    assert page.locator("#score").inner_text() == (
        "✓ 3 hits · ✕ 1 missed · ! 1 false alarms · recall 0.75 · precision 0.75"
    )
    # Isolates keep the directions of writing of a label's parts apart.
    texts = [
        re.sub("[\u2068\u2069]", "", text)
        for text in page.locator(".plate text").all_text_contents()
    ]
    plates = {text.split()[2]: text.split()[0] for text in texts}
    assert plates == {"holding": "✓", "looking_at": "!", "in_front_of": "✕"}
    fills = page.locator("#rows .bars").evaluate_all(
        "bars => Object.fromEntries(bars.map(bar => [bar.classList[1], getComputedStyle(bar).fill]))"
    )
    assert fills["hit"].startswith("rgb")
    assert fills["missed"] == "none"
    assert fills["false-alarm"].startswith("url")
    page.locator("#threshold").fill("0.4")
    expect(page.locator("#score")).to_contain_text("2 hits · ✕ 2 missed · ! 1 false alarms")
    page.locator("#verdicts button", has_text="missed").click()
    page.locator("#verdicts button", has_text="false alarm").click()
    assert rows(page) == ["person holding cup", "table in_front_of person"]


def test_an_annotated_object_that_was_not_found_has_a_box_of_its_own(show):
    predicted = graph((*LOOKING, 0.9), boxes={"cup": [0, 0, 10, 10]})
    made = document([{"index": 0, "time": 0.0, **predicted, "ground_truth": graph(LOOKING)}])
    page = show(made)
    expect(page.locator("#boxes .box.absent")).to_have_count(1)
    assert page.locator("#boxes .box.absent span").inner_text() == "✕ cup 2"
    page.locator("#graph-drawing .plate.missed").hover()
    assert sorted(page.locator("#boxes .box.lit span").all_inner_texts()) == ["person", "✕ cup 2"]


HOSTILE = {
    "markup": "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">",
    "quotes": "\"'`</title></style>&lt;&#39;",
    "right to left": "שלום \u202eعربي",
    "emoji": "👩🏽‍🚀\ud83d",
    "long": "a" * 10_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_labels_are_shown_as_text(show, text):
    made = document([frame(0, ("contacting", text, "cup", 0.5))], file=text)
    made["frames"][0]["objects"][1]["class"] = text  # the cup
    made["model"] = dict.fromkeys(made["model"], text)
    page = show(made, width=420, title=text)
    for place in ("#title", "#rows .predicate", "#predicates bdi", "#objects bdi"):
        assert text in page.locator(place).all_text_contents()
    # The start of a long text is enough of a label.
    assert text[:200] in page.locator("#boxes .box span").all_text_contents()
    assert page.title() != "taken"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_frames_are_shown_where_there_is_no_video(show, tmp_path):
    images = {}
    for index in (0, 20):
        images[index] = str(tmp_path / f"{index}.png")
        Image.fromarray(picture(index, 192, 96)).save(images[index])
    page = show(document([frame(0, (*LOOKING, 0.9)), frame(20)], file=None), frames=images)
    assert shown_index(page) == 0
    expect(page.locator("#facts")).to_contain_text("2 frames with graphs · 1 relation ·")
    expect(page.locator("#graph-drawing .plate")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(page.locator("#graph-drawing .plate")).to_have_count(0)
    assert shown_index(page) == 20
    page.keyboard.press("Home")
    page.locator("#speed").select_option("4")
    page.locator("#play").click()
    expect(page.locator("#clock")).to_have_text("0:02.0 · 2 of 2")


def test_without_its_video_the_report_says_so_and_goes_on(window, tmp_path):
    path = tmp_path / "report.html"
    made = document([frame(index, (*LOOKING, 0.9)) for index in range(FRAMES)])
    write_report(str(path), made, video=str(tmp_path / "video.mp4"), title="")
    window.goto(path.as_uri())
    expect(window.locator("#notice")).to_contain_text("video.mp4 cannot be played")
    click_lane(window, "looking_at", 2.05)
    expect(window.locator("#clock")).to_have_text("0:02.0 · 21 of 40")


def test_a_long_video_keeps_the_page_small(show, tmp_path):
    """Three minutes at five frames a second, ten relations a frame, of 300 triplets."""
    frames = []
    for index in range(900):
        triplets = [
            ("contacting", f"verb {(index // 30 * 10 + k) % 300}", "cup", 0.5) for k in range(10)
        ]
        frames.append(frame(index, *triplets, fps=5.0))
    page = show(document(frames, fps=5.0, file=None))
    assert (tmp_path / "report.html").stat().st_size < 20e6
    expect(page.locator("#rows")).to_have_attribute("aria-rowcount", "300")
    assert len(rows(page)) < 60
    page.locator("#rows").evaluate("rows => rows.scrollTop = rows.scrollHeight")
    expect(page.locator("#rows .row[aria-rowindex='300']")).to_be_visible()
    assert len(rows(page)) < 60


@pytest.mark.parametrize("width", [420, 1400])
def test_nothing_sticks_out_of_the_window(show, width):
    boxes = {**BOXES, "a very long name of an object": [120, 60, 150, 90]}
    made = document([{"index": 0, "time": 0.0, **graph((*LOOKING, 0.9), boxes=boxes)}], file=None)
    page = show(made, width=width)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    graph_panel = page.locator("#graph-scroll")
    assert graph_panel.evaluate("panel => panel.scrollWidth <= panel.clientWidth")


@pytest.mark.parametrize("width", [420, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground(show, scheme, width):
    """By WCAG's 4.5 to 1, in both colour schemes, also of what is switched off, lit or pointed at."""
    truth = graph(HOLDING, TABLE)
    found = [frame(0, (*HOLDING, 0.8), (*LOOKING, 0.5), truth=truth), frame(1, (*HOLDING, 0.8))]
    page = show(document(found, file=None), width=width, scheme=scheme)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground))) < 384) == (scheme == "dark")
    page.evaluate("""() => {
        for (const menu of document.querySelectorAll("details")) menu.open = true;
        document.getElementById("notice").hidden = false;
        document.getElementById("notice").textContent = "a notice";
    }""")
    said = check_contrasts(page)
    assert said >= {"A report", "VOST", "attention", "missed", "holding", "person", "a notice"}
    # A placeholder and a choice are no text of an element's own.
    assert said >= {"Clear", "Filter, as in: holding cup", "object"}
    assert any("✕ ■" in text for text in said) and any("! ●" in text for text in said)
    page.locator("#rows .row", has_text="holding").hover()
    expect(page.locator("#rows .row.lit")).to_have_count(1)
    check_contrasts(page)
    page.evaluate("document.querySelectorAll('.toggle').forEach((button) => button.click())")
    assert "No relation passes the filters." in check_contrasts(page)


def check_contrasts(page) -> set[str]:
    """The texts on the page, when the contrast of each suffices."""
    found = page.evaluate(CONTRASTS)
    assert [text for text in found if text[2] < 4.5] == []
    return {words for _, words, _ in found}
