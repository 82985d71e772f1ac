/*{
    "ISFVSN": "2",
    "DESCRIPTION": "A soft edge crosses the picture; behind it is the new look.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Transition", "Wipe"],
    "INPUTS": [
        {"NAME": "startImage", "TYPE": "image"},
        {"NAME": "endImage", "TYPE": "image"},
        {"NAME": "progress", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "direction_deg", "LABEL": "Direction (0: to the right, 90: up)", "TYPE": "float", "DEFAULT": 0.0, "MIN": -180.0, "MAX": 180.0},
        {"NAME": "softness", "LABEL": "Softness", "TYPE": "float", "DEFAULT": 0.2, "MIN": 0.0, "MAX": 1.0}
    ]
}*/

void main() {
    vec2 aspect = vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    float angle = radians(direction_deg);
    vec2 way = vec2(cos(angle), sin(angle));
    // 0 where the edge enters, 1 where it leaves, at any angle.
    float along = dot((isf_FragNormCoord - 0.5) * aspect, way) / dot(aspect, abs(way)) + 0.5;
    float soft = max(softness, 1.0 / RENDERSIZE.x);
    float share = smoothstep(0.0, 1.0, (progress * (1.0 + soft) - along) / soft);
    gl_FragColor = mix(IMG_THIS_PIXEL(startImage), IMG_THIS_PIXEL(endImage), share);
}
