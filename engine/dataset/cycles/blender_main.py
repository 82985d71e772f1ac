"""Renders a scene with Cycles. Runs in Blender's Python, which cannot import this package:

    python -I blender_main.py -- FOLDER
    blender --background --python blender_main.py -- FOLDER

FOLDER holds the files of files.py. Written to it: colors.png, passes.exr (pile number and depth at
the centre of each pixel) and last answer.json, which holds `{"failure": ...}` after an error. With
`--ask` instead of a folder the answer is one line on standard output: versions and devices, or a
failure. Cycles uses OMP_NUM_THREADS threads, or all cores; the pixels are the same.

The process ends when its parent ends (standard input closes), and deletes the folder then.
"""

import json
import os
import platform
import shutil
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

try:
    import bpy
    from mathutils import Matrix, Vector
except ImportError as error:
    sys.exit(f"no bpy: {error}")

Json = dict[str, Any]
Arrays = Mapping[str, np.ndarray]

ORPHANED = 70
# the first long-term release with AgX, "Specular IOR Level", and normals without auto smooth
OLDEST = (4, 2)
BOUNCES = 4
MAX_THREADS = 1024  # Blender's limit
# By default Cycles takes 64 samples before it compares a pixel's noise with a threshold of 0.01, so
# with 50 samples no pixel would end early. With this value it compares after 16, 32, ...
MIN_SAMPLES = 8
CLOUDS_ABOVE_M = 50.0  # above the camera
CLOUDS_HALF_M = 1000.0
VIEW_STOPS = 0.5  # by how much AgX renders soil darker than the raster engine's tone map
DEVICE_VARIABLE = "MULTIVERSE_CYCLES_DEVICE"
GPU_KINDS = ("OPTIX", "CUDA", "HIP", "METAL", "ONEAPI")  # fastest first


class UnavailableError(Exception):
    """Raised if this Blender or machine lacks a requested feature."""


def main(arguments: list[str]) -> None:
    if arguments == ["--ask"]:
        try:
            found = ask()
        except UnavailableError as error:
            found = {"failure": str(error)}
        sys.stdout.write(json.dumps(found) + "\n")
        return
    folder = Path(arguments[0])
    orders = os.dup(0)  # Windows loads no library that asks what 0 is while a thread reads from it
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(
        target=end_with_parent, args=(folder, orders), name="parent watch", daemon=True
    ).start()
    try:
        answer = draw(folder)
    except Exception as error:  # the top of a process: the parent logs the traceback
        is_usage = isinstance(error, UnavailableError)
        answer = {
            "failure": str(error) or type(error).__name__,
            "is_usage": is_usage,
            "errno": error.errno if isinstance(error, OSError) else None,
            "trace": "" if is_usage else traceback.format_exc(),
        }
    # The parent reads it after this process has ended; after a kill during writing the JSON is
    # incomplete.
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")


def ask() -> Json:
    begin()
    return {
        "version": bpy.app.version_string,
        "python": platform.python_version(),
        "gpus": gpus()[1],
    }


def draw(folder: Path) -> Json:
    begin()
    spec = json.loads((folder / "scene.json").read_text(encoding="utf-8"))
    scene = bpy.context.scene
    device = choose_device(scene, spec["use_gpu"])
    choose_threads(scene)
    with np.load(folder / "scene.npz") as arrays:
        add_ground(scene, arrays, spec, folder / "ground.png")
        add_batches(scene, arrays, spec)
    add_camera(scene, spec)
    add_lights(scene, spec)
    if spec["clouds_period_m"]:
        add_clouds(scene, spec, folder / "clouds.png")
    draw_colors(scene, spec, folder / "colors.png")
    used = used_settings(scene)
    draw_passes(scene, folder / "passes.exr")
    return {"version": bpy.app.version_string, "device": device, "used": used}


def begin() -> None:
    """Start with an empty scene and factory settings, without the user's."""
    if bpy.app.version < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise UnavailableError(
            f"Blender {bpy.app.version_string} is older than {oldest}, the oldest supported version"
        )
    bpy.ops.wm.read_factory_settings(use_empty=True)


def gpus() -> tuple[str, list[str]]:
    """Kind of GPU that Cycles can use here, or "", and the names of its devices, or of the chosen
    one."""
    preferences = bpy.context.preferences.addons["cycles"].preferences
    known = {kind for kind, *_ in preferences.get_device_types(bpy.context)}
    for kind in GPU_KINDS:
        if kind not in known:
            continue
        preferences.compute_device_type = kind
        preferences.refresh_devices()
        found = [device for device in preferences.devices if device.type == kind]
        if found:
            used = choose_gpus(found)
            for device in preferences.devices:
                device.use = any(device == one for one in used)
            return kind, [device.name for device in used]
    preferences.compute_device_type = "NONE"
    return "", []


