"""An example to run after the component is built: paste it into a Text DAT beside it and choose Run
Script.

Shows the engine's picture, brighter when channel 1 is louder, and rotates layer 1 once in 30 s by
TouchDesigner's time.
"""

comp = me.parent().op("multiverse")  # noqa: F821  `me` is this Text DAT
network = comp.parent()

levels = network.op("levels") or network.create("nullCHOP", "levels")
comp.outputConnectors[3].connect(levels)

picture = network.op("picture") or network.create("levelTOP", "picture")
comp.outputConnectors[0].connect(picture)
picture.par.brightness1.expr = "1 + op('levels')['rms1']"

# A parameter with an expression keeps its value: the engine follows it, and values from the engine
# are ignored.
comp.par.L1angle.expr = "absTime.seconds * 12 % 360 - 180"
