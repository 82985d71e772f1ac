/*{
    "ISFVSN": "2",
    "DESCRIPTION": "A ball of mirrors in which the camera breaks into facets that turn with the bass; people stay whole in front of it. Without a camera it mirrors lamps over a crowd.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Body"],
    "INPUTS": [
        {"NAME": "sourceImage", "TYPE": "image"},
        {"NAME": "maskImage", "TYPE": "image"},
        {"NAME": "facets", "LABEL": "Facets around the ball", "TYPE": "float", "DEFAULT": 34.0, "MIN": 10.0, "MAX": 80.0},
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.1, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "size", "LABEL": "Size of the ball", "TYPE": "float", "DEFAULT": 0.6, "MIN": 0.2, "MAX": 1.2},
        {"NAME": "whole", "LABEL": "People stay whole", "TYPE": "float", "DEFAULT": 0.8, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "bass", "LABEL": "Bass", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "quality", "LABEL": "Sharpness", "TYPE": "float", "DEFAULT": 1.0, "MIN": 0.25, "MAX": 1.0},
        {"NAME": "beats", "LABEL": "Beats", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 100000.0},
        {"NAME": "palette_1", "LABEL": "Room", "TYPE": "color", "DEFAULT": [0.04, 0.04, 0.1, 1.0]},
        {"NAME": "palette_2", "LABEL": "First lamp", "TYPE": "color", "DEFAULT": [0.35, 0.4, 0.95, 1.0]},
        {"NAME": "palette_3", "LABEL": "Second lamp", "TYPE": "color", "DEFAULT": [0.95, 0.5, 0.65, 1.0]},
        {"NAME": "palette_4", "LABEL": "Glint", "TYPE": "color", "DEFAULT": [1.0, 0.97, 0.92, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "clock", "PERSISTENT": true, "FLOAT": true, "WIDTH": "1", "HEIGHT": "1"},
        {"TARGET": "crowd", "FLOAT": true, "WIDTH": "2 * floor($WIDTH / 8) + 1", "HEIGHT": "2 * floor($HEIGHT / 18) + 1"},
        {"WIDTH": "$WIDTH * (0.5 + 0.5 * $quality)", "HEIGHT": "$HEIGHT * (0.5 + 0.5 * $quality)"}
    ]
}*/

float hash(vec2 p) { return fract(sin(dot(p, vec2(12.9898, 78.233))) * 43758.5453); }

float limb(vec2 p, vec2 a, vec2 b, float wide, float narrow) {
    vec2 along = b - a;
    float h = clamp(dot(p - a, along) / dot(along, along), 0.0, 1.0);
    return length(p - a - along * h) - mix(wide, narrow, h);
}

// Distance to a row of dancers, seen from behind, their arms in the air on some beats.
float row_of(vec2 p, float seed, float wide) {
    float number = floor(p.x / wide), many = hash(vec2(number, seed)), other = hash(vec2(seed, number + 3.0));
    float hop = abs(sin(3.14159 * beats + 0.7 * many)) * (0.010 + 0.022 * kick) * (0.4 + other);
    vec2 q = vec2((fract(p.x / wide) - 0.5) * wide + 0.02 * (many - 0.5), p.y - hop - 0.06 * other);
    q.x += 0.012 * sin(1.5708 * beats + 6.3 * many) * (1.0 + 3.0 * q.y);
    float d = min(length(q - vec2(0.0, 0.115)) - 0.026, limb(q, vec2(0.0, 0.09), vec2(0.0, 0.0), 0.016, 0.05));
    d = min(d, limb(q, vec2(-0.035, 0.055), vec2(0.035, 0.055), 0.021, 0.021));
    for (int i = 0; i < 2; i++) {
        float s = i == 0 ? -1.0 : 1.0, up = smoothstep(0.35, 0.7, 0.5 + 0.5 * sin(0.7854 * beats + 6.3 * other + 0.8 * s));
        vec2 elbow = vec2(s * 0.062, mix(0.02, 0.105, up)), hand = vec2(s * (0.045 + 0.02 * sin(3.14159 * beats + 9.0 * many)), mix(-0.03, 0.185, up));
        d = min(d, min(limb(q, vec2(s * 0.042, 0.055), elbow, 0.017, 0.012), limb(q, elbow, hand, 0.012, 0.008)));
    }
    return d;
}

