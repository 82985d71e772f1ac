"""Files that a user or another file names are opened in one place only, checked by reading the
code.

`engine/system/small_file.py` opens them: regular files only, where they should lie, up to a size.
Whatever else opens a file by its name to read it stands in ALLOWED, with the reason.
"""

import ast
import textwrap

from tests.architecture.source_tree import ENGINE, engine_files, nodes_of
from tests.support.cases import cases_of

ALLOWED = cases_of(__file__)
METHODS = {"read_bytes", "read_text"}
"""Of a path."""
FUNCTIONS = set(
    """
    open io.open gzip.open bz2.open lzma.open wave.open zipfile.ZipFile zipfile.is_zipfile
    tarfile.open av.open np.load np.fromfile np.memmap np.loadtxt np.genfromtxt cv2.imread
    cv2.VideoCapture Image.open h5py.File soundfile.SoundFile soundfile.read soundfile.info
    torch.load load_file safe_open ElementTree.parse ElementTree.iterparse
    """.split()
)
OPENED = {"stream", "packed", "raw", "os.devnull"}
"""Arguments that are open already, or nothing."""


def opens_by_name(call: ast.Call) -> bool:
    """True if the call opens a file by its name to read it."""
    called, values = ast.unparse(call.func), [*call.args, *(each.value for each in call.keywords)]
    texts = [
        each.value
        for each in values
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]
    modes = [text for text in texts if 0 < len(text) <= 3 and set(text) <= set("rwxabt+")]
    reads = not modes or modes[0][0] == "r"
    if called in FUNCTIONS:
        first = ast.unparse(call.args[0]) if call.args else "stream"
        return reads and first not in OPENED and not first.startswith("io.BytesIO")
    if not isinstance(call.func, ast.Attribute):
        return False
    is_of_a_path = call.func.attr == "open" and (
        modes or any(each.arg == "encoding" for each in call.keywords)
    )
    return call.func.attr in METHODS or (bool(is_of_a_path) and reads)


def test_files_of_strangers_are_opened_in_one_place() -> None:
    allowed = {name for names in ALLOWED.values() for name in names}
    found: dict[str, list[int]] = {}
    for path in engine_files():
        for node in nodes_of(path):
            if isinstance(node, ast.Call) and opens_by_name(node):
                found.setdefault(path.relative_to(ENGINE).with_suffix("").as_posix(), []).append(
                    node.lineno
                )
    assert {name: lines for name, lines in found.items() if name not in allowed} == {}, (
        "use engine.system.small_file"
    )
    assert allowed - found.keys() == set(), "these open nothing any more"


def test_a_bare_open_would_be_seen() -> None:
    seen = """
        open(path); open(path, 'rb'); path.open('rb'); path.open(encoding='utf-8'); path.read_bytes()
        (a / b).read_text(); av.open(str(path)); zipfile.ZipFile(path); np.load(path); safe_open(path, 'pt')
    """
    unseen = """
        open(path, 'w'); path.open('xb'); av.open(str(path), 'w', format='mp4'); zipfile.ZipFile(stream)
        FrameRing.open(name); disk.open('cues', folder); tarfile.open(fileobj=file, mode='r:')
    """
    for calls, is_seen in ((seen, True), (unseen, False)):
        for call in ast.parse(textwrap.dedent(calls)).body:
            assert opens_by_name(call.value) is is_seen, ast.unparse(call)
