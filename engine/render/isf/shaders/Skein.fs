/*{
    "ISFVSN": "2",
    "DESCRIPTION": "Golden threads that hang through the dark in three depths and weave as they sway. Each kick sends a light along them; a voice makes them swing and glow; the highs glint where they cross.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Liquid"],
    "INPUTS": [
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 2.0},
        {"NAME": "threads", "LABEL": "Threads", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "swing", "LABEL": "Swing", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "level", "LABEL": "Level", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.20, 0.06, 0.02, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.80, 0.35, 0.08, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [0.98, 0.65, 0.20, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [1.0, 0.93, 0.72, 1.0]}
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
        vec4 before = FRAMEINDEX == 0 ? vec4(0.0, 9.0, 9.0, 0.0) : IMG_NORM_PIXEL(clock, vec2(0.5));
        // Red: seconds. Green, blue: how far the lights of the last two kicks have run. Alpha: the kick before.
        vec2 run = before.gb + 1.9 * TIMEDELTA;
        if (kick > before.a + 0.2) run = vec2(0.0, run.x);
        gl_FragColor = vec4(before.r + TIMEDELTA * speed * (1.0 + 0.6 * level + 1.6 * kick), run, kick);
        return;
    }
    vec3 now = IMG_NORM_PIXEL(clock, vec2(0.5)).rgb;
    float t = now.r + 9.0;
    float wide = RENDERSIZE.x / RENDERSIZE.y;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(wide, 1.0);
    float s = p.x + 0.5 * wide;
    vec2 behind = abs(vec2(s) - now.gb - 0.25 * p.y) * 4.5 + 0.7 * now.gb;
    vec2 runs = vec2(fade(behind.x), fade(behind.y));
    float pulse = runs.x + 0.7 * runs.y;
    vec3 colour = palette_1.rgb * (0.06 + 0.25 * fade(3.0 * dot(p - vec2(-0.45, 0.1), p - vec2(-0.45, 0.1))));
    float crossing = 0.0;
    for (int n = 0; n < 3; n++) {
        float k = float(n);
        float near = 1.0 - 0.36 * k; // 1: in front, thick and soft; farther ones are fine and sharp
        // A skein runs from one side to the other; it is gathered where `hold` is narrow and spreads where it is wide.
        float x = p.x * (1.0 + 0.30 * k) + 2.3 * k;
        float swings = (0.12 + 0.16 * swing) * (1.0 + 0.5 * level);
        float middle = 0.17 * (k - 1.0) * wave(1.5708 + 0.7 * x + 0.21 * t) + swings * (wave(1.3 * x + 0.43 * t + 2.1 * k) + 0.45 * wave(2.7 * x - 0.61 * t));
        float hold = 0.125 + 0.105 * wave(1.9 * x - 0.33 * t + 1.7 * k) + 0.05 * level;
        float v = (p.y - middle) / max(hold, 0.03);
        float inside = 1.0 - smoothstep(0.75, 1.02, abs(v));
        // Threads of the skein, twisted round each other: seen from the side they crowd at its edges.
        float turn = v * (1.0 + 0.5 * v * v) + 0.9 * wave(1.6 * x + 0.5 * t + k) + 0.35 * t;
        float count = (2.2 + 3.2 * threads) * (1.0 + 0.35 * k);
        float cell = turn * count;
        float id = floor(cell);
        float off = abs(cell - id - 0.5);
        float own = fract(id * 0.618034 + 0.3 * k);
        float px = count / (max(hold, 0.03) * RENDERSIZE.y * sqrt(max(1.0 - v * v, 0.08)));
        float thick = 0.07 + 0.07 * near;
        float thread = (1.0 - smoothstep(thick, thick + 1.2 * px + 0.16 * near, off)) * min(1.0, (thick + 0.1) / px);
        float veil = 0.5 - 0.5 * off;
        float lit = 0.11 + 0.22 * own + 0.50 * level * (0.6 + 0.4 * wave(9.0 * x - 5.0 * t + 6.0 * own)) + 0.60 * kick + 0.22 * pulse * (0.4 + 0.6 * own);
        vec3 tint = mix(palette_2.rgb, palette_3.rgb, clamp(own + 0.5 * pulse, 0.0, 1.0));
        tint = mix(tint, palette_4.rgb, clamp(0.55 * pulse * own + 0.25 * (1.0 - near), 0.0, 1.0));
        colour *= 1.0 - 0.55 * inside * thread * near;
        colour += tint * inside * thread * lit * (0.30 + 0.55 * near);
        colour += mix(palette_1.rgb, palette_2.rgb, 0.55) * veil * inside * lit * 0.16;
        colour += palette_2.rgb * fade(abs(v) * 1.5) * (0.02 + 0.04 * level + 0.10 * pulse);
        crossing += inside * thread;
    }
    colour += palette_4.rgb * smoothstep(1.2, 2.2, crossing) * (0.10 + 0.9 * hat + 0.3 * pulse);
    gl_FragColor = vec4(colour / (1.0 + 0.25 * max(colour.r, max(colour.g, colour.b))), 1.0);
}
