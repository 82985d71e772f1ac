/*{
    "ISFVSN": "2",
    "DESCRIPTION": "Rings of glass run outward from the centre, one at each kick, and bend the picture.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Effect", "Distortion"],
    "INPUTS": [
        {"NAME": "inputImage", "TYPE": "image"},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hit", "LABEL": "Hit", "TYPE": "event"},
        {"NAME": "depth", "LABEL": "Depth", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 1.2, "MIN": 0.2, "MAX": 4.0},
        {"NAME": "width", "LABEL": "Width", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0.05, "MAX": 1.0},
        {"NAME": "split", "LABEL": "Split of colours", "TYPE": "float", "DEFAULT": 0.4, "MIN": 0.0, "MAX": 1.0}
    ],
    "PASSES": [
        {"TARGET": "rings", "PERSISTENT": true, "FLOAT": true, "WIDTH": "1", "HEIGHT": "1"},
        {}
    ]
}*/

void main() {
    if (PASSINDEX == 0) {
        // The radii of the last two rings, and the kick of the frame before (blue, and alpha for its strength).
        vec4 before = FRAMEINDEX == 0 ? vec4(9.0, 9.0, 0.0, 0.0) : IMG_NORM_PIXEL(rings, vec2(0.5));
        vec2 radii = before.rg + TIMEDELTA * speed;
        if (hit || kick > before.b + 0.2) radii = vec2(0.0, radii.r);
        gl_FragColor = vec4(radii, hit ? 1.0 : kick, 1.0);
        return;
    }
    vec2 radii = IMG_NORM_PIXEL(rings, vec2(0.5)).rg;
    vec2 aspect = vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    vec2 p = (isf_FragNormCoord - 0.5) * aspect;
    float reach = max(length(p), 1e-4);
    vec2 d = (reach - radii) / (0.35 * width);
    // The slope of a bell: glass that is thickest at the ring.
    vec2 bend = d * exp(-d * d) * exp(-1.6 * radii) * min(radii * 8.0, 1.0);
    float push = depth * 0.16 * (bend.x + 0.7 * bend.y);
    vec2 way = p / reach / aspect;
    vec3 colour;
    colour.r = IMG_NORM_PIXEL(inputImage, isf_FragNormCoord - way * push * (1.0 - 0.35 * split)).r;
    vec4 middle = IMG_NORM_PIXEL(inputImage, isf_FragNormCoord - way * push);
    colour.g = middle.g;
    colour.b = IMG_NORM_PIXEL(inputImage, isf_FragNormCoord - way * push * (1.0 + 0.35 * split)).b;
    gl_FragColor = vec4(colour * (1.0 + 1.6 * abs(push) * 4.0), middle.a);
}
