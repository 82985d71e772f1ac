"""Writes syphon.json, spout.json and virtualcam.json: the published interfaces of libraries that
cannot run here, for their system or for want of a driver.

Run by hand when a pinned version changes: `python tests/sinks/published_api/record.py`. It
downloads the wheels by exact name and reads them without running them: Python sources with `ast`;
from compiled modules the names, the mangled C++ names of imported functions (which encode every
parameter) and pybind11's signature texts.
"""

import ast
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from email.parser import Parser
from pathlib import Path

HERE = Path(__file__).parent
MACOS = ["macosx_10_9_universal2", "macosx_12_0_universal2"]
WHEELS = {
    "syphon": ("syphon-python==0.2.0", MACOS),
    "pyobjc-core": ("pyobjc-core==12.2.2", MACOS),
    "pyobjc-framework-cocoa": ("pyobjc-framework-cocoa==12.2.2", MACOS),
    "pyobjc-framework-metal": ("pyobjc-framework-metal==12.2.2", MACOS),
    "spout": ("SpoutGL==0.1.1", ["win_amd64"]),
    "virtualcam": ("pyvirtualcam==0.15.0", ["manylinux2014_x86_64"]),
}
# Microsoft's mangled C++ types in parameter lists, and the Python types that pybind11 accepts.
# None: an output.
CPP_TYPES = {
    "PEBD": "str", "PEBE": "Buffer", "I": "int", "H": "int", "J": "int", "K": "int", "_N": "bool",
    "PEAD": None, "PEAE": "Buffer", "AEAI": None, "AEAPEAX": None, "AEAK": None,
}  # fmt: skip

# the N of `_N`
CPP_RESULTS = {"X": "None", "N": "bool", "H": "int", "I": "int", "J": "int", "K": "int"}


def fetch(name: str, folder: Path) -> tuple[zipfile.ZipFile, dict]:
    requirement, platforms = WHEELS[name]
    into = folder / name
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--only-binary=:all:",
        "-d",
        str(into),
    ]
    command += [
        "--python-version",
        "3.11",
        "--implementation",
        "cp",
        "--abi",
        "cp311",
        "--abi",
        "none",
    ]
    for platform in platforms:
        command += ["--platform", platform]
    subprocess.run([*command, requirement], check=True)
    (wheel,) = into.iterdir()
    opened = zipfile.ZipFile(wheel)
    metadata = next(entry for entry in opened.namelist() if entry.endswith(".dist-info/METADATA"))
    headers = Parser().parsestr(opened.read(metadata).decode())
    return opened, {
        "wheel": wheel.name,
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "requires_python": headers["Requires-Python"],
        "extras": headers.get_all("Provides-Extra", []),
        "requires": headers.get_all("Requires-Dist", []),
    }


def parameters(function: ast.FunctionDef, *, is_method: bool) -> list[dict]:
    names = function.args
    positional = [*names.posonlyargs, *names.args]
    kinds = ["POSITIONAL_ONLY"] * len(names.posonlyargs) + ["POSITIONAL_OR_KEYWORD"] * len(
        names.args
    )
    defaults = [None] * (len(positional) - len(names.defaults)) + names.defaults
    listed = list(zip(positional, kinds, defaults, strict=True))[1 if is_method else 0 :]
    listed += [
        (name, "KEYWORD_ONLY", value)
        for name, value in zip(names.kwonlyargs, names.kw_defaults, strict=True)
    ]
    return [
        {"name": each.arg, "kind": kind, "has_default": value is not None}
        for each, kind, value in listed
    ]


def dotted(node: ast.expr) -> str:
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def python_api(source: str) -> dict:
    """Classes with methods, properties and public attributes, and functions, of one Python file."""
    api: dict = {"classes": {}, "functions": {}}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            api["functions"][node.name] = parameters(node, is_method=False)
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            entry: dict = {
                "bases": [dotted(base) for base in node.bases],
                "methods": {},
                "properties": [],
            }
            entry["attributes"] = public_attributes(node)
            for member in node.body:
                if not isinstance(member, ast.FunctionDef):
                    continue
                if any(dotted(decorator) == "property" for decorator in member.decorator_list):
                    entry["properties"].append(member.name)
                elif member.name in (
                    "__init__",
                    "__enter__",
                    "__exit__",
                ) or not member.name.startswith("_"):
                    entry["methods"][member.name] = parameters(member, is_method=True)
                if member.name == "__init__":
                    calls = {
                        dotted(call.func) for call in ast.walk(member) if isinstance(call, ast.Call)
                    }
                    entry["constructor_calls"] = sorted(call for call in calls if "." in call)
            api["classes"][node.name] = entry
    return api


def public_attributes(node: ast.ClassDef) -> list[str]:
    """Public attributes declared in the class or assigned to `self`."""
    targets: list[ast.expr] = []
    for part in ast.walk(node):
        if isinstance(part, ast.Assign | ast.AnnAssign):
            targets += part.targets if isinstance(part, ast.Assign) else [part.target]
    names = {
        dotted(target).removeprefix("self.")
        for target in targets
        if dotted(target).startswith("self.")
    }
    names |= {dotted(member.target) for member in node.body if isinstance(member, ast.AnnAssign)}
    return sorted(name for name in names if not name.startswith("_") and "." not in name)


