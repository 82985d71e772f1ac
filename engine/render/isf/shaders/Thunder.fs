/*{
    "ISFVSN": "2",
    "DESCRIPTION": "Night clouds over a plain, lit from within. Each kick is a stroke of lightning that forks to the ground; the highs are the rain.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Noise"],
    "INPUTS": [
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 2.0},
        {"NAME": "cloud", "LABEL": "Cloud", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "fork", "LABEL": "Fork", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "level", "LABEL": "Level", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.08, 0.05, 0.30, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.32, 0.16, 0.80, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [0.62, 0.45, 0.98, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [0.95, 0.92, 1.0, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "state", "PERSISTENT": true, "FLOAT": true, "WIDTH": "1", "HEIGHT": "1"},
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

// A broken line through chances, -1..1.
float broken(float x, float seed) {
    float cell = floor(x);
    return 2.0 * mix(chance(cell + seed), chance(cell + 1.0 + seed), x - cell) - 1.0;
}

const float GROUND = -0.34;

// Clouds, horizon and plain at p; `side`: where the last stroke fell.
vec3 scene(vec2 p, vec4 now, float side) {
    float t = now.r;
    // The clouds: a ceiling seen from below, drawn out towards the horizon, bent by waves of itself.
    float up = max(p.y - GROUND, 0.0);
    vec2 q = vec2(p.x / (0.30 + up), 1.3 / (0.30 + up)) * (1.6 + 1.8 * cloud) + vec2(0.16 * t, 0.10 * t);
    float billow = 0.0;
    float weight = 0.5;
    for (int n = 0; n < 3; n++) {
        q += 0.55 * wave(1.1 * q.yx + vec2(0.23, -0.31) * t + 1.7 * float(n));
        billow += weight * abs(wave(q.x + 0.6 * q.y) * wave(1.5708 + 0.7 * q.x - q.y));
        q = mat2(1.5, 1.05, -1.05, 1.5) * q;
        weight *= 0.55;
    }
    billow = smoothstep(0.12, 0.88, billow);
    // Where it lightens inside the clouds: far sheets that come and go, and the place of the last stroke.
    float sheet = 0.5 + 0.5 * wave(1.1 * t + 2.0 * wave(0.37 * t));
    sheet *= sheet * sheet;
    sheet *= sheet;
    float sheet_x = 0.7 * wave(0.41 * t);
    float inside = (0.16 + 0.42 * level + 0.45 * sheet) * fade(5.0 * (p.x - sheet_x) * (p.x - sheet_x) + 3.0 * (p.y - 0.25) * (p.y - 0.25));
    float struck = now.b * fade(3.5 * (p.x - side) * (p.x - side) + 2.5 * (p.y - 0.30) * (p.y - 0.30));
    float sky = smoothstep(0.0, 0.25, up);
    vec3 colour = mix(palette_1.rgb, palette_2.rgb, 0.25 * billow) * (0.03 + 0.50 * billow * billow) * (0.30 + 0.70 * sky);
    float lit = inside * (0.15 + 1.3 * billow) + struck * (0.15 + 1.5 * billow * billow) + 0.10 * billow * level;
    colour += mix(palette_2.rgb, palette_3.rgb, clamp(lit * 1.2, 0.0, 1.0)) * lit * (0.25 + 1.1 * billow) * (0.25 + 0.75 * sky);
    // A band of light along the horizon, and below it the wet plain that mirrors it.
    float horizon = fade(abs(p.y - GROUND) * (p.y < GROUND ? 16.0 : 9.0));
    colour += mix(palette_1.rgb, palette_2.rgb, 0.5) * horizon * (0.28 + 0.25 * sheet + 0.45 * level + 0.9 * now.b * fade(2.0 * abs(p.x - side)));
    if (p.y < GROUND) {
        float gloss = 0.5 + 0.5 * wave(60.0 * (GROUND - p.y) / (0.05 + GROUND - p.y) + 9.0 * p.x + 2.0 * t);
        colour *= 0.45 + 0.3 * gloss;
        colour += palette_3.rgb * fade(abs(p.x - side) * 7.0) * now.b * (0.15 + 0.35 * gloss) * fade((GROUND - p.y) * 6.0);
    }
    return colour;
}

void main() {
    if (PASSINDEX == 0) {
        // Red: seconds. Green: how many strokes there were. Blue: the light of the last one. Alpha: the kick before.
        vec4 before = FRAMEINDEX == 0 ? vec4(0.0, 3.0, 0.0, 0.0) : IMG_NORM_PIXEL(state, vec2(0.5));
        bool strikes = kick > before.a + 0.2;
        float light = max(kick, before.b * exp(-TIMEDELTA / 0.11));
        float count = mod(before.g + (strikes ? 1.0 : 0.0), 512.0);
        gl_FragColor = vec4(before.r + TIMEDELTA * speed * (1.0 + 1.5 * level), count, light, kick);
        return;
    }
    vec4 now = IMG_NORM_PIXEL(state, vec2(0.5));
    float t = now.r;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    float side = 1.15 * (chance(now.g * 0.37) - 0.5);
    vec3 colour = scene(p, now, side);
    // The stroke: a trunk and branches, each a broken line; it fades from its branches inwards.
    float seed = 17.0 * now.g;
    float fall = clamp((0.42 - p.y) / (0.42 - GROUND), 0.0, 1.0);
    float trunk = side + 0.34 * (chance(seed + 3.0) - 0.5) * fall + 0.085 * broken(5.0 * p.y, seed) + 0.030 * broken(17.0 * p.y, seed + 50.0) + 0.010 * broken(51.0 * p.y, seed + 90.0);
    float off = abs(p.x - trunk);
    float flicker = now.b * now.b;
    float shown = step(GROUND, p.y) * (1.0 - smoothstep(0.40, 0.52, p.y));
    float px = 1.0 / RENDERSIZE.y;
    float bolt = smoothstep(2.6 * px + 0.0022, 0.6 * px, off) + 0.30 * fade(off * 55.0) + 0.14 * fade(off * 11.0);
    for (int n = 0; n < 2; n++) {
        float k = float(n);
        float from_y = 0.26 - 0.17 * k + 0.10 * chance(seed + k);
        float below = max(from_y - p.y, 0.0);
        float way = (chance(seed + 7.0 + k) < 0.5 ? -1.0 : 1.0) * (0.5 + 0.7 * chance(seed + 11.0 + k)) * fork;
        float branch_off = abs(p.x - trunk - way * below - 0.05 * broken(13.0 * p.y, seed + 20.0 * k) * min(below * 8.0, 1.0));
        float end = (1.0 - smoothstep(0.05, 0.34, below)) * step(1e-4, below);
        bolt += (0.65 * smoothstep(2.0 * px + 0.0014, 0.4 * px, branch_off) + 0.12 * fade(branch_off * 40.0)) * end * now.b;
    }
    colour += mix(palette_3.rgb, palette_4.rgb, clamp(bolt, 0.0, 1.0)) * bolt * shown * flicker * 1.3;
    // Rain: fine streaks that fall aslant.
    float rain_x = floor((p.x + 0.13 * p.y) * 130.0);
    float drop = fract(p.y * (1.1 + chance(rain_x)) + 2.6 * t * (0.7 + 0.6 * chance(rain_x + 5.0)) + chance(rain_x + 9.0));
    colour += mix(palette_2.rgb, palette_4.rgb, 0.4) * smoothstep(0.90, 1.0, drop) * step(0.55, chance(rain_x + 2.0)) * (0.035 + 0.30 * hat + 0.08 * level + 0.25 * now.b * fade(3.5 * (p.x - side) * (p.x - side)));
    gl_FragColor = vec4(colour, 1.0);
}
