"""Whether a file's quantisation tables are those of an enrolled camera's files."""

from forensics.cameras import Camera, tables_of
from forensics.case import Case
from forensics.schema import Finding


def tables_findings(case: Case, camera: Camera) -> tuple[Finding, ...]:
    """How the file's quantisation tables compare with those of the camera's own files."""
    known, held = camera.tables.split(), tables_of(case)
    if not known or not held:
        return ()
    of = f"the {len(known)} kinds" if len(known) > 1 else "the one kind"
    words = f"{of} that the enrolled files of the camera {camera.name!r} have"
    if held in known:
        return (Finding(f"The quantisation tables are among {words}.", code="tables_of_camera"),)
    told = (
        f"The quantisation tables are not among {words}; other settings of a camera, and every"
        " program that saves a picture again, write others."
    )
    return (Finding(told, code="tables_not_of_camera"),)
