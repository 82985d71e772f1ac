"""Opens the page, OSCQuery, the previews and the picture of what is prepared at a control desk, on one port."""

from collections.abc import Callable, Mapping

from engine.audio.input import AudioInput
from engine.config import split_host_port
from engine.control import OscServer
from engine.control.commands.desk import ControlHub, Run
from engine.control.commands.lines import Lines
from engine.control.query import Announcer, QueryHub, QueryTree, host_info, service_name
from engine.errors import ConfigError
from engine.params import Looks
from engine.web.prepared import PICTURE, prepared_picture
from engine.web.preview import PreviewTap
from engine.web.served import Served
from engine.web.server import WebServer
from engine.web.serving.access import accepts_none, announced_host
from engine.web.serving.lan import lan_addresses


def open_web(
    run: Run,
    desk: ControlHub,
    lines: Lines,
    *,
    audio: AudioInput,
    previews: Mapping[str, PreviewTap],
    status: Callable[[], object],
    looks: Looks,
    size_px: Callable[[], tuple[int, int]],
) -> WebServer | None:
    """The server, not yet started; None when the page is off."""
    config, closing, osc = run.config, run.closing, lines.osc
    if config.web == "off":
        if config.announce:
            raise ConfigError("announce: needs OSCQuery, but web is off; set web or leave announce out")
        return None
    if PICTURE in previews:
        lines.sending.poll(closing(prepared_picture(previews[PICTURE], run, desk, audio, size_px)).poll)
    name = service_name(config.name)
    tree = QueryTree(desk.store, desk.dispatcher.feedback.last_told)
    hub = closing(QueryHub(desk.dispatcher, run.warnings.report))
    tree.show_cues(desk.cues.cues)
    desk.cues.watch(lambda cues: hub.send_paths(tree.show_cues(cues)))
    desk.dispatcher.views.watch(lambda inputs: hub.send_paths(tree.show_inputs(inputs)))
    return closing(
        WebServer(
            *split_host_port(config.web, "--web"),
            Served(
                taps=previews,
                status=status,
                modulation=lambda: looks.shown.modulation,
                fade=lambda: desk.crossfade.progress,
                waiting=lambda: desk.mapping.waiting(run.clock.now_s()),
                preset_pictures=lambda: desk.preset_control.shelf.pictures,
                shader_pictures=lambda: desk.shaders.pictures,
                tree=tree,
                hub=hub,
                host_info=lambda reached_at, own_address: host_info(
                    reached_at, name=name, osc=osc.address if osc else None, web=own_address
                ),
                dispatcher=desk.dispatcher,
            ),
            report=run.warnings.report,
            token=config.web_token,
            accepts_osc=osc.hears if osc is not None else accepts_none,
        )
    )


def open_announcer(run: Run, osc: OscServer | None, web: WebServer) -> Announcer:
    return Announcer(
        service_name(run.config.name),
        host=announced_host(),
        web_port=web.address[1],
        osc_port=osc.address[1] if osc is not None else None,
        find_interfaces=lan_addresses,
        report=run.warnings.report,
    )
