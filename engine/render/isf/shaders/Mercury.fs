/*{
    "ISFVSN": "2",
    "DESCRIPTION": "Quicksilver: drops that meet, merge and part, with the light of a dark room on them. The kick throws them apart.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Liquid"],
    "INPUTS": [
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 2.0},
        {"NAME": "size", "LABEL": "Size of the drops", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "reach", "LABEL": "How far they go", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "rim", "LABEL": "Rim light", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "level", "LABEL": "Level", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.04, 0.07, 0.22, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.16, 0.36, 0.85, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [0.55, 0.75, 1.0, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [1.0, 0.96, 0.92, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "clock", "PERSISTENT": true, "FLOAT": true, "WIDTH": "1", "HEIGHT": "1"},
        {}
    ]
}*/

void main() {
    if (PASSINDEX == 0) {
        float before = FRAMEINDEX == 0 ? 0.0 : IMG_NORM_PIXEL(clock, vec2(0.5)).r;
        gl_FragColor = vec4(before + TIMEDELTA * speed * (1.0 + 1.2 * level + 1.5 * kick), 0.0, 0.0, 1.0);
        return;
    }
    float t = IMG_NORM_PIXEL(clock, vec2(0.5)).r + 7.0;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    // The field of each drop is r^2 / d^2; where their sum is above 1 there is metal. Its gradient comes along.
    float field = 0.0;
    vec2 slope = vec2(0.0);
    float spread = (0.18 + 0.40 * reach) * (1.0 + 0.10 * kick);
    for (int i = 0; i < 6; i++) {
        float k = float(i);
        // Around the centre, each on a ring of its own and as fast as it likes: two alone, side by side, would be eyes.
        float angle = 2.4 * k + (0.13 + 0.047 * k) * t;
        vec2 at = vec2(0.10, -0.03) + spread * (0.25 + 0.75 * fract(0.618 * k + 0.2)) * vec2(1.6 * cos(angle), 0.9 * sin(angle));
        float r = (0.06 + 0.085 * size) * (1.0 + 0.5 * sin(2.1 * k + 1.0)) * (1.0 + 0.18 * kick + 0.10 * level);
        vec2 d = p - at;
        float near = dot(d, d) + 0.0006;
        float part = r * r / near;
        field += part;
        slope -= 2.0 * part / near * d;
    }
    float steep = max(length(slope), 1e-3);
    // Distance to the surface, to first order: the edge is a pixel wide at any size.
    float inside = (field - 1.0) / steep;
    float cover = smoothstep(-0.7, 0.7, inside * RENDERSIZE.y);
    // A drop's height rises as a quarter circle from its edge.
    float depth = clamp(1.0 - 1.0 / max(field, 1e-3), 0.0, 1.0);
    float up = sqrt(depth);
    vec2 way = -slope / steep;
    vec3 normal = normalize(vec3(way * (1.0 - up), up + 0.12));
    // What it mirrors: a room with two long lamps and a faint floor.
    vec3 seen = reflect(vec3(0.0, 0.0, -1.0), normal);
    float bands = 0.5 + 0.5 * sin(5.0 * seen.y + 2.6 * seen.x + 0.7 * sin(3.0 * seen.x + 0.4 * t) + 0.3 * t);
    float lamp = smoothstep(0.80, 0.97, bands);
    float floor_light = smoothstep(0.15, 0.9, bands);
    float fresnel = pow(1.0 - normal.z, 3.0);
    // One lamp in each colour of the palette, so that the metal is never without.
    float side = 0.5 + 0.5 * sin(2.2 * seen.x - 1.6 * seen.y + 0.23 * t);
    vec3 warm = mix(palette_2.rgb, palette_3.rgb, side);
    vec3 cool = mix(palette_3.rgb, palette_2.rgb, side);
    vec3 metal = palette_1.rgb * 0.35 + cool * cool * floor_light * 0.5;
    metal += warm * lamp * (0.35 + 0.25 * kick);
    metal += palette_4.rgb * (pow(lamp, 16.0) * 0.12 + pow(max(dot(normal, normalize(vec3(0.4, 0.6, 0.7))), 0.0), 40.0) * (0.5 + 1.2 * hat));
    metal += mix(palette_2.rgb, palette_3.rgb, 0.5) * fresnel * rim * (0.6 + 0.8 * kick);
    // Light that the drops throw on the dark ground.
    float spill = field / (0.6 + field);
    vec3 ground = palette_1.rgb * spill * spill * 0.30 + palette_2.rgb * pow(spill, 4.0) * (0.14 + 0.30 * level + 0.65 * kick);
    // A lit haze behind the metal, from a lamp at the left.
    vec2 lamp_at = p - vec2(-0.75, 0.35);
    ground += mix(palette_1.rgb, palette_2.rgb, 0.35) * exp(-1.6 * dot(lamp_at, lamp_at)) * (0.05 + 0.14 * level + 0.12 * kick);
    gl_FragColor = vec4(mix(ground, metal * (0.41 + 0.24 * level + 0.60 * kick), cover), 1.0);
}
