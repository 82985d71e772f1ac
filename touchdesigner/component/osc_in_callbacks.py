"""Forwards messages of the OSC In DAT to the extension, if it started."""


def onReceiveOSC(dat, rowIndex, message, bytes, timeStamp, address, args, peer):
    extension = getattr(dat.parent().ext, "MultiverseExt", None)
    if extension is not None:
        extension.on_message(address, args)
