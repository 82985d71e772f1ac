/*{
    "ISFVSN": "2",
    "DESCRIPTION": "A hall of mirrors: folds the picture into a slowly turning kaleidoscope.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Effect", "Distortion"],
    "INPUTS": [
        {"NAME": "inputImage", "TYPE": "image"},
        {"NAME": "mirrors", "LABEL": "Mirrors", "TYPE": "float", "DEFAULT": 6.0, "MIN": 2.0, "MAX": 16.0},
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.12, "MIN": -1.0, "MAX": 1.0},
        {"NAME": "zoom", "LABEL": "Zoom", "TYPE": "float", "DEFAULT": 0.4, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "centre", "LABEL": "Centre", "TYPE": "point2D", "DEFAULT": [0.5, 0.5], "MIN": [0.0, 0.0], "MAX": [1.0, 1.0]},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0}
    ],
    "PASSES": [
        {"TARGET": "clock", "PERSISTENT": true, "FLOAT": true, "WIDTH": "1", "HEIGHT": "1"},
        {}
    ]
}*/

const float TURN = 6.2831853;

void main() {
    if (PASSINDEX == 0) {
        float before = FRAMEINDEX == 0 ? 0.0 : IMG_NORM_PIXEL(clock, vec2(0.5)).r;
        gl_FragColor = vec4(mod(before + TIMEDELTA * speed, 100.0), 0.0, 0.0, 1.0);
        return;
    }
    float turn = IMG_NORM_PIXEL(clock, vec2(0.5)).r;
    vec2 aspect = vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    vec2 p = (isf_FragNormCoord - 0.5) * aspect;
    float reach = length(p) * mix(1.5, 0.45, zoom) * (1.0 - 0.14 * kick);
    float sector = TURN / floor(mirrors + 0.5);
    float angle = mod(atan(p.y, p.x) + turn, sector);
    angle = abs(angle - 0.5 * sector) - turn * 0.6;
    vec2 at = reach * vec2(cos(angle), sin(angle)) / aspect + centre;
    at = 1.0 - abs(1.0 - mod(at, 2.0));
    gl_FragColor = IMG_NORM_PIXEL(inputImage, at);
}
