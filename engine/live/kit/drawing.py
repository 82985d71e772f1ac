"""Builds the renderer's input for a frame: the look on screen and the outgoing or incoming one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from engine.control.commands.shader_player import ShaderPlayer
from engine.live.kit.scene import Scene
from engine.params import Crossfade, Looks, Snapshot
from engine.render.graphics_maker import GraphicsMaker
from engine.render.guarded_renderer import GuardedRenderer
from engine.render.isf.isf_file import ShaderSlot
from engine.render.look import Look
from engine.render.masks import SourceMaps, SourceRequest
from engine.render.master import with_strobe
from engine.render.picture import OutgoingLook, PictureInput, RegionMap
from engine.render.region_mapper import RegionMapper
from engine.render.source_maps import SourceMapper
from engine.values import AudioFeatures, FrameId
from osc_schema.fx import DISSOLVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Builds the renderer's input from the parts that a picture is drawn with. Render thread."""

    looks: Looks
    slots: ShaderPlayer
    crossfade: Crossfade
    regions: RegionMapper
    sources: SourceMapper
    graphics: GraphicsMaker
    renderer: GuardedRenderer
    """Its `draw` waits until the picture is drawn; other threads run meanwhile."""
    is_offline: bool

    def picture(
        self,
        snapshot: Snapshot,
        features: AudioFeatures,
        scene: Scene,
        frame_id: FrameId,
        *,
        beat: float,
        shaders: tuple[ShaderSlot, ...],
    ) -> PictureInput:
        """The renderer's input: the look on screen with its shaders, in a dissolve also the
        outgoing one."""
        looks = self.looks
        slots = self.slots
        values = looks.current.values
        old = looks.outgoing_values
        fade = looks.fade
        region = self._region_map(scene)
        graphics = partial(self.graphics.graphics, beat=beat, size_px=self.renderer.size_px)
        picture = picture_of(values, features, scene, region, frame_id)
        picture = replace(
            picture,
            look=with_strobe(picture.look, values, beat, frame_id.time_s),
            shaders=shaders,
            upcoming_shaders=slots.upcoming,
            source=self._source_maps(scene, values, frame_id, shaders),
            graphics=graphics(values, snapshot),
            keeps_upcoming=looks.expected.keeps_trail,
            cuts=self.crossfade.cuts,
            returns=self.crossfade.returns,
            is_cutting=slots.is_cutting(frame_id.time_s),
        )
        if slots.awaits_tests(values, frame_id.time_s):
            picture = replace(picture, look=replace(picture.look, is_frozen=True))
        if looks.upcoming is not None:
            upcoming = picture_of(
                looks.upcoming.values, features.for_outgoing(), scene, region, frame_id
            )
            return replace(picture, upcoming=upcoming)
        if fade is None:
            return picture
        before = (
            None
            if old is None
            else picture_of(old, features.for_outgoing(), scene, region, frame_id)
        )
        if before is not None and old is not None:
            before = replace(before, graphics=graphics(old, fade.before, is_outgoing=True))
        outgoing = OutgoingLook(
            number=fade.number,
            mix=fade.mix,
            picture=before,
            revealed=fade.revealed,
            freeze_mix=fade.freeze_mix,
            blend=DISSOLVE if fade.is_repair else values["/preset/blend"],
            key=values["/preset/key"],
        )
        return replace(picture, outgoing=outgoing)

    def _source_maps(
        self,
        scene: Scene,
        values: Mapping[str, Any],
        frame_id: FrameId,
        shaders: tuple[ShaderSlot, ...],
    ) -> SourceMaps | None:
        """The maps of the picture of layer 5's source, if a shader reads them."""
        playing = (*shaders, *self.slots.upcoming)  # a prepared look begins with its people, too
        readers = {
            each.file.title for each in playing if each.file.source_maps
        } | self.sources.other_readers
        masks = scene.masks
        layer5 = scene.layer5(values)
        request = None
        if layer5 is not None and readers:
            picture = layer5.picture
            found = masks.picture if masks.segmentation is not None else None
            if (
                found is not None
                and found.source == picture.source
                and values["/layer/5/matte_sync"]
            ):
                picture = found
            request = SourceRequest(
                picture=picture,
                segmentation=masks.segmentation,
                size_px=self.renderer.size_px,
                is_mirrored=values["/layer/5/mirror"],
                is_of_finished=masks.is_of_finished,
                time_s=frame_id.time_s,
            )
        return self.sources.maps(
            request, readers=readers, time_s=frame_id.time_s, is_offline=self.is_offline
        )

    def _region_map(self, scene: Scene) -> RegionMap | None:
        """The newest region map of the scene; offline the one of this frame's scene."""
        settings = scene.masks.region_settings(self.looks.current.values)
        if not settings.is_enabled and self.looks.outgoing is not None:
            settings = scene.masks.region_settings(self.looks.outgoing.values)
        if not settings.is_enabled and not scene.needs_regions:
            return None
        picture = layer5.picture if (layer5 := scene.automatic_layer5) is not None else None
        if self.is_offline:
            return self.regions.compute(picture, settings, scene.masks.segmentation)
        self.regions.submit(picture, settings, scene.masks.segmentation)
        scene.regions = self.regions.latest()
        return scene.regions if settings.is_enabled else None


def picture_of(
    values: Mapping[str, Any],
    features: AudioFeatures,
    scene: Scene,
    region: RegionMap | None,
    frame_id: FrameId,
) -> PictureInput:
    """The renderer's input for a look with these values. `features`: as this look shows them."""
    layer5 = scene.layer5(values)
    return PictureInput(
        look=Look.from_values(values),
        waves=features.waves,
        features=features.channels,
        layer5=layer5.picture if layer5 else None,
        shows_generator=values["/layer/5/source"] == "generator",
        layer5_before=layer5.before if layer5 else None,
        layer5_mix=layer5.mix if layer5 else 1.0,
        matte=scene.masks.matte(values),
        region=region,
        time_s=frame_id.time_s,
        fitted_px=scene.fitted_px,
    )
