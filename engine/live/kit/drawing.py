"""Builds the renderer's input for a frame: the picture of each deck."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from engine.control.commands.shader_player import ShaderPlayer
from engine.live.kit.scene import Scene
from engine.params import Decks, Snapshot
from engine.params.crossfade import PictureFade
from engine.params.decks import Deck
from engine.render.graphics_maker import GraphicsMaker
from engine.render.guarded_renderer import GuardedRenderer
from engine.render.isf.isf_file import ShaderSlot
from engine.render.look import Look
from engine.render.masks import SourceMaps, SourceRequest
from engine.render.master import with_strobe
from engine.render.picture import (
    DeckPicture,
    OutgoingLook,
    PictureCrossfade,
    PictureInput,
    RegionMap,
)
from engine.render.region_mapper import RegionMapper
from engine.render.source_maps import SourceMapper
from engine.values import AudioFeatures, FrameId
from osc_schema.fx import DISSOLVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Builds the renderer's input from the parts that a picture is drawn with. Render thread."""

    decks: Decks
    slots: ShaderPlayer
    regions: RegionMapper
    sources: SourceMapper
    graphics: GraphicsMaker
    renderer: GuardedRenderer
    """Its `draw` waits until the picture is drawn; other threads run meanwhile."""
    is_offline: bool

    def picture(
        self,
        snapshot: Snapshot,
        fade: PictureFade | None,
        features: AudioFeatures,
        scene: Scene,
        frame_id: FrameId,
        *,
        beat: float,
        shaders: tuple[ShaderSlot, ...],
    ) -> PictureInput:
        """The renderer's input: the look on air with its shaders, in a dissolve also the outgoing
        one."""
        values = self.decks.on_air.values
        region = self._region_map(scene)
        picture_of_deck = partial(deck_picture, scene=scene, region=region, frame_id=frame_id)
        graphics = partial(self.graphics.graphics, beat=beat, size_px=self.renderer.size_px)
        on_air = picture_of_deck(self.decks.on_air, features)
        look = with_strobe(on_air.look, values, beat, frame_id.time_s)
        if self.slots.awaits_tests(values, frame_id.time_s):
            look = replace(look, is_frozen=True)
        upcoming = self.decks.upcoming
        upcoming_picture = None
        waiting_deck = None
        if upcoming is not None and self.decks.draws_upcoming:
            upcoming_picture = picture_of_deck(upcoming, features.for_outgoing())
        elif upcoming is not None:
            waiting_deck = upcoming.number
        outgoing = self.decks.outgoing
        before = None
        if fade is not None and outgoing is not None:
            before = replace(
                picture_of_deck(outgoing, features.for_outgoing()),
                graphics=graphics(outgoing.values, fade.before, is_outgoing=True),
            )
        return PictureInput(
            on_air=replace(on_air, look=look, graphics=graphics(values, snapshot)),
            outgoing=None if fade is None else _outgoing_look(fade, before, values),
            upcoming=upcoming_picture,
            waiting_deck=waiting_deck,
            is_cutting=self.slots.is_cutting(frame_id.time_s),
            shaders=shaders,
            upcoming_shaders=self.slots.upcoming,
            source=self._source_maps(scene, values, frame_id, shaders),
            fitted_px=scene.fitted_px,
        )

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
        settings = scene.masks.region_settings(self.decks.on_air.values)
        if not settings.is_enabled and self.decks.outgoing is not None:
            settings = scene.masks.region_settings(self.decks.outgoing.values)
        if not settings.is_enabled and not scene.needs_regions:
            return None
        layer5 = scene.automatic_layer5
        picture = None if layer5 is None else layer5.picture
        if self.is_offline:
            return self.regions.compute(picture, settings, scene.masks.segmentation)
        self.regions.submit(picture, settings, scene.masks.segmentation)
        scene.regions = self.regions.latest()
        return scene.regions if settings.is_enabled else None


def _outgoing_look(
    fade: PictureFade, picture: DeckPicture | None, values: Mapping[str, Any]
) -> OutgoingLook:
    """The old look of a fade as the renderer mixes it. `values`: of the new one."""
    return OutgoingLook(
        number=fade.number,
        mix=fade.mix,
        picture=picture,
        revealed=fade.revealed,
        freeze_mix=fade.freeze_mix,
        blend=DISSOLVE if fade.is_repair else values["/preset/blend"],
        key=values["/preset/key"],
    )


def deck_picture(
    deck: Deck, features: AudioFeatures, scene: Scene, region: RegionMap | None, frame_id: FrameId
) -> DeckPicture:
    """The renderer's input for a deck, without graphics. `features`: as this deck shows them."""
    values = deck.values
    layer5 = scene.layer5(values)
    return DeckPicture(
        deck=deck.number,
        look=Look.from_values(values),
        waves=features.waves,
        features=features.channels,
        layer5=PictureCrossfade.of(layer5.picture, layer5.before, layer5.mix) if layer5 else None,
        shows_generator=values["/layer/5/source"] == "generator",
        matte=scene.masks.matte(values),
        region=region,
        time_s=frame_id.time_s,
    )