def choose_gpus(devices: list[Any]) -> list[Any]:
    """All of the devices, or the one whose number is in DEVICE_VARIABLE."""
    number = os.environ.get(DEVICE_VARIABLE, "")
    if not number:
        return devices
    if int(number) >= len(devices):
        raise UnavailableError(f"--devices {number}: Cycles finds only {len(devices)} GPUs here")
    return [devices[int(number)]]


def choose_device(scene: bpy.types.Scene, use_gpu: bool | None) -> str:
    scene.render.engine = "CYCLES"
    kind, names = ("", []) if use_gpu is False else gpus()
    if use_gpu and not names:
        raise UnavailableError(
            "--use-gpu: Cycles has no GPU here, only the CPU; leave the option out"
        )
    scene.cycles.device = "GPU" if names else "CPU"
    return f"{', '.join(names)} ({kind})" if names else "CPU"


def choose_threads(scene: bpy.types.Scene) -> None:
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdecimal() and int(threads) > 0:
        scene.render.threads_mode = "FIXED"
        scene.render.threads = min(int(threads), MAX_THREADS)


def used_settings(scene: bpy.types.Scene) -> Json:
    cycles = scene.cycles
    is_adaptive = cycles.use_adaptive_sampling
    return {
        "max_samples": cycles.samples,
        "least_samples": min(cycles.adaptive_min_samples, cycles.samples)
        if is_adaptive
        else cycles.samples,
        "noise_threshold": cycles.adaptive_threshold if is_adaptive else 0.0,
        "bounces": min(
            cycles.max_bounces,
            cycles.diffuse_bounces,
            cycles.glossy_bounces,
            cycles.transmission_bounces,
        ),
        "denoiser": cycles.denoiser if cycles.use_denoising else "no denoiser",
        "threads": scene.render.threads,
    }


def add_mesh(
    name: str, positions: np.ndarray, normals: np.ndarray, triangles: np.ndarray
) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new(name)
    corners = np.ascontiguousarray(triangles, np.int32).ravel()
    mesh.vertices.add(len(positions))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(positions, np.float32).ravel())
    mesh.loops.add(len(corners))
    mesh.loops.foreach_set("vertex_index", corners)
    mesh.polygons.add(len(triangles))
    mesh.polygons.foreach_set("loop_start", np.arange(0, len(corners), 3, dtype=np.int32))
    mesh.update(calc_edges=True)
    mesh.polygons.foreach_set("use_smooth", np.ones(len(triangles), bool))
    mesh.normals_split_custom_set_from_vertices(np.ascontiguousarray(normals, np.float32))
    return mesh


