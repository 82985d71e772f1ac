/*{
    "ISFVSN": "2",
    "DESCRIPTION": "Ink in dark water: folded sheets of colour with a wet gloss. The kick opens the folds.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Liquid"],
    "INPUTS": [
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 2.0},
        {"NAME": "scale", "LABEL": "Scale", "TYPE": "float", "DEFAULT": 3.4, "MIN": 0.5, "MAX": 6.0},
        {"NAME": "fold", "LABEL": "Fold", "TYPE": "float", "DEFAULT": 0.62, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "amount", "LABEL": "Amount of ink", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "level", "LABEL": "Level", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.06, 0.04, 0.30, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.55, 0.10, 0.62, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [1.0, 0.45, 0.42, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [1.0, 0.86, 0.62, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "clock", "PERSISTENT": true, "FLOAT": true, "WIDTH": "1", "HEIGHT": "1"},
        {}
    ]
}*/

// A cosine of turns and its slope: two parabolas' worth of smoothstep, within 1 % and far cheaper.
vec4 waves(vec2 turns) {
    vec2 way = fract(turns) - 0.5;
    vec2 u = 1.0 - 2.0 * abs(way);
    return vec4(1.0 - 2.0 * u * u * (3.0 - 2.0 * u), 24.0 * u * (1.0 - u) * sign(way));
}

// Sine folding: each step bends the plane by a wave of itself, so a few steps give sheets within sheets.
// Depth and its slope, per unit of p; screen derivatives would be alike in blocks of 2 x 2 pixels.
vec3 sheet(vec2 p, float t, float bend) {
    const float TURN = 6.2831853;
    vec3 depth = vec3(0.0);
    vec2 by_x = vec2(1.0, 0.0);
    vec2 by_y = vec2(0.0, 1.0);
    for (int i = 0; i < 4; i++) {
        float k = float(i);
        vec4 fold = waves((vec2(1.55, 1.35) * p.yx + vec2(0.9, -0.7) * t + vec2(2.1, 1.3) * k) / TURN - vec2(0.25, 0.0));
        p += bend * fold.xy;
        vec2 steep = bend / TURN * vec2(1.55, 1.35) * fold.zw;
        by_x += steep * by_x.yx;
        by_y += steep * by_y.yx;
        vec2 wave = waves(vec2((dot(p, vec2(0.8, 0.6)) + k) / TURN - 0.25)).xz / (1.0 + 0.5 * k);
        depth += vec3(wave.x, wave.y / TURN * vec2(dot(by_x, vec2(0.8, 0.6)), dot(by_y, vec2(0.8, 0.6))));
        p *= 1.18;
        by_x *= 1.18;
        by_y *= 1.18;
    }
    return depth;
}

void main() {
    if (PASSINDEX == 0) {
        float before = FRAMEINDEX == 0 ? 0.0 : IMG_NORM_PIXEL(clock, vec2(0.5)).r;
        gl_FragColor = vec4(before + TIMEDELTA * speed * (1.0 + 1.5 * level + 2.0 * kick), 0.0, 0.0, 1.0);
        return;
    }
    float t = IMG_NORM_PIXEL(clock, vec2(0.5)).r;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    float reach = length(p);
    float bend = 0.35 + 0.75 * fold + 0.22 * kick * exp(-3.0 * reach);
    vec2 q = p * scale + vec2(0.11, -0.07) * t;
    vec3 depth = sheet(q, t, bend);
    float h = depth.x;
    vec2 slope = depth.yz;
    float crest = 0.5 + 0.5 * sin(1.6 * h + 0.35 * t);
    float ink = smoothstep(0.98 - 0.9 * amount, 1.25 - 0.45 * amount, crest + 0.10 * kick + 0.10 * level);
    float body = smoothstep(0.35, 0.95, crest);
    vec3 normal = normalize(vec3(-slope * 0.35, 1.0));
    float light = max(dot(normal, normalize(vec3(0.45, 0.6, 0.55))), 0.0);
    float gloss = pow(light, 26.0) * (0.55 + 0.9 * hat);
    vec3 colour = mix(palette_1.rgb * 0.25, palette_1.rgb, body);
    colour = mix(colour, palette_2.rgb, ink);
    colour = mix(colour, palette_3.rgb, smoothstep(0.55, 1.0, ink * light));
    colour *= 0.25 + 0.95 * light;
    colour += palette_4.rgb * gloss * (0.25 + ink);
    float veil = (1.0 - smoothstep(0.25, 1.05, reach * 0.85));
    colour *= mix(0.10, 1.0, ink * 0.6 + 0.4 * body) * (0.35 + 0.65 * veil) * (0.58 + 0.42 * level + 0.60 * kick);
    gl_FragColor = vec4(colour, 1.0);
}
