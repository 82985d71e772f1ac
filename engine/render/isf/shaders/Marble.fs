/*{
    "ISFVSN": "2",
    "DESCRIPTION": "Full colour from edge to edge: paints that flow through each other. The kick stirs them; the highs draw veins.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Liquid"],
    "INPUTS": [
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0.0, "MAX": 2.0},
        {"NAME": "scale", "LABEL": "Scale", "TYPE": "float", "DEFAULT": 1.6, "MIN": 0.5, "MAX": 5.0},
        {"NAME": "stir", "LABEL": "Stir", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
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

void main() {
    if (PASSINDEX == 0) {
        float before = FRAMEINDEX == 0 ? 0.0 : IMG_NORM_PIXEL(clock, vec2(0.5)).r;
        gl_FragColor = vec4(before + TIMEDELTA * speed * (1.0 + 1.5 * level + 5.0 * kick), 0.0, 0.0, 1.0);
        return;
    }
    float t = IMG_NORM_PIXEL(clock, vec2(0.5)).r;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    vec2 q = p * scale * (1.0 - 0.06 * kick) + 3.0;
    float bend = 0.55 + 0.5 * stir + 0.25 * level;
    for (int n = 1; n < 5; n++) {
        float k = float(n);
        q += bend / k * vec2(sin(1.6 * k * q.y + 0.7 * t + 1.3 * k), cos(1.4 * k * q.x - 0.6 * t + 2.4 * k));
    }
    float h = 0.5 + 0.5 * sin(1.3 * q.x + 0.8 * q.y);
    float g = 0.5 + 0.5 * sin(0.9 * q.x - 1.5 * q.y + 0.4 * t);
    vec3 rich = mix(palette_1.rgb, palette_2.rgb, 0.55);
    vec3 colour = mix(palette_2.rgb, palette_3.rgb, smoothstep(0.25, 0.7, h));
    colour = mix(colour, rich, smoothstep(0.60, 0.80, g));
    colour = mix(colour, palette_4.rgb, 0.75 * smoothstep(0.86, 0.98, h) * (1.0 - smoothstep(0.3, 0.7, g)));
    float vein = abs(fract(3.0 * h + 2.0 * g) - 0.5);
    float px = 1.5 * max(length(vec2(dFdx(h), dFdy(h))) * 3.0 + length(vec2(dFdx(g), dFdy(g))) * 2.0, 1e-4);
    colour += palette_4.rgb * (1.0 - smoothstep(0.0, px + 0.02, vein)) * (0.06 + 0.5 * hat);
    colour *= 0.66 + 0.22 * kick + 0.30 * level;
    gl_FragColor = vec4(min(colour, 1.0), 1.0);
}
