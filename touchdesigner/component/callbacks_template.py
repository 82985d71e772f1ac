"""Callbacks of the multiverse component. Each gets one dictionary: info['ownerComp'] is the
component.

Write your own code into them, and delete those that you do not need. An error is shown on the
component.
"""


def onConnect(info):
    """The engine answers: info['host'], info['port']."""


def onLook(info):
    """A preset was loaded or saved, by anyone: info['name']. info['isEdited'] is True once a value
    was moved since."""


def onCue(info):
    """A cue has started: info['number'], info['name'] of its preset."""


def onBeat(info):
    """A beat: info['beat'] in its bar, from 1; info['bpm']. info['isFree'] is True while the tempo
    has lost its clock.

    Needs Audio CHOP (page Connect). Within a frame of the beat.
    """


def onSection(info):
    """The section of the song has changed: info['section'] is quiet, build, drop or break."""


def onLost(info):
    """The engine has sent nothing for 3 s."""
