/*{
    "ISFVSN": "2",
    "DESCRIPTION": "A jellyfish that swims through dark water, and a second one far behind it. The kick is the beat of its bell; the highs light what drifts around it.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Liquid"],
    "INPUTS": [
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 2.0},
        {"NAME": "size", "LABEL": "Size", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "arms", "LABEL": "Length of the arms", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "level", "LABEL": "Level", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.12, 0.03, 0.28, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.55, 0.12, 0.75, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [0.90, 0.35, 0.65, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [1.0, 0.85, 0.95, 1.0]}
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

// One animal at `q`, in units of its bell: the middle of its rim is the origin, and it swims upwards.
// Red: the glass of its bell; green: the light on its rim and ribs; blue: its arms.
vec3 animal(vec2 q, float t, float beat, float reach) {
    float wide = 1.0 - 0.16 * beat;
    float high = 0.86 + 0.22 * beat;
    float rim = -0.10 - 0.10 * beat * q.x * q.x + 0.025 * wave(1.5708 + 9.0 * q.x / wide);
    vec2 in_bell = q / vec2(wide, high);
    float r2 = dot(in_bell, in_bell) + 0.35 * min(in_bell.y, 0.0);
    float above = smoothstep(rim - 0.02, rim + 0.02, q.y);
    float cover = (1.0 - smoothstep(0.97, 1.03, r2)) * above;
    // Looked at from the side, glass is thick at its edge and thin in its middle.
    float depth = sqrt(max(1.0 - r2, 0.0));
    float glass = cover * (0.16 + 0.70 * (1.0 - depth) * (1.0 - depth));
    // Ribs run from the top to the rim, round a dome.
    float round_at = in_bell.x / max(sqrt(max(1.0 - in_bell.y * in_bell.y, 0.04)), 0.2);
    round_at = clamp(round_at, -1.0, 1.0);
    float rib = 0.5 + 0.5 * wave(1.5708 + 11.0 * round_at * (1.0 + 0.55 * round_at * round_at * round_at * round_at));
    rib *= rib;
    rib *= rib * (1.0 - smoothstep(0.1, 0.95, in_bell.y));
    rib *= rib;
    float heart = 0.7 * fade(18.0 * dot(q - vec2(0.0, 0.22), (q - vec2(0.0, 0.22)) * vec2(0.6, 1.6)));
    float hem = fade(abs(q.y - rim) * 26.0) * (1.0 - smoothstep(0.90, 1.02, abs(q.x) / wide));
    float light = cover * (0.55 * rib + 0.9 * heart) + hem;
    // Arms hang from the rim and swing, the farther down the more.
    float down = max(rim - q.y, 0.0);
    float fade = fade(down * reach) * (1.0 - above);
    float lines = 0.0;
    for (int n = 0; n < 5; n++) {
        float k = float(n);
        float from = (k - 2.0) / 2.4;
        float swing = (0.05 + 0.10 * down) * wave(3.1 * down - 1.7 * t + 1.3 * k) + 0.05 * down * wave(7.3 * down - 2.9 * t + 2.1 * k);
        float off = abs(q.x - from * wide * (0.86 - 0.16 * min(down, 1.6)) - swing);
        float thick = mod(k, 2.0) < 0.5 ? 0.016 : 0.05 + 0.02 * wave(16.0 * down - 3.0 * t + k);
        lines += thick / (thick + off * (1.0 + 14.0 * off)) * (mod(k, 2.0) < 0.5 ? 0.9 : 0.55) * (1.0 - smoothstep(0.0, 0.5, off));
    }
    return vec3(glass, light, lines * fade);
}

// Water and animals.
vec3 scene(vec2 p, vec2 now) {
    float t = now.r;
    // Light falls into the water in broad shafts from above.
    float across = p.x + 0.45 * p.y;
    float shafts = 0.5 + 0.25 * wave(5.3 * across + 0.35 * t) + 0.25 * wave(8.9 * across - 0.27 * t + 1.0);
    float from_above = smoothstep(-0.85, 0.6, p.y + 0.25 * p.x);
    vec3 colour = palette_1.rgb * (0.05 + 0.50 * from_above * from_above * (0.25 + shafts * shafts * (1.1 + 0.9 * level)));
    // The near one, left of the middle and tilted; the far one is small, dim and late.
    vec2 c = vec2(-0.27 + 0.07 * wave(0.31 * t), 0.09 + 0.05 * wave(0.47 * t) + 0.03 * now.g);
    float lean = 0.34 + 0.12 * wave(0.23 * t);
    mat2 tilt = mat2(wave(1.5708 + lean), -wave(lean), wave(lean), wave(1.5708 + lean));
    float big = (0.24 + 0.20 * size) * (1.0 + 0.05 * level);
    vec2 far_c = vec2(0.55 + 0.05 * wave(0.19 * t + 2.0), 0.22 + 0.05 * wave(1.5708 + 0.26 * t));
    float far_beat = 0.3 + 0.3 * wave(1.7 * t + 1.0);
    bool is_far = dot(p - vec2(0.27, 0.0), vec2(0.94, 0.34)) > 0.0;
    vec2 q = tilt * (is_far ? (p - far_c) / (0.42 * big) : (p - c) / big);
    vec3 seen = animal(q, is_far ? t + 5.0 : t, is_far ? far_beat : now.g, is_far ? 1.1 : 1.7 - 1.6 * arms);
    vec3 near = is_far ? vec3(0.0) : seen;
    vec3 far = seen - near;
    float glow = 0.50 + 0.75 * kick + 0.60 * level;
    vec3 body = mix(palette_2.rgb, palette_3.rgb, smoothstep(0.2, 0.8, near.x));
    colour += mix(palette_1.rgb, palette_2.rgb, 0.6) * (far.x * 0.7 + far.y * 0.6 + far.z * 0.4) * (0.7 + 0.6 * level);
    colour *= 1.0 - 0.6 * min(near.x, 1.0);
    colour += body * near.x * glow + mix(palette_3.rgb, palette_4.rgb, near.y) * near.y * glow;
    colour += mix(palette_2.rgb, palette_3.rgb, 0.5 + 0.5 * wave(3.0 * p.y + t)) * near.z * (0.45 + 1.0 * arms) * (0.55 + 0.35 * kick + 0.65 * level);
    vec2 halo = p - c;
    colour += palette_2.rgb * fade(4.2 * dot(halo, halo) / (big * 4.0)) * (0.06 + 0.28 * kick + 0.16 * level);
    return colour;
}

void main() {
    if (PASSINDEX == 0) {
        vec4 before = FRAMEINDEX == 0 ? vec4(0.0) : IMG_NORM_PIXEL(clock, vec2(0.5));
        // Red: seconds of its life. Green: how far the bell is closed, following the kick without a jump.
        float pulse = max(kick, 0.55 * pow(0.5 + 0.5 * sin(2.2 * before.r), 3.0));
        float closed = mix(before.g, pulse, 1.0 - exp(-TIMEDELTA / (pulse > before.g ? 0.03 : 0.22)));
        gl_FragColor = vec4(before.r + TIMEDELTA * speed * (1.0 + 1.2 * level + 0.6 * kick), closed, 0.0, 1.0);
        return;
    }
    vec2 now = IMG_NORM_PIXEL(clock, vec2(0.5)).rg;
    float t = now.r;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    vec3 colour = scene(p, now);
    // What drifts in the water: one speck in each cell of a sinking grid.
    vec2 grid = p * 9.0 + vec2(0.5 * wave(p.y * 3.0 + 0.5 * t), 0.55 * t);
    vec2 cell = floor(grid);
    float seed = chance(cell.x + 57.0 * cell.y);
    vec2 off = grid - cell - 0.5 - 0.32 * vec2(wave(6.3 * seed + t), wave(1.5708 + 17.0 * seed + 0.7 * t));
    colour += palette_4.rgb * smoothstep(0.05 + 0.05 * fract(9.0 * seed), 0.0, length(off)) * seed * (0.10 + 0.9 * hat + 0.15 * level);
    gl_FragColor = vec4(colour, 1.0);
}
