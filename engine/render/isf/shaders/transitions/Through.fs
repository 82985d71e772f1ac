/*{
    "ISFVSN": "2",
    "DESCRIPTION": "Flies through the old look: it opens around a centre, and the new one comes up from the depth.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Transition", "Zoom"],
    "INPUTS": [
        {"NAME": "startImage", "TYPE": "image"},
        {"NAME": "endImage", "TYPE": "image"},
        {"NAME": "progress", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "depth", "LABEL": "Depth", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "softness", "LABEL": "Softness", "TYPE": "float", "DEFAULT": 0.6, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "centre", "LABEL": "Centre", "TYPE": "point2D", "DEFAULT": [0.5, 0.5], "MIN": [0.0, 0.0], "MAX": [1.0, 1.0]}
    ]
}*/

// Beyond the border the picture is mirrored.
vec2 within(vec2 position) {
    return 1.0 - abs(mod(position, 2.0) - 1.0);
}

void main() {
    vec2 aspect = vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    vec2 from_centre = isf_FragNormCoord - centre;
    float far = length((abs(centre - 0.5) + 0.5) * aspect); // the corner that is the farthest
    float soft = max(softness, 0.01);
    float share = smoothstep(0.0, 1.0, (progress * (1.0 + soft) - length(from_centre * aspect) / far) / soft);
    float left = 1.0 - progress;
    vec4 start = progress > 0.0
        ? IMG_NORM_PIXEL(startImage, within(centre + from_centre / (1.0 + 2.0 * depth * progress * progress)))
        : IMG_THIS_PIXEL(startImage);
    vec4 end = left > 0.0
        ? IMG_NORM_PIXEL(endImage, within(centre + from_centre * (1.0 + depth * left * left)))
        : IMG_THIS_PIXEL(endImage);
    gl_FragColor = mix(start, end, share);
}
