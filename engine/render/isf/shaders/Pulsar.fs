/*{
    "ISFVSN": "2",
    "DESCRIPTION": "A dead star that turns, the lines of its field, and two beams that sweep the dark. The kick is its pulse, a shell that runs outward; the highs are the stars behind it.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Noise"],
    "INPUTS": [
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.4, "MIN": 0.0, "MAX": 2.0},
        {"NAME": "lines", "LABEL": "Lines", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "beam", "LABEL": "Beam", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "level", "LABEL": "Level", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.03, 0.08, 0.25, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.20, 0.42, 0.80, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [0.50, 0.75, 0.95, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [0.94, 0.98, 1.0, 1.0]}
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

void main() {
    if (PASSINDEX == 0) {
        vec4 before = FRAMEINDEX == 0 ? vec4(0.0, 9.0, 0.0, 0.0) : IMG_NORM_PIXEL(clock, vec2(0.5));
        // Red: its turns. Green: the radius of the last kick's shell. Blue: seconds. Alpha: the kick before.
        float shell = kick > before.a + 0.2 ? 0.12 : before.g + 1.7 * TIMEDELTA;
        gl_FragColor = vec4(before.r + TIMEDELTA * speed * (1.0 + 0.4 * level + 1.2 * kick), shell, before.b + TIMEDELTA, kick);
        return;
    }
    vec4 now = IMG_NORM_PIXEL(clock, vec2(0.5));
    float t = now.r;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    vec2 c = vec2(0.30 + 0.03 * wave(0.17 * now.b), -0.06 + 0.02 * wave(1.5708 + 0.23 * now.b));
    vec2 d = p - c;
    float r = max(length(d), 1e-3);
    // The axis of the field leans and sways; `across` is the sine of the angle from it.
    float lean = 0.95 + 0.38 * wave(0.9 * t);
    vec2 axis = vec2(wave(lean), wave(1.5708 + lean));
    float along = dot(d, axis) / r;
    float across = abs(dot(d, vec2(axis.y, -axis.x))) / r;
    // A line of a dipole's field is r = shell sin^2: so r / sin^2 numbers the lines that pass here.
    float shell = r / max(across * across, 0.004);
    float number = (2.2 + 3.4 * lines) * log(shell / 0.10) - 0.9 * now.b * (0.22 + 0.3 * level);
    float px = (2.2 + 3.4 * lines) * 2.2 / (r * max(across, 0.12) * RENDERSIZE.y);
    float near = abs(fract(number) - 0.5);
    float line = 1.0 - smoothstep(0.05, 0.09 + px, 0.5 - near);
    line *= 1.0 - smoothstep(0.2, 0.6, px);
    float ring = 0.45 + 0.55 * fract(floor(number + 0.5) * 0.618034);
    float veil = (0.5 + 0.5 * wave(1.5708 + 6.2832 * number)) * 0.26 + 0.14;
    float reach = fade(1.5 * r) * smoothstep(0.0, 0.45, across);
    float front = fade(16.0 * abs(r - now.g)) * fade(1.5 * now.g);
    vec3 colour = palette_1.rgb * (0.04 + 0.35 * fade(2.4 * r));
    float field = reach * (0.38 + 0.6 * level + 0.95 * kick) + 0.5 * front * smoothstep(0.0, 0.3, across);
    colour += mix(palette_1.rgb, palette_2.rgb, 0.45) * veil * field * 0.75;
    colour += mix(palette_2.rgb, palette_3.rgb, ring) * line * field * (0.25 + 0.65 * ring) * 0.85;
    // Two beams leave the poles; how wide they are to us depends on where the star has turned.
    float facing = 0.5 + 0.5 * wave(2.1 * t);
    float open = (0.035 + 0.10 * beam) * (0.7 + 0.9 * facing);
    float cone = across / open;
    float lit = fade(cone * cone) * (along > 0.0 ? 0.55 + 0.75 * facing : 0.85 - 0.55 * facing);
    float grain = 0.72 + 0.28 * wave(31.0 * r - 6.0 * now.b + 5.0 * cone) * wave(13.0 * r - 3.5 * now.b);
    float core = lit * lit * lit;
    float power = 0.50 + 0.85 * kick + 0.65 * level;
    colour += (mix(palette_2.rgb, palette_3.rgb, 0.6) * lit * grain + palette_4.rgb * core * lit * 0.55) * power * fade(0.85 * r) * smoothstep(0.03, 0.14, r);
    // The star: a small ball, dark where it turns away, with a bright cap at each pole.
    float radius = 0.085 + 0.012 * kick + 0.008 * level;
    float ball = smoothstep(radius + 1.5 / RENDERSIZE.y, radius - 1.5 / RENDERSIZE.y, r);
    float height = sqrt(max(1.0 - r * r / (radius * radius), 0.0));
    float bands = 0.5 + 0.5 * wave(24.0 * along * r / radius + 5.0 * height * wave(lean) - 2.0 * t);
    float cap = smoothstep(0.55, 1.0, abs(along) * r / radius);
    vec3 surface = palette_2.rgb * (0.25 + 0.35 * bands) * height + palette_4.rgb * (0.30 * height * height + cap * (0.6 + 0.6 * kick)) + palette_3.rgb * (1.0 - height) * (1.0 - height) * 0.9;
    colour = mix(colour, surface * (0.75 + 0.5 * level + 0.4 * kick), ball);
    colour += palette_3.rgb * fade(13.0 * max(r - radius, 0.0)) * (0.22 + 0.45 * kick + 0.35 * level) * (1.0 - ball);
    // Stars, one in some cells; they twinkle with the highs.
    vec2 grid = p * 15.0 + vec2(0.10 * now.b, 0.0);
    vec2 cell = floor(grid);
    float seed = chance(cell.x + 57.0 * cell.y);
    vec2 off = grid - cell - 0.5 - 0.35 * vec2(wave(40.0 * seed), wave(1.5708 + 71.0 * seed));
    float star = (1.0 - smoothstep(0.0, 0.10, length(off))) * step(0.62, seed) * (0.5 + 0.5 * wave(now.b * (1.5 + 3.0 * seed) + 90.0 * seed));
    colour += palette_4.rgb * star * (1.0 - ball) * (0.30 + 0.9 * hat + 0.2 * level);
    gl_FragColor = vec4(colour, 1.0);
}