// What a mirror sees in this direction: the camera, or lamps in a dark hall.
vec3 hall(vec2 at, float t) {
    vec4 seen = IMG_NORM_PIXEL(sourceImage, clamp(at, 0.0, 1.0));
    float stripes = 0.5 + 0.5 * sin(7.0 * at.x + 3.0 * sin(2.3 * at.y + 0.2 * t) + 0.4 * t);
    vec3 lamps = mix(palette_2.rgb, palette_3.rgb, 0.5 + 0.5 * sin(3.1 * at.x - 2.0 * at.y)) * pow(stripes, 5.0);
    vec3 own = palette_1.rgb * 0.6 + lamps * 0.9;
    float light = dot(seen.rgb, vec3(0.30, 0.59, 0.11));
    vec3 graded = mix(seen.rgb, vec3(light), 0.75) * 0.55 + light * mix(palette_2.rgb, palette_3.rgb, at.x) * 1.1 + lamps * 0.22;
    return mix(own, graded, seen.a);
}

void main() {
    if (PASSINDEX == 0) {
        vec4 before = FRAMEINDEX == 0 ? vec4(0.0) : IMG_NORM_PIXEL(clock, vec2(0.5));
        float pushed = before.g * exp(-2.2 * TIMEDELTA) + bass * TIMEDELTA * 2.4;
        gl_FragColor = vec4(before.r + TIMEDELTA * (speed + 1.3 * pushed), pushed, 0.0, 1.0);
        return;
    }
    if (PASSINDEX == 1) {
        // Only the lower 4 ninths of the picture have people: nearer ones are larger.
        if (IMG_NORM_PIXEL(sourceImage, vec2(0.5)).a > 0.5) {
            gl_FragColor = vec4(1.0, 1.0, 0.0, 0.0);
            return;
        }
        vec2 p = vec2((isf_FragNormCoord.x - 0.5) * RENDERSIZE.x / RENDERSIZE.y, isf_FragNormCoord.y) * 4.0 / 9.0;
        float far = row_of(p * 1.35 - vec2(0.05, 0.115), 1.0, 0.145), near = row_of(p - vec2(0.02, -0.015), 5.0, 0.21);
        gl_FragColor = vec4(far, near, 0.0, 1.0);
        return;
    }
    vec4 turned = IMG_NORM_PIXEL(clock, vec2(0.5));
    float aspect = RENDERSIZE.x / RENDERSIZE.y, turn = turned.r + 0.7;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(aspect, 1.0);
    float radius = size * (0.62 + 0.025 * kick);
    vec2 q = (p - vec2(0.34, 0.08)) / radius;
    float out_ = length(q);
    // The hall: the camera, dark, with the spots that the ball throws; they turn with it.
    vec3 dark = hall(isf_FragNormCoord, turn) * 0.16 + palette_1.rgb * 0.22;
    vec2 wide = vec2(atan(q.x, 0.9) * 3.2 + 2.2 * turn, q.y * 2.3 + 0.35 * sin(turn * 0.7)) * 2.4;
    vec2 cell = floor(wide), in_cell = fract(wide) - 0.5;
    float many = hash(cell);
    vec2 off = 0.3 * (vec2(hash(cell + 7.1), hash(cell + 3.7)) - 0.5);
    float spot = (1.0 - smoothstep(0.06, 0.20, length((in_cell - off) * vec2(1.0, 0.8)))) * step(0.45, many);
    vec3 lamp = mix(palette_2.rgb, palette_3.rgb, hash(cell + 1.3));
    vec3 colour = dark + lamp * spot * (0.12 + 0.55 * kick + 0.35 * turned.g + 0.45 * hat) * (0.5 + 0.5 * many) * smoothstep(0.8, 1.4, out_);
    if (out_ < 1.0) {
        vec3 normal = vec3(q, sqrt(max(1.0 - out_ * out_, 0.0)));
        float tilt = 0.32;
        normal.yz = mat2(cos(tilt), sin(tilt), -sin(tilt), cos(tilt)) * normal.yz;
        float rows = floor(facets * 0.5), row = floor((asin(clamp(normal.y, -1.0, 1.0)) / 3.14159 + 0.5) * rows);
        float latitude = ((row + 0.5) / rows - 0.5) * 3.14159;
        float around = max(6.0, floor(facets * cos(latitude)));
        float longitude = atan(normal.x, normal.z) + turn;
        float column = floor(longitude / 6.28319 * around);
        float centre = (column + 0.5) / around * 6.28319 - turn;
        // Each facet is flat: it has one normal, and shows one part of the hall, mirrored.
        vec3 flat_normal = vec3(cos(latitude) * sin(centre), sin(latitude), cos(latitude) * cos(centre));
        float own = hash(vec2(mod(column, around), row));
        flat_normal = normalize(flat_normal + 0.09 * (vec3(own, hash(vec2(row, column)), 0.5) - 0.5));
        vec2 inside = vec2(fract(longitude / 6.28319 * around), fract((asin(clamp(normal.y, -1.0, 1.0)) / 3.14159 + 0.5) * rows)) - 0.5;
        vec3 seen = reflect(vec3(0.0, 0.0, -1.0), flat_normal);
        vec2 at = vec2(0.5) + seen.xy * vec2(0.46, 0.46) - inside * vec2(0.30, 0.34);
        vec3 mirrored = hall(at, turn);
        float joint = (1.0 - smoothstep(0.43, 0.5, max(abs(inside.x), abs(inside.y))));
        float facing = 0.35 + 0.65 * max(flat_normal.z, 0.0);
        float glint = pow(max(dot(seen, normalize(vec3(-0.45, 0.62, 0.64))), 0.0), 26.0) + 0.6 * pow(max(dot(seen, normalize(vec3(0.7, -0.1, 0.7))), 0.0), 40.0);
        float twinkle = step(0.965 - 0.09 * hat, hash(vec2(mod(column, around) + floor(turn * 9.0), row))) * (0.25 + hat);
        vec3 facet = mirrored * (0.45 + 0.75 * facing) * (0.60 + 0.5 * own + 0.5 * hat) + palette_4.rgb * (glint * (0.55 + 0.8 * kick) + twinkle);
        facet = mix(palette_1.rgb * 0.15, facet, joint);
        float rim = (1.0 - smoothstep(0.985, 1.0, out_));
        colour = mix(colour, facet, rim);
    }
    if (isf_FragNormCoord.y < 0.44) {
        // They stand against the haze, and the ball lights those sides that look to it.
        vec2 place = vec2(isf_FragNormCoord.x, isf_FragNormCoord.y * 2.25), to_ball = normalize(vec2(0.34, 0.10) - p) * vec2(0.006 / aspect, 0.0135);
        vec3 there = IMG_NORM_PIXEL(crowd, place).rga;
        vec2 soft = vec2(1.0 / RENDERSIZE.y), dancers = smoothstep(soft, -soft, there.xy);
        vec2 lit = clamp(dancers - smoothstep(soft, -soft, IMG_NORM_PIXEL(crowd, place + to_ball).rg), 0.0, 1.0);
        float sway = 0.5 + 0.5 * sin(9.0 * isf_FragNormCoord.x + 2.2 * turn), here = isf_FragNormCoord.y;
        float from_ball = exp(-1.5 * abs(p.x - 0.34)), is_own = there.z;
        vec3 rim = mix(palette_2.rgb, palette_3.rgb, sway) * (0.25 + 0.75 * from_ball + 0.6 * kick);
        colour += is_own * mix(palette_1.rgb, palette_3.rgb, 0.4) * (0.10 + 0.35 * from_ball + 0.25 * kick) * (1.0 - smoothstep(0.10, 0.42, here)) * 0.6;
        colour = mix(colour, palette_1.rgb * 0.35 + rim * 0.05, dancers.r * 0.9) + rim * lit.r * 0.45 * (1.0 - dancers.g);
        colour = mix(colour, palette_1.rgb * 0.10, dancers.g) + rim * lit.g;
    }
    vec4 mask = IMG_NORM_PIXEL(maskImage, isf_FragNormCoord);
    float cover = smoothstep(0.3, 0.7, mask.r) * whole * mask.a;
    // The lamps of the hall light them: shadows take the room's colour, the side of the ball its light.
    vec3 person = IMG_THIS_PIXEL(sourceImage).rgb;
    float luma = dot(person, vec3(0.30, 0.59, 0.11)), bright = smoothstep(0.03, 0.80, luma);
    vec3 side = mix(palette_2.rgb, palette_3.rgb, smoothstep(-0.5, 0.5, p.x + 0.3 * sin(2.2 * turn)));
    vec3 shade = mix(palette_1.rgb * 0.5, side, bright);
    person = mix(person * 0.6, mix(shade, palette_4.rgb, smoothstep(0.55, 1.0, luma)) * (0.15 + 1.15 * luma), 0.8);
    float edge = 4.0 * mask.r * (1.0 - mask.r);
    vec3 lit = person * (0.85 + 0.35 * kick) + edge * mix(palette_2.rgb, palette_3.rgb, isf_FragNormCoord.x) * (0.3 + 0.7 * kick);
    gl_FragColor = vec4(mix(colour, lit, cover), 1.0);
}
