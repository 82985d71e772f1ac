/*{
    "ISFVSN": "2",
    "DESCRIPTION": "Discs of ink printed on pale paper, in three runs of dots. The kick swells them; the highs move the runs apart.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Light"],
    "INPUTS": [
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.4, "MIN": 0.0, "MAX": 2.0},
        {"NAME": "dots", "LABEL": "Dots", "TYPE": "float", "DEFAULT": 60.0, "MIN": 20.0, "MAX": 120.0},
        {"NAME": "ink", "LABEL": "Ink", "TYPE": "float", "DEFAULT": 0.8, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "level", "LABEL": "Level", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.25, 0.10, 0.40, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.85, 0.20, 0.45, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [0.98, 0.55, 0.30, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [1.0, 0.93, 0.80, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "clock", "PERSISTENT": true, "FLOAT": true, "WIDTH": "1", "HEIGHT": "1"},
        {}
    ]
}*/

vec2 turned(vec2 p, float angle) {
    return vec2(cos(angle) * p.x - sin(angle) * p.y, sin(angle) * p.x + cos(angle) * p.y);
}

// Ink of one run at p, 0..1: `amount` as dots of a grid at `angle`, solid in the middle.
float run(vec2 p, float amount, float angle) {
    vec2 grid = turned(p, angle) * dots;
    vec2 off = fract(grid) - 0.5;
    float soft = 1.5 * dots / RENDERSIZE.y;
    float radius = 0.78 * sqrt(clamp(amount, 0.0, 1.0));
    return (1.0 - smoothstep(radius - soft, radius + soft, length(off))) * smoothstep(0.0, 0.02, amount);
}

// A disc that gets lighter towards one side.
float disc(vec2 p, vec2 centre, float radius, float lean) {
    vec2 d = p - centre;
    float edge = 1.0 - smoothstep(radius - 0.004, radius + 0.004, length(d));
    return edge * clamp(0.62 + 0.55 * dot(d, vec2(cos(lean), sin(lean))) / radius, 0.05, 1.0);
}

void main() {
    if (PASSINDEX == 0) {
        float before = FRAMEINDEX == 0 ? 0.0 : IMG_NORM_PIXEL(clock, vec2(0.5)).r;
        gl_FragColor = vec4(before + TIMEDELTA * speed * (1.0 + 2.0 * level), 0.0, 0.0, 1.0);
        return;
    }
    float t = IMG_NORM_PIXEL(clock, vec2(0.5)).r;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    float swell = 1.06 + 0.30 * kick + 0.16 * level;
    vec3 runs = vec3(0.0);
    for (int n = 0; n < 9; n++) {
        float k = float(n);
        vec2 centre = vec2((0.30 + 0.06 * k) * sin(0.31 * t + 2.4 * k), 0.34 * cos(0.43 * t + 1.3 * k));
        float radius = (0.17 + 0.09 * sin(1.7 * k + 0.2 * t)) * swell;
        float lean = 0.5 * t + k;
        float shift = 0.004 + 0.022 * hat;
        vec2 off = shift * vec2(cos(2.1 * k), sin(2.1 * k));
        float own = disc(p + off, centre, radius, lean);
        if (n % 3 == 0) runs.x = max(runs.x, own);
        if (n % 3 == 1) runs.y = max(runs.y, own);
        if (n % 3 == 2) runs.z = max(runs.z, own);
    }
    vec3 printed = ink * vec3(run(p, runs.x, 0.26), run(p, runs.y, 1.31), run(p, runs.z, 0.78));
    vec3 paper = mix(vec3(0.93, 0.91, 0.88), palette_4.rgb, 0.25) * (0.76 - 0.16 * dot(p - vec2(-0.2, 0.15), p - vec2(-0.2, 0.15)) + 0.22 * level + 0.10 * kick);
    vec3 colour = paper;
    colour *= mix(vec3(1.0), palette_2.rgb, printed.x);
    colour *= mix(vec3(1.0), palette_3.rgb, printed.y);
    colour *= mix(vec3(1.0), 0.5 * (palette_1.rgb + palette_2.rgb), printed.z);
    gl_FragColor = vec4(colour, 1.0);
}
