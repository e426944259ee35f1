"""The local page: drop a picture, watch the progress, read the verdict, download the report.

Started by `forensics app`. It holds no analysis code: it uploads, waits and shows.
"""

import secrets
import time
from pathlib import Path

import streamlit as st

from forensics.errors import ForensicsError
from forensics.report import html, words
from forensics.report.drawn_faces import new_face
from forensics.report.likeness import chosen_gallery, likeness_part
from forensics.report.upload import Outcome, Upload, sha256

INTRODUCTION = """
Drop a picture to see what traces of generation or alteration its pixels show, how sure that is,
and how often this kind of verdict is wrong. Everything happens on this machine: nothing is sent
anywhere, and the upload is deleted after the examination.
"""
# Comments, not strings, beside constants: Streamlit would write strings onto the page.
MAGNIFIER_HEIGHT = 640  # px of the frame in which the picture and a map lie side by side
TABS = {
    "Findings": "observed",
    "Detectors": "detectors",
    "Error rates": "error_rates",
    "File": "origin",
    "Method": "method",
}
LOOKUP = "Look-alikes"
GALLERY_HELP = """
A gallery is a folder on this machine with the faces of people who agreed to it, made with
`forensics faces add`. Every face of the picture is looked up in it, and each likeness comes with
how often two strangers look as alike. The picture is not added to it.
"""


FACE = """
A face that a generator of ours draws from nothing but a number, its seed. It is small, since the
generator is; the file says that it is synthetic. With a gallery, the page shows whom in it the face
resembles most and how often two strangers look as alike.
"""
SEEDS = 2**31


def main() -> None:
    """Draw the page; Streamlit runs it again at every click."""
    st.set_page_config(page_title="Deepfake forensics", layout="wide")
    st.title("Deepfake forensics")
    examine, face = st.tabs(["Examine a picture", "A new face a click"])
    with examine:
        _examine()
    with face:
        _draw_face()


def _examine() -> None:
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
    _show(outcome, given.name, given.getvalue())


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


def _show(outcome: Outcome, name: str, data: bytes) -> None:
    exhibit = outcome.exhibit
    st.html(html.part("summary", exhibit))
    report, line, _ = st.columns([1, 1, 3])
    stem = f"report-{exhibit.verdict.media.sha256[:12]}"
    report.download_button("Download the report", outcome.page, f"{stem}.html", "text/html")
    line.download_button("Download as JSON", outcome.line, f"{stem}.json", "application/json")
    if exhibit.faces:
        st.html(html.part("faces", exhibit))
    *tabs, looks = st.tabs([*TABS, LOOKUP])
    for tab, part in zip(tabs, TABS.values(), strict=True):
        tab.html(html.part(part, exhibit))
    if magnifier := html.magnifier(exhibit):
        with tabs[0]:
            st.iframe(magnifier, height=MAGNIFIER_HEIGHT)
    with looks:
        _show_likeness(name, data, "gallery")


def _show_likeness(name: str, data: bytes, key: str) -> None:
    """Whom the faces are like in a gallery on this machine."""
    chosen = str(chosen_gallery() or "")
    folder = st.text_input("Folder of a gallery", chosen, key=key, help=GALLERY_HELP)
    if not folder.strip():
        st.markdown(GALLERY_HELP)
        return
    try:
        with st.spinner("Looking up the faces"):
            st.html(_looked_up(name, data, Path(folder.strip()).expanduser(), key))
    except ForensicsError as error:
        st.error(_plain(str(error)))


def _draw_face() -> None:
    """A face of a seed, and whom in a gallery it is like."""
    st.markdown(FACE)
    if st.button("Draw a new face"):
        st.session_state["seed"] = secrets.randbelow(SEEDS)
    seed = st.number_input("Seed", 0, SEEDS - 1, value=None, key="seed", placeholder="none yet")
    psi = st.slider("Truncation psi: less is closer to the mean face", 0.0, 1.0, 0.7, 0.05)
    if seed is None:
        return
    try:
        with st.spinner("Drawing"):
            face = new_face(int(seed), psi)
    except ForensicsError as error:
        st.error(_plain(str(error)))
        return
    st.image(face.shown, f"Synthetic. Seed {face.seed}, psi {psi:g}, made at {face.side} px")
    name = f"face-{face.seed}.png"
    st.download_button("Download the face as it was made", face.picture, name, "image/png")
    _show_likeness(name, face.shown, "face_gallery")


def _looked_up(name: str, data: bytes, gallery: Path, tab: str) -> str:
    """The lookup of these bytes in this gallery, which a click elsewhere does not repeat."""
    key, place = (sha256(data), str(gallery)), f"looked_up_{tab}"
    current = st.session_state.get(place)
    if current is None or current[0] != key:
        current = st.session_state[place] = (key, likeness_part(name, data, gallery))
    return str(current[1])


def _plain(text: str) -> str:
    """Text without Markdown: names come from strangers, and a link in one must stay letters."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]()<>#+-.!|~$:" else char for char in text)


main()
