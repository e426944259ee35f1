"""The local page: drop a picture, watch the progress, read the verdict, download the report.

Started by `forensics app`. It holds no analysis code: it uploads, waits and shows.
"""

import time
from pathlib import Path

import streamlit as st

from forensics.errors import ForensicsError
from forensics.report import html, words
from forensics.report.likeness import chosen_gallery, likeness_part
from forensics.report.upload import Outcome, Upload, sha256

INTRODUCTION = """
Drop a picture to see what traces of generation or alteration its pixels show, how sure that is,
and how often this kind of verdict is wrong. Everything happens on this machine: nothing is sent
anywhere, and the upload is deleted after the examination.
"""
TABS = {
    "Findings": "observed",
    "Detectors": "detectors",
    "Error rates": "error_rates",
    "File": "origin",
    "Method": "method",
}


def main() -> None:
    """Draw the page; Streamlit runs it again at every click."""
    st.set_page_config(page_title="Deepfake forensics", layout="wide")
    st.title("Deepfake forensics")
    st.markdown(INTRODUCTION)
    # No `type=`: with one, a file of another suffix raises inside the page instead of being read.
    given = st.file_uploader("A picture (JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF)")
    if given is None:
        return
    upload = _upload(given.name, given.getvalue())
    _wait(upload)
    try:
        outcome = upload.outcome()
    except ForensicsError as error:
        st.error(f"This file could not be examined. {_plain(str(error))}")
        return
    _show(outcome)
    if gallery := chosen_gallery():
        _show_likeness(given.name, given.getvalue(), gallery)


def _upload(name: str, data: bytes) -> Upload:
    """The examination of these bytes: the running one, if they are already being examined."""
    key = sha256(data)
    current = st.session_state.get("upload")
    if current is None or (current.sha256, current.name) != (key, name):
        current = st.session_state["upload"] = Upload(name, data)
    return current


def _wait(upload: Upload) -> None:
    bar = st.progress(0.0)
    while not upload.done:
        stage = upload.stage
        bar.progress(stage.done / stage.total, text=words.name_words(stage.name).capitalize())
        time.sleep(0.1)
    bar.empty()


def _show(outcome: Outcome) -> None:
    exhibit = outcome.exhibit
    st.html(html.part("summary", exhibit))
    report, line, _ = st.columns([1, 1, 3])
    stem = f"report-{exhibit.verdict.media.sha256[:12]}"
    report.download_button("Download the report", outcome.page, f"{stem}.html", "text/html")
    line.download_button("Download as JSON", outcome.line, f"{stem}.json", "application/json")
    if exhibit.faces:
        st.html(html.part("faces", exhibit))
    for tab, part in zip(st.tabs(list(TABS)), TABS.values(), strict=True):
        tab.html(html.part(part, exhibit))


def _show_likeness(name: str, data: bytes, gallery: Path) -> None:
    with st.expander("Whom do the faces look like?"):
        try:
            st.html(likeness_part(name, data, gallery))
        except ForensicsError as error:
            st.error(_plain(str(error)))


def _plain(text: str) -> str:
    """Text without Markdown: names come from strangers, and a link in one must stay letters."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]()<>#+-.!|~$:" else char for char in text)


main()
