"""Opens the page, OSCQuery, the previews and the picture of what is prepared at a control hub, on
one port."""

from collections.abc import Callable, Mapping

from engine.audio.input import AudioInput
from engine.config import split_host_port
from engine.control import OscServer
from engine.control.commands.control_hub import ControlHub, RunContext
from engine.control.commands.control_inputs import ControlInputs
from engine.control.query import Announcer, QueryClients, QueryTree, host_info, service_name
from engine.errors import ConfigError
from engine.params import Decks
from engine.web.prepared import PICTURE, prepared_picture
from engine.web.preview import PreviewTap
from engine.web.served import Served
from engine.web.server import WebServer
from engine.web.serving.access import accepts_none, announced_host
from engine.web.serving.lan import lan_addresses


def open_web(
    run: RunContext,
    control_hub: ControlHub,
    control_inputs: ControlInputs,
    *,
    audio: AudioInput,
    previews: Mapping[str, PreviewTap],
    status: Callable[[], object],
    decks: Decks,
    size_px: Callable[[], tuple[int, int]],
) -> WebServer | None:
    """The server, not yet started; None when the page is off."""
    config = run.config
    closing = run.closing
    osc = control_inputs.osc
    if config.web == "off":
        if config.announce:
            raise ConfigError(
                "announce: needs OSCQuery, but web is off; set web or leave announce out"
            )
        return None
    if PICTURE in previews:
        control_inputs.sending.poll(
            closing(prepared_picture(previews[PICTURE], run, control_hub, audio, size_px)).poll
        )
    name = service_name(config.name)
    feedback = control_hub.dispatcher.feedback
    tree = QueryTree(control_hub.store, feedback.last_published, control_hub.banks.shown_looks)
    hub = closing(QueryClients(control_hub.dispatcher))
    tree.show_cues(control_hub.cues.cues)
    control_hub.cues.watch(lambda cues: hub.send_paths(tree.show_cues(cues)))
    control_hub.dispatcher.views.watch(lambda inputs: hub.send_paths(tree.show_inputs(inputs)))
    control_inputs.sending.poll(lambda now_s: hub.send_paths(tree.show_pads()))
    return closing(
        WebServer(
            *split_host_port(config.web, "--web"),
            Served(
                taps=previews,
                status=status,
                modulation=lambda: decks.on_air.modulation,
                fade=lambda: control_hub.crossfade.progress,
                waiting=lambda: control_hub.mapping.waiting(run.clock.now_s()),
                preset_pictures=lambda: control_hub.preset_control.cache.pictures,
                shader_pictures=lambda: control_hub.shaders.pictures,
                tree=tree,
                hub=hub,
                host_info=lambda reached_at, own_address: host_info(
                    reached_at, name=name, osc=osc.address if osc else None, web=own_address
                ),
                dispatcher=control_hub.dispatcher,
            ),
            report=run.warnings.report,
            token=config.web_token,
            accepts_osc=osc.accepts if osc is not None else accepts_none,
        )
    )


def open_announcer(run: RunContext, osc: OscServer | None, web: WebServer) -> Announcer:
    return Announcer(
        service_name(run.config.name),
        host=announced_host(),
        web_port=web.address[1],
        osc_port=osc.address[1] if osc is not None else None,
        find_interfaces=lan_addresses,
        report=run.warnings.report,
    )
