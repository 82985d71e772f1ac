/*{
    "ISFVSN": "2",
    "DESCRIPTION": "Smoke lit from within, and sparks that rise from it. The kick fans the fire; the highs throw the sparks.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Noise"],
    "INPUTS": [
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.35, "MIN": 0.0, "MAX": 2.0},
        {"NAME": "scale", "LABEL": "Scale", "TYPE": "float", "DEFAULT": 3.0, "MIN": 0.5, "MAX": 6.0},
        {"NAME": "density", "LABEL": "Density", "TYPE": "float", "DEFAULT": 0.36, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "sparks", "LABEL": "Sparks", "TYPE": "float", "DEFAULT": 0.6, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "level", "LABEL": "Level", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.16, 0.03, 0.14, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.75, 0.10, 0.12, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [1.0, 0.50, 0.12, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [1.0, 0.88, 0.60, 1.0]}
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

// A slope in a random direction around each grid point (Perlin, "Improving Noise", 2002): noise of values alone has
// boxes, whose straight sides show where the smoke is smooth.
float slope(vec2 cell, vec2 from) {
    float turn = 6.2832 * chance(cell);
    return dot(vec2(cos(turn), sin(turn)), from);
}

float noise(vec2 p) {
    vec2 cell = floor(p);
    vec2 f = p - cell;
    vec2 share = f * f * f * (f * (f * 6.0 - 15.0) + 10.0);
    float low = mix(slope(cell, f), slope(cell + vec2(1.0, 0.0), f - vec2(1.0, 0.0)), share.x);
    float high = mix(slope(cell + vec2(0.0, 1.0), f - vec2(0.0, 1.0)), slope(cell + 1.0, f - 1.0), share.x);
    return 0.5 + 0.85 * mix(low, high, share.y);
}

float smoke(vec2 p) {
    float sum = 0.0;
    float weight = 0.55;
    for (int i = 0; i < 3; i++) {
        sum += weight * noise(p);
        p = mat2(1.6, 1.2, -1.2, 1.6) * p + 7.3;
        weight *= 0.5;
    }
    return sum;
}

void main() {
    if (PASSINDEX == 0) {
        vec4 before = FRAMEINDEX == 0 ? vec4(0.0) : IMG_NORM_PIXEL(clock, vec2(0.5));
        gl_FragColor = vec4(before.r + TIMEDELTA * speed * (1.0 + 1.0 * level + 2.0 * kick), before.g + TIMEDELTA * (0.12 + speed), 0.0, 1.0);
        return;
    }
    vec2 now = IMG_NORM_PIXEL(clock, vec2(0.5)).rg;
    float t = now.r;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    vec2 q = p * scale + vec2(0.13 * sin(0.3 * t), -0.55 * t);
    float wide = noise(q * 0.6 + vec2(4.0, 0.3 * t));
    vec2 warp = vec2(wide, noise(q * 0.9 + 11.0 - 0.2 * t)) - 0.5;
    float s = smoke(q + 1.9 * warp);
    // Lit from the hearth: smoke that gets thinner towards it shines, smoke behind smoke is dark.
    vec2 focus = vec2(0.22 + 0.12 * sin(0.21 * t), -0.24);
    vec2 away = p - focus;
    float towards = noise(q + 1.9 * warp - 0.42 * away / max(length(away), 0.05));
    float lit = clamp(0.62 + 2.6 * (s - 0.10 - 0.9 * towards), 0.0, 1.6);
    float ridge = 1.0 - abs(2.0 * s - 1.0);
    // Hot in the middle below, cold at the edges: a focus, and dark ground around it.
    float hearth = exp(-(4.6 - 1.6 * level) * dot(away, away * vec2(1.0, 0.62)));
    float vein = pow(ridge, 5.0);
    float heat = (s - 0.62 + 0.42 * density) * 1.9 + 0.55 * vein;
    heat = clamp(heat * (0.16 + 0.30 * lit + hearth * (0.35 + 0.85 * lit) * (0.9 + 0.22 * level + 0.18 * kick)), 0.0, 1.4);
    vec3 colour = palette_1.rgb * smoothstep(0.0, 0.35, heat + 0.15 * hearth) * 0.7;
    colour = mix(colour, palette_2.rgb, smoothstep(0.16, 0.62, heat));
    colour = mix(colour, palette_3.rgb, smoothstep(0.5, 0.95, heat));
    colour = mix(colour, palette_4.rgb, smoothstep(0.9, 1.35, heat));
    colour *= (0.25 + 0.45 * lit) * (0.20 + 1.0 * sqrt(hearth)) * (0.64 + 0.34 * level) + 0.40 * kick * smoothstep(0.05, 0.7, hearth);
    colour += mix(palette_3.rgb, palette_4.rgb, 0.3) * hearth * hearth * hearth * hearth * (0.10 + 0.30 * level + 0.35 * kick);
    // Sparks: one in some cells of a rising grid.
    for (int i = 0; i < 2; i++) {
        float k = float(i);
        vec2 g = p * (7.0 + 4.0 * k) + vec2(0.6 * sin(1.3 * p.y * 3.0 + now.g + k), -now.g * (2.6 + k));
        vec2 cell = floor(g);
        float seed = chance(cell + 31.0 * k);
        vec2 at = 0.5 + 0.34 * vec2(sin(6.28 * seed + 2.0 * now.g), cos(17.0 * seed));
        float size = 0.045 + 0.03 * fract(seed * 17.0);
        float spark = smoothstep(size + 0.03, 0.0, length((g - cell - at) * vec2(1.0, 0.55)));
        float shown = step(1.0 - 0.42 * sparks, seed) * (0.35 + 0.65 * sin(now.g * 9.0 + seed * 50.0) * 0.5 + 0.5 * hat);
        colour += mix(palette_3.rgb, palette_4.rgb, seed) * spark * shown * (0.35 + hearth) * (0.7 + 0.9 * hat);
    }
    // Bright red alone would flash as saturated red, which a flash guard turns pink: it brings orange along.
    vec3 light = colour * colour;
    colour.g = sqrt(light.g + max(0.27 * light.r - light.g - light.b, 0.0) * smoothstep(0.02, 0.25, light.r));
    gl_FragColor = vec4(colour, 1.0);
}
