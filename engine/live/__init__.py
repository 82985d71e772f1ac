"""Models that play along with the picture, each in a child process.

sd/  Stable Diffusion; sam3/  masks; rvc/  voice
opening.py  how each is built from the configuration
kit/        what they share: the loop of a child of pictures, its pace, its rings, what it was sent
"""