def record_syphon(folder: Path) -> dict:
    wheel, header = fetch("syphon", folder)
    modules = {}
    for entry in sorted(wheel.namelist()):
        if (
            entry.startswith("syphon/")
            and entry.endswith(".py")
            and "/_" not in entry.removesuffix("/__init__.py")
        ):
            name = entry.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")
            modules[name] = python_api(wheel.read(entry).decode())
    exported = [
        alias.asname or alias.name
        for node in ast.parse(wheel.read("syphon/__init__.py")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    native = wheel.read("syphon/_native.py").decode()
    core, core_header = fetch("pyobjc-core", folder)
    machine = core.read(
        next(e for e in core.namelist() if re.fullmatch(r"objc/_objc\.[^/]*\.so", e))
    )
    cocoa, cocoa_header = fetch("pyobjc-framework-cocoa", folder)
    metadata = cocoa.read("CoreFoundation/_metadata.py").decode()
    run_loop = re.search(r'"CFRunLoopRunInMode": \(b"([^"]+)"', metadata)
    assert run_loop and "$kCFRunLoopDefaultMode$" in metadata
    # such as `i^{__CFString=}dZ`: the result first
    encoded = re.findall(r"\^*(?:\{[^}]*\}|[a-zA-Z@#:*])", run_loop[1])
    metal, metal_header = fetch("pyobjc-framework-metal", folder)
    pixel_format = re.search(
        r"MTLPixelFormatBGRA8Unorm@(\d+)", metal.read("Metal/_metadata.py").decode()
    )
    assert pixel_format
    opaque = re.search(rb"createOpaquePointerType\(([^)]*)\)", machine)
    assert opaque
    return {
        **header,
        "exported": exported,
        "modules": modules,
        "cgl_context_encoding": re.search(
            r'createOpaquePointerType\("CGLContextObj", b"([^"]+)"', native
        )[1],
        "pyobjc": {
            "wheels": [core_header["wheel"], cocoa_header["wheel"], metal_header["wheel"]],
            "Metal.MTLPixelFormatBGRA8Unorm": int(pixel_format[1]),
            "objc.createOpaquePointerType": opaque[1].decode().split(", "),
            "objc.autorelease_pool": python_api(core.read("objc/__init__.py").decode())["classes"][
                "autorelease_pool"
            ],
            "CoreFoundation.CFRunLoopRunInMode": len(encoded) - 1,
            "CoreFoundation.kCFRunLoopDefaultMode": "constant",
        },
    }


def cpp_parameters(mangled: str) -> list[str | None]:
    """Split the parameters of `IIII_NI@Z`; a digit refers to an earlier one of several letters."""
    if mangled.startswith("XZ"):
        return []
    found: list[str | None] = []
    memory: list[str] = []
    rest = mangled.removesuffix("@Z")
    while rest:
        if rest[0].isdigit():
            found.append(CPP_TYPES[memory[int(rest[0])]])
            rest = rest[1:]
            continue
        token = next(
            name for name in sorted(CPP_TYPES, key=len, reverse=True) if rest.startswith(name)
        )
        if len(token) > 1:
            memory.append(token)
        found.append(CPP_TYPES[token])
        rest = rest[len(token) :]
    return found


def record_spout(folder: Path) -> dict:
    wheel, header = fetch("spout", folder)
    machine = wheel.read(next(entry for entry in wheel.namelist() if entry.endswith(".pyd")))
    strings = {text.decode() for text in re.findall(rb"[\x20-\x7e]{3,}", machine)}
    texts = {text for text in strings if re.fullmatch(r"\(\{%\}.*\) -> .*", text)}
    python_names = {text.lower(): text for text in strings if re.fullmatch(r"[a-z][A-Za-z]+", text)}
    classes: dict = {"SpoutSender": {}, "SpoutReceiver": {}}
    unpaired = []
    for name, owner, mangled in re.findall(
        r"\?(\w+)@(Spout\w+)@@QEAA(\S+)", "\n".join(sorted(strings))
    ):
        if name.lower() not in python_names or owner not in classes:
            continue
        if mangled.startswith("?AV?$vector"):
            returns, parameters_of = "list[str]", []
        else:
            returns = CPP_RESULTS[mangled.removeprefix("_")[0]]
            parameters_of = cpp_parameters(mangled.removeprefix("_")[1:])
        names = [parameter for parameter in parameters_of if parameter is not None]
        if len(names) < len(parameters_of):
            returns = "object"
        text = (
            "("
            + ", ".join(["{%}", *(f"{{{parameter}}}" for parameter in names)])
            + f") -> {returns}"
        )
        if text in texts or text.replace("{Buffer}", "{Optional[Buffer]}") in texts:
            signatures = classes[owner].setdefault(python_names[name.lower()], [])
            signatures.append({"parameters": names, "returns": returns})
        else:
            unpaired.append(f"{owner}.{python_names[name.lower()]}")
    constants = sorted(text for text in strings if re.fullmatch(r"GL_[A-Z_]+", text))
    return {
        **header,
        "classes": classes,
        "unpaired": sorted(unpaired),
        "constants": {"SpoutGL.enums": constants},
        "signature_texts": sorted(texts),
    }


def record_virtualcam(folder: Path) -> dict:
    wheel, header = fetch("virtualcam", folder)
    return {**header, **python_api(wheel.read("pyvirtualcam/camera.py").decode())}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, record in (
            ("syphon", record_syphon),
            ("spout", record_spout),
            ("virtualcam", record_virtualcam),
        ):
            text = json.dumps(record(Path(folder)), indent=1, sort_keys=True)
            (HERE / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
