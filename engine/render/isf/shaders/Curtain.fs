/*{
    "ISFVSN": "2",
    "DESCRIPTION": "Curtains of northern light over a dark horizon. The kick sends a swell along them; the highs draw their rays.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Light"],
    "INPUTS": [
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.4, "MIN": 0.0, "MAX": 2.0},
        {"NAME": "height", "LABEL": "Height", "TYPE": "float", "DEFAULT": 0.55, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "rays", "LABEL": "Rays", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "level", "LABEL": "Level", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.02, 0.10, 0.20, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.05, 0.75, 0.50, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [0.25, 0.55, 0.95, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [0.85, 0.35, 0.85, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "clock", "PERSISTENT": true, "FLOAT": true, "WIDTH": "1", "HEIGHT": "1"},
        {}
    ]
}*/

float wave(float x, float t) {
    return sin(x + t) + 0.5 * sin(2.3 * x - 1.31 * t) + 0.25 * sin(4.1 * x + 1.73 * t + sin(0.7 * t));
}

void main() {
    if (PASSINDEX == 0) {
        float before = FRAMEINDEX == 0 ? 0.0 : IMG_NORM_PIXEL(clock, vec2(0.5)).r;
        gl_FragColor = vec4(before + TIMEDELTA * speed * (1.0 + 1.2 * level + 1.5 * kick), 0.0, 0.0, 1.0);
        return;
    }
    float t = IMG_NORM_PIXEL(clock, vec2(0.5)).r + 11.0;
    vec2 p = vec2((isf_FragNormCoord.x - 0.5) * RENDERSIZE.x / RENDERSIZE.y, isf_FragNormCoord.y);
    vec3 colour = palette_1.rgb * 0.10 * (1.0 - smoothstep(0.0, 1.1, p.y));
    for (int i = 0; i < 3; i++) {
        float k = float(i);
        float far = 1.0 + 0.35 * k;
        float x = p.x * (1.5 + 0.5 * k) + 2.7 * k + 0.05 * t;
        // The foot of the curtain; where it turns away from us we look along it, and it is brighter.
        float foot = 0.20 + 0.09 * k + 0.055 * wave(x, 0.5 * t + 1.9 * k) + 0.05 * kick * sin(3.0 * x - 5.0 * t);
        float turn = cos(x + 0.5 * t + 1.9 * k) + 0.6 * cos(2.3 * x - 0.65 * t);
        float along = 0.35 + 0.65 * (1.0 - smoothstep(0.0, 0.9, abs(turn)));
        float above = p.y - foot;
        float rise = height * (0.30 + 0.22 * sin(1.7 * x + 0.4 * t + k)) + 0.05;
        float body = smoothstep(-0.012, 0.03, above) * exp(-max(above, 0.0) / rise);
        float bunch = sin(2.0 * x + 1.3 * t) + 0.6 * sin(3.1 * x - 0.9 * t + k);
        float lines = 0.5 + 0.5 * sin(46.0 * x + 6.0 * bunch + 3.0 * k);
        float fine = 0.5 + 0.5 * sin(113.0 * x - 9.0 * bunch + 3.0 * t);
        float ray = mix(1.0, (0.35 + 0.65 * lines * lines) * (0.55 + 0.45 * fine), rays * (0.75 + 0.25 * hat));
        float rim = exp(-abs(above) * 42.0);
        vec3 tint = mix(palette_2.rgb, palette_3.rgb, clamp(above / (1.5 * rise) + 0.18 * k, 0.0, 1.0));
        tint = mix(tint, 3.0 * palette_1.rgb, smoothstep(0.25, 1.1, above / (2.2 * rise))); // no grey: the highlight is pale
        colour += tint * body * along * ray * (0.80 + 0.65 * level + 1.1 * kick) / far;
        colour += mix(palette_4.rgb, palette_3.rgb, 0.5) * rim * along * (0.30 + 0.70 * hat * ray) / far;
    }
    colour *= smoothstep(0.02, 0.16, p.y + 0.03);
    gl_FragColor = vec4(colour / (1.0 + 0.35 * max(colour.r, max(colour.g, colour.b))), 1.0); // bright hems keep their hue
}
