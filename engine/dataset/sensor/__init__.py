"""Effects of lens, sensor and file on a rendered picture, alike for both engines. START HERE:
`photograph`.

photograph.py  all effects in their order, and the lens that labels need
effects.py     --camera-effects: the effects' names, units, ranges and presets
lens.py        distortion and aberration; a picture, its numbers and its depth through the lens
developing.py  haze, exposure, blur, vignette, noise, white balance, tone, sharpening; kernels.py:
               their arithmetic
jpeg.py        the file with its EXIF and XMP
"""
