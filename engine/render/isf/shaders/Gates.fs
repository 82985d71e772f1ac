/*{
    "ISFVSN": "2",
    "DESCRIPTION": "A flight through lit gates. The kick lights a gate that races outward; the highs light its edges.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Geometry"],
    "INPUTS": [
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.35, "MIN": -2.0, "MAX": 2.0},
        {"NAME": "sides", "LABEL": "Sides", "TYPE": "long", "DEFAULT": 6, "VALUES": [3, 4, 5, 6, 8, 64], "LABELS": ["3", "4", "5", "6", "8", "circle"]},
        {"NAME": "twist", "LABEL": "Twist", "TYPE": "float", "DEFAULT": 0.22, "MIN": -1.0, "MAX": 1.0},
        {"NAME": "gates", "LABEL": "Gates", "TYPE": "float", "DEFAULT": 2.8, "MIN": 0.5, "MAX": 6.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "line", "LABEL": "Line width", "TYPE": "float", "DEFAULT": 0.25, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.02, 0.10, 0.28, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.05, 0.42, 0.85, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [0.35, 0.95, 0.95, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [1.0, 0.62, 0.35, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "clock", "PERSISTENT": true, "FLOAT": true, "WIDTH": "1", "HEIGHT": "1"},
        {}
    ]
}*/

const float TURN = 6.2831853;

// A line at 0 of `d` (in gates), `width` wide, never thinner than a pixel: a thinner one gets dimmer instead.
float band(float d, float width, float px) {
    float seen = max(width, px);
    return (1.0 - smoothstep(seen - px, seen + px, abs(d))) * min(1.0, width / px);
}

void main() {
    if (PASSINDEX == 0) {
        vec4 before = FRAMEINDEX == 0 ? vec4(0.0) : IMG_NORM_PIXEL(clock, vec2(0.5));
        float way = before.r + TIMEDELTA * speed * (1.0 + 2.5 * kick);
        gl_FragColor = vec4(way, before.g + TIMEDELTA, 0.0, 1.0);
        return;
    }
    vec2 now = IMG_NORM_PIXEL(clock, vec2(0.5)).rg;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    p += 0.045 * vec2(sin(0.31 * now.g), cos(0.23 * now.g));
    float reach = max(length(p), 1e-4);
    float depth = -log(reach);
    float angle = atan(p.y, p.x) + twist * depth * 2.0 + 0.11 * now.g * sign(twist);
    float sector = TURN / float(sides);
    float within = mod(angle, sector) - 0.5 * sector;
    // Distance to the side of a polygon, as a logarithm: gates are equally far apart on the way in.
    float z = (depth - log(cos(within) / cos(0.5 * sector))) * gates;
    float px = gates * 1.5 / (reach * RENDERSIZE.y);
    float flown = z + now.r * 3.0;
    float number = floor(flown + 0.5);
    float d = flown - number;
    float lit = 0.35 + 0.65 * fract(number * 0.618034);
    float width = 0.02 + 0.16 * line * lit;
    float gate = band(d, width, px);
    float halo = exp(-abs(d) * 13.0) * 0.4;
    // Beams along the corners of the polygon.
    float corner = abs(abs(within) - 0.5 * sector) * reach;
    float beam = band(corner, 0.0015 + 0.004 * line * reach, 1.0 / RENDERSIZE.y) * (1.0 - smoothstep(0.4, 3.4, depth));
    float front = exp(-6.0 * abs(reach - 1.3 * (1.0 - kick))) * kick;
    vec3 colour = mix(palette_1.rgb, palette_2.rgb, lit) * halo;
    colour += mix(palette_2.rgb, palette_3.rgb, smoothstep(0.55, 1.0, lit)) * gate * (0.45 + 0.55 * lit);
    colour += palette_3.rgb * beam * (0.18 + 0.9 * hat);
    colour += mix(palette_3.rgb, palette_4.rgb, 0.4) * (front * (gate + 0.4 * halo) * 1.6 + exp(-9.0 * reach) * (0.12 + 0.6 * kick));
    float fog = (1.0 - smoothstep(0.6, 3.8, depth)) * (0.75 + 0.25 * (1.0 - smoothstep(0.3, 1.1, reach)));
    gl_FragColor = vec4(colour * fog, 1.0);
}
