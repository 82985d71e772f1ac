/*{
    "ISFVSN": "2",
    "DESCRIPTION": "Two fans of beams, from lamps above the picture, that open and close like hands, cross in the haze and lie on a wet floor. The kick opens them; a voice fills them; the highs light the dust.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Light"],
    "INPUTS": [
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 2.0},
        {"NAME": "open", "LABEL": "Opening", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "haze", "LABEL": "Haze", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "level", "LABEL": "Level", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.14, 0.06, 0.36, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.85, 0.15, 0.60, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [0.35, 0.40, 0.98, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [0.75, 0.98, 1.0, 1.0]}
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

float chance(float n) {
    float part = fract(n * 0.6180340);
    return fract(part * (part + 23.7) * 41.3);
}

const float FLOOR = -0.27;

// Haze and beams at p, a place above the floor.
vec3 beams(vec2 p, vec2 now) {
    float t = now.r;
    // Haze that drifts from right to left.
    vec2 h = p * vec2(2.7, 3.9) + vec2(0.42, 0.10) * t;
    h += 0.7 * wave(1.3 * h.yx + vec2(0.4, -0.3) * t);
    float smoke = 0.5 + 0.27 * wave(h.x + 1.7 * wave(0.9 * h.y)) + 0.23 * wave(2.1 * h.y - 1.3 * h.x);
    float body = mix(1.0, 0.25 + 1.35 * smoke, haze);
    float low = fade(4.5 * (p.y - FLOOR));
    float power = 0.42 + 0.85 * kick + 0.62 * level;
    vec3 colour = palette_1.rgb * (0.06 + 0.20 * smoke * low * (0.6 + level));
    for (int n = 0; n < 2; n++) {
        float side = n == 0 ? -1.0 : 1.0;
        // The lamp hangs outside of the picture; its hand of beams leans as it opens.
        vec2 lamp = vec2(side * (n == 0 ? 0.62 : 0.80), n == 0 ? 0.62 : 0.58);
        vec2 f = p - lamp;
        float r = length(f);
        float aim = side * (n == 0 ? 0.42 : 0.72) + 0.26 * wave(0.43 * t + 2.4 * float(n)) - side * 0.10 * now.g;
        float half_wide = 0.26 + 0.34 * open + 0.20 * now.g + 0.11 * wave(0.61 * t + 1.1 * float(n));
        float v = (f.x / f.y - aim) / half_wide;
        float cover = (1.0 - smoothstep(0.90, 1.06, abs(v)));
        // Fingers: each a beam with a hot core, as bright as it likes.
        float place = (v + 1.0) * (n == 0 ? 3.5 : 2.5);
        float finger = floor(place);
        float off = abs(place - finger - 0.5) * 2.0;
        float own = 0.55 + 0.45 * wave(2.4 * finger + (0.9 + 0.3 * float(n)) * t + 1.7 * float(n));
        float beam = (1.0 - smoothstep(0.25, 0.86, off)) * own + 0.10;
        float core = (1.0 - smoothstep(0.0, 0.22, off)) * own;
        float share = clamp(0.5 + 0.5 * v * side, 0.0, 1.0);
        vec3 tint = mix(palette_2.rgb, palette_3.rgb, smoothstep(0.15, 0.75, share));
        tint = mix(tint, palette_4.rgb, 0.45 * smoothstep(0.70, 1.0, share));
        float fall = 1.0 / (0.35 + 0.75 * r * r) * (n == 0 ? 1.0 : 0.62);
        colour += tint * cover * (beam * body * 0.40 + core * (0.20 + 0.25 * body)) * fall * power;
        // Where the beams meet the floor they throw a pool of light.
        colour += tint * cover * beam * low * low * fall * power * 0.55;
        colour += mix(tint, palette_4.rgb, 0.6) * fade(7.0 * r) * power * 1.2;
    }
    return colour / (1.0 + 0.30 * max(colour.r, max(colour.g, colour.b)));
}

void main() {
    if (PASSINDEX == 0) {
        vec4 before = FRAMEINDEX == 0 ? vec4(0.0) : IMG_NORM_PIXEL(clock, vec2(0.5));
        // Red: seconds. Green: how far the hands are open beyond their rest, following kick and level without a jump.
        float aim = max(kick, 0.7 * level);
        float wide = mix(before.g, aim, 1.0 - exp(-TIMEDELTA / (aim > before.g ? 0.04 : 0.30)));
        gl_FragColor = vec4(before.r + TIMEDELTA * speed * (1.0 + 1.2 * level), wide, 0.0, 1.0);
        return;
    }
    vec2 now = IMG_NORM_PIXEL(clock, vec2(0.5)).rg;
    float t = now.r;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    // On the floor lies the mirror image of what is above, broken by ripples, dimmer the nearer it comes.
    float under = max(FLOOR - p.y, 0.0);
    float depth = under / (0.06 + under);
    float ripple = 0.030 * wave(34.0 * depth + 7.0 * p.x - 2.3 * t) * depth;
    p = vec2(p.x + ripple, p.y + 2.0 * under);
    vec3 colour = beams(p, now) * (under > 0.0 ? 0.62 * fade(3.4 * under) : 1.0);
    // Dust in the beams.
    vec2 grid = p * 24.0 + vec2(0.9 * t, 0.4 * wave(t + p.x * 4.0));
    vec2 cell = floor(grid);
    float seed = chance(cell.x + 57.0 * cell.y);
    vec2 speck = grid - cell - 0.5 - 0.3 * vec2(wave(40.0 * seed + t), wave(1.5708 + 71.0 * seed));
    float lit = max(colour.r, max(colour.g, colour.b));
    colour += palette_4.rgb * (1.0 - smoothstep(0.0, 0.14, length(speck))) * step(0.72, seed) * min(2.0 * lit, 1.0) * (0.12 + 1.0 * hat + 0.2 * level);
    gl_FragColor = vec4(colour, 1.0);
}
