/*{
    "ISFVSN": "2",
    "DESCRIPTION": "A flight through a ravine at dusk. What sounds is raised at the horizon and comes towards you: low tones along the river, high ones on the ridges.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Geometry"],
    "INPUTS": [
        {"NAME": "spectrum", "TYPE": "audioFFT", "MAX": 64},
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.1, "MAX": 1.5},
        {"NAME": "height", "LABEL": "Height of the land", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "fog", "LABEL": "Fog", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "level", "LABEL": "Level", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "quality", "LABEL": "Quality", "TYPE": "float", "DEFAULT": 1.0, "MIN": 0.25, "MAX": 1.0},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.10, 0.10, 0.30, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.24, 0.25, 0.59, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [0.89, 0.42, 0.57, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [1.0, 0.92, 0.86, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "clock", "PERSISTENT": true, "FLOAT": true, "WIDTH": "1", "HEIGHT": "1"},
        {"TARGET": "heard", "PERSISTENT": true, "FLOAT": true, "WIDTH": "64", "HEIGHT": "256"},
        {"TARGET": "land", "PERSISTENT": true, "FLOAT": true, "WIDTH": "128", "HEIGHT": "256"},
        {"TARGET": "far", "FLOAT": true, "WIDTH": "2 * floor($WIDTH * (0.03 + 0.0325 * $quality)) + 1", "HEIGHT": "2 * floor($HEIGHT * (0.03 + 0.0325 * $quality)) + 1"},
        {"TARGET": "view", "FLOAT": true, "WIDTH": "floor($WIDTH * (0.25 + 0.75 * $quality))", "HEIGHT": "floor($HEIGHT * (0.25 + 0.75 * $quality))"},
        {}
    ]
}*/

// clock: flown way, rows that came since the last picture, sway, drive. heard: a column is a band on one side, a row is
// a moment, the newest at the top. land: red: height over the river; green: how loud it is there.
const float ROWS = 256.0;
const float DEEP = 12.0; // length of the land
const float HALF = 4.0; // half its width
const float EYE = 0.62;

float chance(vec2 cell) {
    vec3 q = fract(vec3(cell.xyx) * vec3(0.1271, 0.3117, 0.2699) * 7.0);
    q += dot(q, q.yzx + 19.19);
    return fract((q.x + q.y) * q.z);
}

float noise(vec2 p) {
    vec2 cell = floor(p), f = p - cell;
    f = f * f * (3.0 - 2.0 * f);
    float low = mix(chance(cell), chance(cell + vec2(1.0, 0.0)), f.x);
    float high = mix(chance(cell + vec2(0.0, 1.0)), chance(cell + vec2(1.0, 1.0)), f.x);
    return mix(low, high, f.y);
}

// The river meanders. z counts from the start of the flight.
float bend(float z) {
    return 0.55 * sin(0.31 * z) + 0.30 * sin(0.73 * z + 1.3);
}

vec4 land_at(vec2 xz) {
    return IMG_NORM_PIXEL(land, vec2(0.5 + 0.5 * xz.x / HALF, xz.y / DEEP));
}

// Where the view ray of this place in the picture goes; the eye is at (0, EYE, 0) and looks along z.
vec3 ray(vec2 at, float wide, float sway) {
    vec2 p = (at - vec2(0.5, 0.60)) * vec2(wide, 1.0);
    float roll = 0.06 * sway;
    p = vec2(p.x - roll * p.y, p.y + roll * p.x);
    return vec3(p.x + 0.10 * sway, p.y, 1.05);
}

// What the air looks like in this direction; the sun is low, right of the middle.
vec3 air(vec2 p, vec2 sun, float loud) {
    vec2 to_sun = p - sun;
    float wide_glow = exp(-2.0 * length(to_sun * vec2(0.7, 1.6)));
    float up = clamp(abs(p.y) / 0.5, 0.0, 1.0);
    vec3 colour = mix(palette_2.rgb * 0.34, palette_1.rgb * 0.22, smoothstep(0.0, 0.8, up));
    colour += palette_3.rgb * (0.10 * exp(-6.0 * abs(p.y)) + 0.75 * exp(-3.5 * abs(p.y)) * wide_glow) * (0.45 + 0.5 * loud + 1.15 * kick);
    colour += mix(palette_3.rgb, palette_4.rgb, 0.6) * exp(-9.0 * length(to_sun)) * (0.4 + 1.5 * kick);
    return colour;
}

