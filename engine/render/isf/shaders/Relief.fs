/*{
    "ISFVSN": "2",
    "DESCRIPTION": "Height lines of a land that drifts in the dark, lit where it is high. The kick raises it; the highs run along the lines.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Noise"],
    "INPUTS": [
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0.0, "MAX": 2.0},
        {"NAME": "scale", "LABEL": "Scale", "TYPE": "float", "DEFAULT": 2.2, "MIN": 0.5, "MAX": 6.0},
        {"NAME": "lines", "LABEL": "Lines", "TYPE": "float", "DEFAULT": 14.0, "MIN": 3.0, "MAX": 40.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "width", "LABEL": "Line width", "TYPE": "float", "DEFAULT": 0.4, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "level", "LABEL": "Level", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.03, 0.08, 0.25, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.10, 0.40, 0.85, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [0.30, 0.85, 0.90, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [0.95, 1.0, 0.98, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "clock", "PERSISTENT": true, "FLOAT": true, "WIDTH": "1", "HEIGHT": "1"},
        {}
    ]
}*/

// Pseudorandom number of a grid point, without sine: products of fractions.
float chance(vec2 cell) {
    vec3 q = fract(vec3(cell.xyx) * vec3(0.1271, 0.3117, 0.2699) * 7.0);
    q += dot(q, q.yzx + 19.19);
    return fract((q.x + q.y) * q.z);
}

float noise(vec2 p) {
    vec2 cell = floor(p);
    vec2 f = p - cell;
    f = f * f * f * (f * (6.0 * f - 15.0) + 10.0); // no kinks in the lines at cell borders (Perlin 2002)
    float low = mix(chance(cell), chance(cell + vec2(1.0, 0.0)), f.x);
    float high = mix(chance(cell + vec2(0.0, 1.0)), chance(cell + vec2(1.0, 1.0)), f.x);
    return mix(low, high, f.y);
}

void main() {
    if (PASSINDEX == 0) {
        float before = FRAMEINDEX == 0 ? 0.0 : IMG_NORM_PIXEL(clock, vec2(0.5)).r;
        gl_FragColor = vec4(before + TIMEDELTA * speed * (1.0 + 0.8 * level + 1.5 * kick), 0.0, 0.0, 1.0);
        return;
    }
    float t = IMG_NORM_PIXEL(clock, vec2(0.5)).r;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    vec2 q = p * scale + vec2(0.21 * t, 0.13 * t) + 17.0;
    vec2 bent = q + 0.55 * vec2(sin(1.3 * q.y + 0.31 * t), cos(1.1 * q.x - 0.27 * t));
    float h = 0.68 * noise(bent) + 0.28 * noise(2.1 * bent + vec2(5.0 - 0.23 * t, 9.0));
    // A mountain in the middle that the kick raises.
    vec2 from_summit = p - vec2(0.24, 0.04);
    float summit = exp(-3.6 * dot(from_summit, from_summit));
    h += summit * (0.30 + 0.05 * kick);
    float level = h * lines;
    float per_pixel = max(length(vec2(dFdx(level), dFdy(level))), 1e-4);
    // Distance to the nearest line in pixels; lines denser than the pixels fade to their mean.
    float off = abs(fract(level) - 0.5);
    float px = (0.5 - off) / per_pixel;
    float wide = (0.6 + 1.2 * width) * max(RENDERSIZE.y / 540.0, 0.6) * (1.0 + 0.7 * kick * summit);
    float line = mix(1.0 - smoothstep(wide - 0.7, wide + 0.9, px), 0.3, smoothstep(0.18, 0.4, per_pixel));
    float fifth = step(mod(floor(level + 0.5), 5.0), 0.5); // every fifth line is stronger
    float high = smoothstep(0.38, 0.95, h);
    float run = 0.5 + 0.5 * sin(7.0 * p.x - 4.0 * p.y + 9.0 * h - 5.0 * t);
    vec3 tint = mix(palette_2.rgb, palette_3.rgb, smoothstep(0.15, 0.6, high));
    tint = mix(tint, palette_4.rgb, smoothstep(0.6, 1.0, high));
    float glow = high * high;
    // The slopes that face the upper left are lit: a body under the lines.
    float shade = clamp(0.4 + 5.0 * dot(vec2(-dFdx(h), dFdy(h)) * RENDERSIZE.y, vec2(0.06, -0.08)), 0.0, 1.4);
    vec3 colour = mix(palette_1.rgb, palette_2.rgb, 0.35 * high) * shade * (0.025 + 0.06 * high) * (0.7 + 0.8 * level);
    colour += palette_1.rgb * (0.03 + 0.22 * glow) + palette_2.rgb * glow * (0.03 + 0.20 * kick);
    colour += tint * line * (0.20 + 0.25 * fifth + 0.8 * glow) * (0.52 + 0.62 * kick + 0.5 * hat * run * run);
    colour *= 1.0 - 0.75 * smoothstep(0.45, 1.0, length((p - vec2(0.10, 0.0)) * vec2(0.85, 1.0)));
    gl_FragColor = vec4(colour, 1.0);
}