def add_ground(scene: bpy.types.Scene, arrays: Arrays, spec: Json, picture: Path) -> None:
    mesh = add_mesh(
        "ground", arrays["ground_positions"], arrays["ground_normals"], arrays["ground_triangles"]
    )
    material, nodes, links, shader = new_material("ground")
    side_m = spec["ground_side_m"]
    middle_m = spec["ground_middle_m"]
    image = add_picture(
        nodes, links, picture, side_m, [0.5 - middle / side_m for middle in (*middle_m, 0)]
    )
    image.extension = "MIRROR" if any(middle_m) else "EXTEND"  # beyond the plan
    links.new(image.outputs["Color"], shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = 1.0
    shader.inputs["Specular IOR Level"].default_value = 0.0
    mesh.materials.append(material)
    scene.collection.objects.link(bpy.data.objects.new("ground", mesh))


def add_picture(nodes: Any, links: Any, picture: Path, side_m: float, shift: list[float]) -> Any:
    """Add an image texture of this width, mapped by world coordinates in metres; its top row is
    north, v = 1."""
    image = nodes.new("ShaderNodeTexImage")
    image.image = bpy.data.images.load(str(picture))
    scaled = nodes.new("ShaderNodeVectorMath")
    scaled.operation = "MULTIPLY_ADD"
    links.new(nodes.new("ShaderNodeNewGeometry").outputs["Position"], scaled.inputs[0])
    scaled.inputs[1].default_value = [1 / side_m] * 3
    scaled.inputs[2].default_value = shift
    links.new(scaled.outputs[0], image.inputs["Vector"])
    return image


def add_batches(scene: bpy.types.Scene, arrays: Arrays, spec: Json) -> None:
    """Add an object per instance; the objects of a batch share the mesh."""
    materials = {name: surface_material(name, look) for name, look in spec["surfaces"].items()}
    for number, batch in enumerate(spec["batches"]):
        mesh = add_mesh(
            batch["name"],
            *(arrays[f"{number}_{part}"] for part in ("positions", "normals", "triangles")),
        )
        mesh.materials.append(materials[batch["surface"]])
        each = zip(
            *(arrays[f"{number}_{part}"].tolist() for part in ("transforms", "instances", "tints")),
            strict=True,
        )
        for index, (transform, instance, tint) in enumerate(each):
            thing = bpy.data.objects.new(f"{number}_{index:06d}", mesh)
            thing.matrix_world = Matrix(transform)
            thing.pass_index = instance
            thing.color = (*tint, 1.0)
            scene.collection.objects.link(thing)


def new_material(name: str) -> tuple[bpy.types.Material, Any, Any, bpy.types.Node]:
    """Make a material; also returns its nodes, its links and its surface shader."""
    material = bpy.data.materials.new(name)
    tree = node_tree_of(material)
    tree.nodes.clear()
    shader = tree.nodes.new("ShaderNodeBsdfPrincipled")
    tree.links.new(shader.outputs[0], tree.nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
    return material, tree.nodes, tree.links, shader


def node_tree_of(thing: bpy.types.Material | bpy.types.World) -> bpy.types.NodeTree:
    if thing.node_tree is None:  # before Blender 5.0
        thing.use_nodes = True
    return thing.node_tree


def surface_material(name: str, look: Json) -> bpy.types.Material:
    """Make a material: albedo times the object's tint times noise in world space, so that instances
    differ."""
    material, nodes, links, shader = new_material(name)
    shader.inputs["Roughness"].default_value = look["roughness"]
    shader.inputs["Metallic"].default_value = look["metallic"]
    tinted = nodes.new("ShaderNodeVectorMath")
    tinted.operation = "MULTIPLY"
    links.new(nodes.new("ShaderNodeObjectInfo").outputs["Color"], tinted.inputs[0])
    tinted.inputs[1].default_value = look["albedo"]
    noise = nodes.new("ShaderNodeTexNoise")
    links.new(nodes.new("ShaderNodeNewGeometry").outputs["Position"], noise.inputs["Vector"])
    noise.inputs["Scale"].default_value = 1 / look["mottle_m"]
    factor = nodes.new("ShaderNodeMapRange")
    links.new(noise.outputs[0], factor.inputs["Value"])
    for socket, value in (
        ("From Min", 0.25),
        ("From Max", 0.75),
        ("To Min", 1 - look["mottle"]),
        ("To Max", 1 + look["mottle"]),
    ):
        factor.inputs[socket].default_value = value
    mottled = nodes.new("ShaderNodeVectorMath")
    mottled.operation = "SCALE"
    links.new(tinted.outputs[0], mottled.inputs[0])
    links.new(factor.outputs[0], mottled.inputs["Scale"])
    links.new(mottled.outputs[0], shader.inputs["Base Color"])
    return material


def add_camera(scene: bpy.types.Scene, spec: Json) -> None:
    camera = bpy.data.cameras.new("camera")
    camera.sensor_fit = "HORIZONTAL"
    width, height = spec["width_px"], spec["height_px"]
    camera.lens = camera.sensor_width * spec["focal_px"] / width
    column, row = spec["center_px"]
    # In widths of the picture; positive moves the window right and up on the sensor.
    camera.shift_x = (width / 2 - column) / width
    camera.shift_y = (row - height / 2) / width
    camera.clip_start = 0.1
    camera.clip_end = 10_000.0
    thing = bpy.data.objects.new("camera", camera)  # its own axes are those of camera space
    axes = np.eye(4)
    axes[:3, :3] = np.transpose(spec["camera_axes"])
    axes[:3, 3] = spec["camera_m"]
    thing.matrix_world = Matrix(axes.tolist())
    scene.collection.objects.link(thing)
    scene.camera = thing
    scene.render.resolution_x = width
    scene.render.resolution_y = height
    scene.render.resolution_percentage = 100


def add_lights(scene: bpy.types.Scene, spec: Json) -> None:
    sun = bpy.data.lights.new("sun", "SUN")
    sun.energy = spec["sun_energy"]
    sun.color = spec["sun_color"]
    sun.angle = float(np.radians(spec["sun_angle_deg"]))
    thing = bpy.data.objects.new("sun", sun)
    thing.rotation_mode = "QUATERNION"
    thing.rotation_quaternion = Vector(spec["sun_direction"]).to_track_quat("Z", "Y")
    scene.collection.objects.link(thing)
    world = bpy.data.worlds.new("sky")
    tree = node_tree_of(world)
    tree.nodes.clear()
    sky = tree.nodes.new("ShaderNodeBackground")
    sky.inputs["Color"].default_value = (*spec["sky_radiance"], 1.0)
    sky.inputs["Strength"].default_value = 1.0
    tree.links.new(sky.outputs[0], tree.nodes.new("ShaderNodeOutputWorld").inputs["Surface"])
    scene.world = world


def add_clouds(scene: bpy.types.Scene, spec: Json, picture: Path) -> None:
    """Add a sheet above the scene that only shadows the sun's light. Its transparency is the
    picture, repeated, sampled where the sun's ray meets z = 0."""
    east, north, up = spec["sun_direction"]
    high_m = spec["camera_m"][2] + CLOUDS_ABOVE_M
    middle = (high_m * east / up, high_m * north / up)
    corners = [
        (middle[0] + x * CLOUDS_HALF_M, middle[1] + y * CLOUDS_HALF_M, high_m)
        for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    mesh = bpy.data.meshes.new("clouds")
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    material = bpy.data.materials.new("clouds")
    tree = node_tree_of(material)
    nodes = tree.nodes
    links = tree.links
    nodes.clear()
    period_m = spec["clouds_period_m"]
    image = add_picture(
        nodes, links, picture, period_m, [-middle[0] / period_m, -middle[1] / period_m, 0.0]
    )
    image.image.colorspace_settings.name = "Non-Color"
    image.extension = "REPEAT"
    clear = nodes.new("ShaderNodeBsdfTransparent")
    links.new(image.outputs["Color"], clear.inputs["Color"])
    links.new(clear.outputs[0], nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
    mesh.materials.append(material)
    sheet = bpy.data.objects.new("clouds", mesh)
    sheet.visible_camera = False
    sheet.visible_diffuse = False
    sheet.visible_glossy = False
    sheet.visible_transmission = False
    scene.collection.objects.link(sheet)


def draw_colors(scene: bpy.types.Scene, spec: Json, path: Path) -> None:
    cycles = scene.cycles
    cycles.seed = spec["seed"] % 2**31
    cycles.samples = spec["max_samples"]
    cycles.use_adaptive_sampling = True
    cycles.adaptive_threshold = spec["noise_threshold"]
    cycles.adaptive_min_samples = MIN_SAMPLES
    cycles.use_denoising = True
    cycles.denoiser = "OPENIMAGEDENOISE"
    for kind in ("max", "diffuse", "glossy", "transmission"):
        setattr(cycles, f"{kind}_bounces", BOUNCES)
    cycles.use_light_tree = False  # there is one light
    scene.world.cycles.sampling_method = "NONE"  # and a sky of one colour
    cycles.caustics_reflective = False
    cycles.caustics_refractive = False
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    scene.view_settings.exposure = float(np.log2(spec["exposure"])) + VIEW_STOPS
    scene.render.dither_intensity = 0.0
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGB"
    scene.render.image_settings.compression = 0
    render(scene, path)


def draw_passes(scene: bpy.types.Scene, path: Path) -> None:
    """Render index and depth of the first hit, with one sample at the centre of each pixel."""
    layer = scene.view_layers[0]
    layer.use_pass_combined = False
    layer.use_pass_z = True
    layer.use_pass_object_index = True
    cycles = scene.cycles
    cycles.samples = 1
    cycles.use_adaptive_sampling = False
    cycles.use_denoising = False
    cycles.pixel_filter_type = "BOX"
    cycles.filter_width = 0.01  # the minimum: the sample lies within 0.01 px of the centre
    cycles.max_bounces = 0
    image = scene.render.image_settings
    if hasattr(image, "media_type"):  # since Blender 5.0
        image.media_type = "MULTI_LAYER_IMAGE"
        image.use_exr_interleave = True  # a single-part file, as in older versions
    image.file_format = "OPEN_EXR_MULTILAYER"
    image.color_depth = "32"
    image.exr_codec = "NONE"
    render(scene, path)


def render(scene: bpy.types.Scene, path: Path) -> None:
    scene.render.use_file_extension = False
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    if not path.is_file():
        raise RuntimeError(f"Blender wrote no {path.name}")


def end_with_parent(folder: Path, orders: int) -> None:
    while os.read(orders, 1):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(ORPHANED)


if __name__ == "__main__":
    main(sys.argv[sys.argv.index("--") + 1 :])
    sys.stdout.flush()
    os._exit(0)  # skip Blender's own exit, which may crash and has nothing to save