void main() {
    vec4 now = texelFetch(clock, ivec2(0), 0);
    float wide = RENDERSIZE.x / RENDERSIZE.y;
    float rate = ROWS / DEEP; // rows per unit of way
    if (PASSINDEX == 0) {
        vec4 before = FRAMEINDEX == 0 ? vec4(40.0, 0.0, 0.0, 0.0) : now;
        // Kicks drive: they add up to the speed and the light of a drop; what only sounds flies slowly through dusk.
        float drive = mix(before.a, min(2.4 * kick, 1.0), 1.0 - exp(-TIMEDELTA * (kick > before.a ? 2.5 : 0.9)));
        float way = before.r + min(TIMEDELTA, 0.1) * (0.3 + 2.4 * speed) * (0.45 + 1.3 * drive + 1.2 * kick * kick);
        float sway = sin(0.23 * way) + 0.6 * sin(0.11 * way + 2.0);
        gl_FragColor = vec4(way, floor(way * rate) - floor(before.r * rate), sway, drive);
        return;
    }
    if (PASSINDEX == 1) {
        ivec2 cell = ivec2(isf_FragNormCoord * RENDERSIZE);
        // Left of the river the first two channels, right of it the others; low tones are near the river.
        float side = float(cell.x) - 31.5;
        float band = (abs(side) - 0.5) / 31.0;
        float column = 0.01 + 0.55 * pow(band, 2.2);
        float row = side < 0.0 ? 0.25 : 0.75;
        float loud = IMG_NORM_PIXEL(spectrum, vec2(column, row)).r;
        float other = IMG_NORM_PIXEL(spectrum, vec2(column, 1.0 - row)).r;
        loud = max(loud, 0.85 * other) + 0.25 * band; // high tones have less power
        loud = smoothstep(0.42, 0.92, loud);
        int rows = int(now.g);
        vec4 old = texelFetch(heard, ivec2(cell.x, min(cell.y + rows, 255)), 0);
        // The newest rows rise for a moment, so that a hit is a hill and no wall.
        float rise = max(old.r * 0.90, loud);
        bool is_new = cell.y >= 256 - max(rows, 1);
        if (FRAMEINDEX == 0) old = vec4(0.0);
        gl_FragColor = is_new ? vec4(mix(old.r, rise, 0.7), 0.0, 0.0, 1.0) : old;
        return;
    }
    if (PASSINDEX == 2) {
        vec2 at = isf_FragNormCoord;
        float z = at.y * DEEP;
        float way = floor(now.r * rate) / rate + z;
        float x = (at.x * 2.0 - 1.0) * HALF;
        float from_river = x - bend(way) + bend(now.r);
        float away = abs(from_river);
        float tone = clamp((away - 0.2) / 2.6, 0.0, 1.0);
        vec2 px = vec2(1.0 / 64.0, 1.0 / 256.0);
        vec2 look = vec2(0.5 + 0.5 * sign(from_river) * (0.03 + 0.95 * tone), at.y);
        float loud = 0.5 * IMG_NORM_PIXEL(heard, look).r;
        loud += 0.25 * (IMG_NORM_PIXEL(heard, look + vec2(0.0, 1.5 * px.y)).r + IMG_NORM_PIXEL(heard, look - vec2(0.0, 1.5 * px.y)).r);
        vec2 rock = vec2(x - bend(way) * 0.5, way);
        float sharp = 1.0 - abs(2.0 * noise(0.9 * rock) - 1.0);
        float rough = 0.62 * sharp * sharp + 0.25 * noise(2.7 * rock + 7.0) + 0.13 * noise(6.1 * rock + 3.0);
        float wall = smoothstep(0.16, 1.5, away + 0.5 * (rough - 0.5));
        float high = wall * (0.14 + 0.75 * rough + 0.22 * away) * (0.6 + 0.8 * height) + smoothstep(0.2, 0.9, away) * loud * (0.5 + 1.6 * height) * (0.35 + 0.75 * rough);
        high = high - 0.10 * (1.0 - wall) + 0.06 * (rough - 0.6);
        gl_FragColor = vec4(high, loud, wall, 1.0);
        return;
    }
    // Rows move in whole steps, the eye between them.
    float ahead = fract(now.r * rate) / rate;
    vec2 sun = vec2(0.17 * wide + 0.05 * now.b, 0.035);
    if (PASSINDEX == 3) {
        // A coarse picture of the way to the land: where each ray may begin to look closely.
        vec3 way = ray(isf_FragNormCoord, wide, now.b);
        float size = 1.6 / RENDERSIZE.y;
        float t = 0.15;
        for (int i = 0; i < 96; i++) {
            vec3 at = vec3(0.0, EYE, 0.0) + way * t;
            float over = at.y - max(land_at(vec2(at.x, at.z + ahead)).r, 0.0) - size * t;
            if (over < 0.0 || t > DEEP) break;
            t += max(0.3 * over, 0.02 + 0.025 * t);
        }
        gl_FragColor = vec4(t, 0.0, 0.0, 1.0);
        return;
    }
    if (PASSINDEX == 4) {
        vec3 way = ray(isf_FragNormCoord, wide, now.b);
        vec2 px = 1.0 / IMG_SIZE(far);
        float t = IMG_THIS_NORM_PIXEL(far).r;
        for (int i = 0; i < 4; i++) {
            vec2 off = vec2(i < 2 ? -1.0 : 1.0, i == 0 || i == 3 ? -1.0 : 1.0);
            t = min(t, IMG_NORM_PIXEL(far, isf_FragNormCoord + off * px).r);
        }
        t = max(0.12, 0.95 * t - 0.08);
        float before = t, over = 1.0, over_before = 1.0;
        int steps = int(28.0 + 36.0 * quality);
        for (int i = 0; i < 64; i++) {
            if (i >= steps) break;
            vec3 at = vec3(0.0, EYE, 0.0) + way * t;
            over = at.y - max(land_at(vec2(at.x, at.z + ahead)).r, 0.0);
            if (over < 0.0 || t > DEEP) break;
            before = t;
            over_before = over;
            t += max(0.4 * over, 0.012 + (0.038 - 0.016 * quality) * t);
        }
        bool is_hit = t < DEEP;
        t = mix(t, DEEP, 0.8 * smoothstep(0.0, 0.05 * t, over)); // it ran out of steps over a far ridge
        if (over < 0.0) t = mix(before, t, over_before / (over_before - over));
        vec3 at = vec3(0.0, EYE, 0.0) + way * t;
        vec2 ground = vec2(at.x, at.z + ahead);
        vec4 here = land_at(ground);
        float step_x = 2.0 * HALF / 128.0, step_z = DEEP / ROWS;
        vec4 east = land_at(ground + vec2(step_x, 0.0)), north = land_at(ground + vec2(0.0, step_z));
        vec2 slope = vec2((here.r - east.r) / step_x, (here.r - north.r) / step_z);
        vec2 rock_at = vec2(at.x + bend(now.r), at.z + now.r);
        // Layers of stone, each a little harder or softer than the next.
        float layers = here.r * 11.0 + 1.6 * noise(1.3 * rock_at);
        float ledge = noise(vec2(layers, 0.35 * rock_at.y)) - 0.5;
        float grain = noise(9.0 * vec2(rock_at.x, rock_at.y) + 5.0 * here.r) - 0.5;
        vec3 normal = normalize(vec3(slope.x + 0.8 * grain, 1.0 + 1.2 * ledge, slope.y + 0.6 * grain));
        vec3 seen = normalize(way);
        vec3 lamp = normalize(vec3(sun.x, 0.30, 0.85));
        float graze = max(dot(normal, lamp), 0.0);
        float rim = pow(1.0 - max(dot(normal, -seen), 0.0), 2.0);
        float crest = smoothstep(0.1, 1.0, here.r);
        vec3 colour = palette_2.rgb * 0.03 + palette_1.rgb * (0.16 + 0.34 * max(normal.y, 0.0) + 0.24 * ledge) + palette_2.rgb * (0.20 * rim + 0.55 * graze * (0.3 + crest));
        colour += palette_3.rgb * graze * graze * (0.35 + 0.8 * rim) * (0.6 + 0.9 * kick) * crest;
        // What was loud here still glows, most of all on the ledges.
        float ember = here.g * here.g * smoothstep(0.05, 0.6, here.r) * (1.0 + 5.0 * t / DEEP);
        colour += mix(palette_3.rgb, palette_4.rgb, 0.6 * here.g) * ember * 1.5 * (0.30 + 1.4 * max(ledge, 0.0) + 0.45 * rim) * (0.8 + 0.7 * kick);
        if (here.r < 0.0) {
            vec2 flow = vec2(ground.x, ground.y + now.r);
            vec2 ripple = vec2(noise(vec2(11.0, 4.0) * flow + vec2(0.0, 1.3 * TIME)), noise(vec2(16.0, 6.0) * flow - vec2(3.0, 1.7 * TIME))) - 0.5;
            vec2 p = way.xy / way.z + ripple * vec2(0.30, 0.10);
            float mirror = 0.34 + 0.66 * pow(1.0 - max(-seen.y, 0.0), 4.0);
            colour = air(vec2(p.x, -p.y), sun, now.a) * mirror * (1.0 + 1.2 * hat * smoothstep(0.1, 0.35, ripple.y));
            colour = mix(colour, palette_1.rgb * 0.05, 0.6 * smoothstep(-0.012, 0.0, here.r)); // the shore
        }
        gl_FragColor = vec4(colour, is_hit ? min(t / DEEP, 0.99) : 1.0);
        return;
    }
    vec2 px = 0.4 / IMG_SIZE(view);
    vec4 seen = 0.25 * (IMG_NORM_PIXEL(view, isf_FragNormCoord + px) + IMG_NORM_PIXEL(view, isf_FragNormCoord - px));
    seen += 0.25 * (IMG_NORM_PIXEL(view, isf_FragNormCoord + vec2(px.x, -px.y)) + IMG_NORM_PIXEL(view, isf_FragNormCoord + vec2(-px.x, px.y)));
    vec3 way = ray(isf_FragNormCoord, wide, now.b);
    vec2 p = way.xy / way.z;
    float depth = seen.a;
    vec3 sky = air(p, sun, now.a);
    vec3 haze = sky;
    float sky_part = smoothstep(0.99, 1.0, depth);
    sky += palette_4.rgb * (1.0 - smoothstep(0.041, 0.046, length(p - sun))) * (0.4 + 0.45 * kick) * sky_part;
    // Fog lies in the valley, and takes the colour of the air behind it.
    float high = EYE + way.y * depth * DEEP;
    float thick = 1.0 - exp(-depth * (0.5 + 2.6 * fog) * (0.25 + 1.3 * depth + 0.5 * exp(-4.0 * max(high, 0.0))));
    float front = exp(-22.0 * abs(depth - 0.9 * kick)) * kick; // a wave of light flies towards us as the kick falls
    vec3 colour = mix(seen.rgb, haze, thick);
    colour += palette_3.rgb * front * (0.10 + 0.5 * dot(seen.rgb, vec3(0.4)));
    colour = mix(colour, sky, sky_part);
    colour *= 1.0 - 0.5 * smoothstep(0.55, 1.1, length((isf_FragNormCoord - 0.5) * vec2(wide * 0.75, 1.0)));
    gl_FragColor = vec4(colour * (0.42 + 0.25 * level + 0.65 * now.a + 0.35 * kick), 1.0); // dusk without music
}
