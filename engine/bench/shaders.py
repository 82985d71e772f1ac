"""One shader of each weight, written for the benchmarks, and texts that no cache has seen."""

import uuid

_IMAGE = '{"INPUTS": [{"NAME": "inputImage", "TYPE": "image"}%s]%s}'
# One shader of each weight; written for this measurement.
NEGATIVE = f"""/*{_IMAGE % ("", "")}*/
void main() {{ gl_FragColor = vec4(1.0 - IMG_THIS_PIXEL(inputImage).rgb, 1.0); }}"""
KALEIDOSCOPE = f"""/*{_IMAGE % (', {"NAME": "sides", "TYPE": "float", "DEFAULT": 6, "MIN": 2, "MAX": 24}', "")}*/
void main() {{
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    float wedge = 6.2831853 / floor(sides);
    float angle = abs(mod(atan(p.y, p.x) + TIME * 0.1, wedge) - wedge / 2.0);
    vec2 turned = vec2(cos(angle), sin(angle)) * length(p);
    gl_FragColor = IMG_NORM_PIXEL(inputImage, abs(fract(turned * 0.5 + 0.25) * 2.0 - 1.0));
}}"""
BLUR_PASSES = ', "PASSES": [{"TARGET": "wide", "WIDTH": "$WIDTH/4", "HEIGHT": "$HEIGHT/4"}, {"TARGET": "trail", \
"PERSISTENT": true}, {}]'
BLUR_AND_TRAIL = f"""/*{_IMAGE % ("", BLUR_PASSES)}*/
void main() {{
    vec2 p = isf_FragNormCoord;
    if (PASSINDEX == 0) {{
        vec4 sum = vec4(0.0);
        for (int i = -3; i <= 3; i++) sum += IMG_NORM_PIXEL(inputImage, p + vec2(float(i), float(-i)) / RENDERSIZE);
        gl_FragColor = sum / 7.0;
    }} else if (PASSINDEX == 1) {{
        gl_FragColor = max(IMG_NORM_PIXEL(wide, p), IMG_NORM_PIXEL(trail, (p - 0.5) * 0.99 + 0.5) * 0.97);
    }} else {{
        gl_FragColor = max(IMG_THIS_PIXEL(inputImage), IMG_THIS_PIXEL(trail));
    }}
}}"""
GENERATOR = """/*{"INPUTS": [{"NAME": "scale", "TYPE": "float", "DEFAULT": 6, "MAX": 20}]}*/
float hash(vec2 p) { return fract(sin(dot(p, vec2(41.3, 289.1))) * 43758.5); }
void main() {
    vec2 p = isf_FragNormCoord * scale;
    float near = 9.0;
    for (int y = -1; y <= 1; y++) for (int x = -1; x <= 1; x++) {
        vec2 cell = floor(p) + vec2(x, y);
        vec2 seed = vec2(hash(cell), hash(cell + 7.0));
        near = min(near, length(cell + 0.5 + 0.4 * sin(TIME + 6.28 * seed) - p));
    }
    gl_FragColor = vec4(vec3(0.1, 0.4, 0.9) * near, 1.0);
}"""
SHADERS = {"negative": NEGATIVE, "kaleidoscope": KALEIDOSCOPE, "blur_and_trail": BLUR_AND_TRAIL, "cells": GENERATOR}


def unseen(text: str) -> str:
    """The same shader as a text that no cache knows: a comment would be removed before the driver sees it."""
    return text.replace("void main()", f"const float isf_bench_{uuid.uuid4().hex} = 1.0;\nvoid main()", 1)
