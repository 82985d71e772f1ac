/*{
    "ISFVSN": "2",
    "DESCRIPTION": "Cuts the picture into slices that slip sideways at each kick and slide back.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Effect", "Glitch"],
    "INPUTS": [
        {"NAME": "inputImage", "TYPE": "image"},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "slices", "LABEL": "Slices", "TYPE": "float", "DEFAULT": 18.0, "MIN": 2.0, "MAX": 80.0},
        {"NAME": "slip", "LABEL": "Slip", "TYPE": "float", "DEFAULT": 0.4, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "share", "LABEL": "Share of the slices", "TYPE": "float", "DEFAULT": 0.45, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "split", "LABEL": "Split of colours", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "upright", "LABEL": "Upright", "TYPE": "bool", "DEFAULT": false}
    ],
    "PASSES": [
        {"TARGET": "state", "PERSISTENT": true, "FLOAT": true, "WIDTH": "1", "HEIGHT": "1"},
        {}
    ]
}*/

float chance(vec2 cell) {
    vec3 q = fract(vec3(cell.xyx) * vec3(0.1271, 0.3117, 0.2699) * 7.0);
    q += dot(q, q.yzx + 19.19);
    return fract((q.x + q.y) * q.z);
}

void main() {
    if (PASSINDEX == 0) {
        // Red counts the kicks, so that each has its own slices; green is the kick of the frame before.
        vec4 before = FRAMEINDEX == 0 ? vec4(0.0) : IMG_NORM_PIXEL(state, vec2(0.5));
        gl_FragColor = vec4(mod(before.r + (kick > before.g + 0.2 ? 1.0 : 0.0), 997.0), kick, 0.0, 1.0);
        return;
    }
    float count = IMG_NORM_PIXEL(state, vec2(0.5)).r;
    vec2 c = isf_FragNormCoord;
    float along = upright ? c.x : c.y;
    // Slices of two widths: wide ones, and fine ones inside some of them.
    float wide = floor(along * slices + 3.0 * chance(vec2(count, 5.0)));
    float fine = chance(vec2(wide, count)) > 0.7 ? floor(along * slices * 4.0) : 0.0;
    float seed = chance(vec2(wide + 0.37 * fine, count + 11.0));
    float slips = step(1.0 - share, seed) * (chance(vec2(seed * 91.0, count)) - 0.5) * 2.0;
    float push = slips * slip * 0.35 * kick * kick;
    vec2 way = upright ? vec2(0.0, 1.0) : vec2(1.0, 0.0);
    vec2 at = fract(c + way * push);
    vec2 apart = way * push * 0.25 * split;
    vec4 middle = IMG_NORM_PIXEL(inputImage, at);
    gl_FragColor = vec4(IMG_NORM_PIXEL(inputImage, fract(at + apart)).r, middle.g, IMG_NORM_PIXEL(inputImage, fract(at - apart)).b, middle.a);
}
