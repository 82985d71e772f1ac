/*{
    "ISFVSN": "2",
    "DESCRIPTION": "Veils of silk that a slow wind folds across the dark. A voice fills them with light, the kick runs along them as a gust, the highs glint on their threads.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Light"],
    "INPUTS": [
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.4, "MIN": 0.0, "MAX": 2.0},
        {"NAME": "width", "LABEL": "Width", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "threads", "LABEL": "Threads", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "level", "LABEL": "Level", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.14, 0.04, 0.20, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.45, 0.08, 0.32, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [0.75, 0.18, 0.30, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [1.0, 0.80, 0.82, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "clock", "PERSISTENT": true, "FLOAT": true, "WIDTH": "1", "HEIGHT": "1"},
        {}
    ]
}*/

// Nearly a sine, and nearly exp(-x): far cheaper on a software rasteriser.
float wave(float x) {
    float u = fract(x * 0.15915494) - 0.5;
    return 8.0 * u * (2.0 * abs(u) - 1.0);
}

vec2 wave(vec2 x) {
    vec2 u = fract(x * 0.15915494) - 0.5;
    return 8.0 * u * (2.0 * abs(u) - 1.0);
}

float fade(float x) {
    float part = 1.0 / (1.0 + 0.125 * x * (1.0 + 0.0625 * x));
    part *= part;
    part *= part;
    return part * part;
}

void main() {
    if (PASSINDEX == 0) {
        vec4 before = FRAMEINDEX == 0 ? vec4(0.0, 2.0, 0.0, 0.0) : IMG_NORM_PIXEL(clock, vec2(0.5));
        // Red: the wind's way. Green: where the last kick's gust is, in heights of the picture. Alpha: the kick before.
        float gust = kick > before.a + 0.2 ? 0.0 : before.g + 2.6 * TIMEDELTA;
        gl_FragColor = vec4(before.r + TIMEDELTA * speed * (1.0 + 1.5 * level + 1.0 * kick), gust, 0.0, kick);
        return;
    }
    vec2 now = IMG_NORM_PIXEL(clock, vec2(0.5)).rg;
    float t = now.r + 20.0;
    float wide = RENDERSIZE.x / RENDERSIZE.y;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(wide, 1.0);
    // The veils hang from the upper left to the lower right.
    p = mat2(0.93, -0.37, 0.37, 0.93) * p;
    float gust = fade(5.0 * abs(p.x + 0.9 - now.g)) * fade(0.9 * now.g);
    vec3 colour = palette_1.rgb * 0.10 * fade(2.0 * dot(p - vec2(-0.2, 0.1), p - vec2(-0.2, 0.1)));
    for (int n = 0; n < 3; n++) {
        float k = float(n);
        float far = 1.0 - 0.17 * k;
        float x = p.x * (1.15 + 0.28 * k) + 1.9 * k;
        float middle = 0.15 * wave(1.4 * x + 0.31 * t + 2.2 * k) + 0.07 * wave(2.9 * x - 0.43 * t + k) + 0.17 * (k - 1.0);
        // A ribbon that turns in the wind: seen on edge it is narrow and bright.
        float turn = wave(1.1 * x - 0.37 * t + 1.3 * k) + 0.45 * wave(2.3 * x + 0.29 * t);
        float half_wide = (0.035 + 0.20 * width * abs(turn)) * (1.0 + 0.25 * level + 0.35 * gust);
        float v = (p.y - middle) / half_wide;
        float bowl = max(1.0 - v * v, 0.0);
        float cover = smoothstep(0.0, 0.05 + 0.004 / half_wide, bowl);
        // Light on a bent cloth: brightest where it curves away, with a fold along its middle.
        float curve = 0.5 + 0.5 * wave(2.6 * v + 2.0 * turn + 0.8 * x);
        float sheen = curve * curve * curve * (0.35 + 0.65 * bowl) + 0.40 * (1.0 - bowl) * (1.0 - bowl) * (1.0 - bowl) ;
        float thread = 0.5 + 0.5 * wave(46.0 * v + 4.0 * wave(3.0 * x + k));
        sheen *= 1.0 - threads * 0.35 * thread;
        float edge_on = 1.0 / (0.35 + abs(turn));
        vec3 tint = mix(palette_2.rgb, palette_3.rgb, clamp(curve + 0.15 * k - 0.1, 0.0, 1.0));
        tint = mix(tint, palette_4.rgb, curve * curve * curve * curve * curve * curve * 0.55 * clamp(0.35 + gust + level, 0.0, 1.0));
        float light = sheen * far * (0.50 + 0.22 * edge_on) * (0.72 + 0.70 * level + 1.0 * gust + 0.30 * kick);
        colour *= 1.0 - 0.55 * cover;
        colour += tint * cover * light;
        colour += palette_4.rgb * cover * thread * thread * curve * curve * curve * curve * hat * 0.35;
        colour += palette_2.rgb * fade(abs(p.y - middle) * 7.0) * (0.05 + 0.07 * level + 0.10 * gust) * far;
    }
    gl_FragColor = vec4(colour, 1.0);
}
