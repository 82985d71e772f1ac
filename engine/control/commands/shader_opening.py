"""Opens the control of shaders with their folders, their trials and the records of these."""

from pathlib import Path

import engine.render
from engine.config import Config
from engine.control.announcements import Announcements
from engine.control.commands.desk import Desk
from engine.control.commands.shader import ShaderControl
from engine.control.commands.shader_stage import ShaderStage
from engine.control.commands.shader_trials import ShaderTesting
from engine.params.shader_catalog import ShaderCatalog
from engine.render.guarded_renderer import GuardedRenderer
from engine.render.isf.vetter import Vetter
from engine.system import folders
from engine.system.closing import Closing
from engine.system.package_version import package_version
from engine.telemetry import Warnings

OWN_SHADERS = Path(engine.render.__file__).parent / "isf" / "shaders"


def open_shaders(
    config: Config,
    desk: Desk,
    *,
    stage: ShaderStage,
    drawing: GuardedRenderer,
    gate_segment: str,
    warnings: Warnings,
    announcements: Announcements,
    closing: Closing,
) -> ShaderControl:
    """Not yet started. `gate_segment`: shared memory of the gate, which a trial passes. `drawing`: of a trial's size
    and driver; without OpenGL, and offline, no records are kept."""
    records_folder = folders.data_folder() / "shaders"
    records = None
    if drawing.shader_driver and not config.offline:
        records = closing(desk.disk.open("fx.records", records_folder))
    return ShaderControl(
        store=desk.store,
        catalog=lambda on_changed, on_saved: ShaderCatalog(
            [*map(Path, config.shaders), *folders.isf_folders(), OWN_SHADERS],
            desk.disk,
            on_changed=on_changed,
            on_saved=on_saved,
        ),
        views=desk.dispatcher.views,
        stage=stage,
        testing=lambda post: ShaderTesting(
            open_tester=lambda: Vetter(warnings.report, gate=gate_segment),
            records=records,
            folder=records_folder,
            circumstances=f"{package_version()}, {drawing.shader_driver}",
            own_folder=OWN_SHADERS,
            size_px=lambda: drawing.size_px,
            post=post,
            is_offline=config.offline,
        ),
        tell=announcements.tell,
        report=warnings.report,
        is_offline=config.offline,
    )
