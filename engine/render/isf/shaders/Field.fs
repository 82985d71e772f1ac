/*{
    "ISFVSN": "2",
    "DESCRIPTION": "A plain of lights under a dark sky, and waves that run through it to a bright horizon. The kick is the wave.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Geometry"],
    "INPUTS": [
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.5, "MIN": -2.0, "MAX": 2.0},
        {"NAME": "density", "LABEL": "Density", "TYPE": "float", "DEFAULT": 5.0, "MIN": 2.0, "MAX": 14.0},
        {"NAME": "size", "LABEL": "Size of the lights", "TYPE": "float", "DEFAULT": 0.45, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "swell", "LABEL": "Swell", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "ceiling", "LABEL": "Ceiling", "TYPE": "bool", "DEFAULT": true},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "level", "LABEL": "Level", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.10, 0.05, 0.30, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.45, 0.20, 0.95, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [0.35, 0.75, 1.0, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [1.0, 0.75, 0.85, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "clock", "PERSISTENT": true, "FLOAT": true, "WIDTH": "1", "HEIGHT": "1"},
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
        vec4 before = FRAMEINDEX == 0 ? vec4(0.0) : IMG_NORM_PIXEL(clock, vec2(0.5));
        // Red: the way flown. Green: seconds. Blue: the front of the last kick's wave, in units of the plain.
        float front = kick > before.a + 0.2 ? 0.0 : before.b + TIMEDELTA * 14.0;
        gl_FragColor = vec4(before.r + TIMEDELTA * speed, before.g + TIMEDELTA * (1.0 + 1.5 * level), front, kick);
        return;
    }
    vec4 now = IMG_NORM_PIXEL(clock, vec2(0.5));
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    p.y += 0.045 + 0.03 * sin(0.17 * now.g);
    float below = ceiling ? abs(p.y) : -p.y;
    float above = 1.0 - smoothstep(0.0, 0.002, below);
    float far = 0.42 / max(below, 0.004);
    vec2 plain = vec2((p.x + 0.26) * far + 0.4 * sin(0.11 * now.g), far + 3.0 * now.r);
    float waves = 0.5 + 0.25 * sin(1.1 * plain.x + 0.9 * plain.y - 2.3 * now.g)
        + 0.25 * sin(-0.7 * plain.x + 1.5 * plain.y + 1.6 * now.g);
    float front = exp(-abs(far - now.b) * (1.6 / (1.0 + 0.06 * far)));
    vec2 grid = plain * density * 0.5;
    vec2 cell = floor(grid);
    float seed = chance(cell);
    vec2 off = grid - cell - 0.5;
    off += 0.18 * swell * vec2(sin(6.3 * seed + now.g), cos(9.1 * seed - 0.8 * now.g));
    // Pixels a cell: lights finer than a pixel melt into an even glow instead of flickering.
    float px = far * density * 0.5 / RENDERSIZE.y * vec2(1.0, far / 0.42).y;
    float lit = mix(0.22, 1.0, pow(waves, 1.0 + 3.0 * swell)) * (0.5 + 0.5 * seed);
    lit *= 0.72 + 0.85 * level;
    lit += front * 0.9 * smoothstep(0.02, 0.3, seed);
    float radius = (0.05 + 0.22 * size) * (0.55 + 0.45 * lit);
    float soft = max(0.10, px);
    float light = 1.0 - smoothstep(radius - 0.5 * soft, radius + soft, length(off));
    light = mix(light, 3.1 * radius * radius, smoothstep(0.35, 1.1, px));
    float twinkle = step(0.93, seed) * hat;
    vec3 colour = mix(palette_2.rgb, palette_3.rgb, clamp(waves * 1.2 - 0.2, 0.0, 1.0));
    colour = mix(colour, mix(palette_3.rgb, palette_4.rgb, 0.5), clamp(front + twinkle, 0.0, 1.0));
    colour *= light * (lit + 1.5 * twinkle);
    float fog = exp(-0.055 * far);
    float glow = exp(-below * 11.0);
    colour = colour * fog + mix(palette_1.rgb, palette_3.rgb, glow) * glow * (0.30 + 0.28 * level + 0.30 * kick);
    colour += palette_4.rgb * exp(-below * 90.0) * exp(-2.5 * (p.x + 0.26) * (p.x + 0.26)) * (0.45 + 0.35 * level + 0.6 * kick);
    if (!ceiling && p.y > 0.0) colour = mix(colour, palette_1.rgb * 0.3 * exp(-6.0 * p.y), smoothstep(0.0, 0.01, p.y));
    gl_FragColor = vec4(colour, 1.0);
}
