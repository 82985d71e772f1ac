"""Forwards messages of the OSC In DAT to the extension."""


def onReceiveOSC(dat, rowIndex, message, bytes, timeStamp, address, args, peer):
    dat.parent().ext.MultiverseExt.on_message(address, args)
