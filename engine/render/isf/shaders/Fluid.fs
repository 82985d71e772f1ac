/*{
    "ISFVSN": "2",
    "DESCRIPTION": "A liquid that is computed: four dyes, one for each layer, in a current. The kick shoots a plume up from below, the hats spin small eddies.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Liquid"],
    "INPUTS": [
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.1, "MAX": 1.5},
        {"NAME": "swirl", "LABEL": "Swirl", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "dye", "LABEL": "Dye", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "layer_1", "LABEL": "Level of layer 1", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "layer_2", "LABEL": "Level of layer 2", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "layer_3", "LABEL": "Level of layer 3", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "layer_4", "LABEL": "Level of layer 4", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "quality", "LABEL": "Quality", "TYPE": "float", "DEFAULT": 1.0, "MIN": 0.25, "MAX": 1.0},
        {"NAME": "maskImage", "TYPE": "image"},
        {"NAME": "flowImage", "TYPE": "image"},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.05, 0.10, 0.40, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.94, 0.13, 0.15, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [0.33, 0.71, 0.93, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [1.0, 0.96, 0.84, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "clock", "PERSISTENT": true, "FLOAT": true, "WIDTH": "4", "HEIGHT": "1"},
        {"TARGET": "flow", "PERSISTENT": true, "FLOAT": true, "WIDTH": "2 * floor(32 + 64 * $quality) + 1", "HEIGHT": "2 * floor((32 + 64 * $quality) * $HEIGHT / $WIDTH) + 1"},
        {"TARGET": "press", "PERSISTENT": true, "FLOAT": true, "WIDTH": "2 * floor(32 + 64 * $quality) + 1", "HEIGHT": "2 * floor((32 + 64 * $quality) * $HEIGHT / $WIDTH) + 1"},
        {"TARGET": "press", "PERSISTENT": true, "FLOAT": true, "WIDTH": "2 * floor(32 + 64 * $quality) + 1", "HEIGHT": "2 * floor((32 + 64 * $quality) * $HEIGHT / $WIDTH) + 1"},
        {"TARGET": "press", "PERSISTENT": true, "FLOAT": true, "WIDTH": "2 * floor(32 + 64 * $quality) + 1", "HEIGHT": "2 * floor((32 + 64 * $quality) * $HEIGHT / $WIDTH) + 1"},
        {"TARGET": "press", "PERSISTENT": true, "FLOAT": true, "WIDTH": "2 * floor(32 + 64 * $quality) + 1", "HEIGHT": "2 * floor((32 + 64 * $quality) * $HEIGHT / $WIDTH) + 1"},
        {"TARGET": "press", "PERSISTENT": true, "FLOAT": true, "WIDTH": "2 * floor(32 + 64 * $quality) + 1", "HEIGHT": "2 * floor((32 + 64 * $quality) * $HEIGHT / $WIDTH) + 1"},
        {"TARGET": "press", "PERSISTENT": true, "FLOAT": true, "WIDTH": "2 * floor(32 + 64 * $quality) + 1", "HEIGHT": "2 * floor((32 + 64 * $quality) * $HEIGHT / $WIDTH) + 1"},
        {"TARGET": "press", "PERSISTENT": true, "FLOAT": true, "WIDTH": "2 * floor(32 + 64 * $quality) + 1", "HEIGHT": "2 * floor((32 + 64 * $quality) * $HEIGHT / $WIDTH) + 1"},
        {"TARGET": "flow", "PERSISTENT": true, "FLOAT": true, "WIDTH": "2 * floor(32 + 64 * $quality) + 1", "HEIGHT": "2 * floor((32 + 64 * $quality) * $HEIGHT / $WIDTH) + 1"},
        {"TARGET": "dyes", "PERSISTENT": true, "FLOAT": true, "WIDTH": "2 * floor($WIDTH * (0.1 + 0.15 * $quality)) + 1", "HEIGHT": "2 * floor($HEIGHT * (0.1 + 0.15 * $quality)) + 1"},
        {"WIDTH": "$WIDTH * (0.3 + 0.7 * $quality)", "HEIGHT": "$HEIGHT * (0.3 + 0.7 * $quality)"}
    ]
}*/

// flow: red, green: velocity in picture heights per second; blue: heat, the light of a fresh hit; alpha: curl.
// press: red: pressure; green: divergence. clock: texel 0: time, place of the plume, loudness of the last second; texel 1: place and
// sense of the eddy; texel 2: what kick and hat were;
// texel 3: width of the dyes, and 1 if they are new.
const float TURN = 6.2831853;
const float VIEW = 0.90; // part of the liquid that one sees

float chance(float n) {
    return fract(sin(n * 12.9898) * 43758.547);
}

float blob(vec2 d, float radius) {
    return exp(-dot(d, d) / (radius * radius));
}

vec4 near(sampler2D image, ivec2 cell) {
    return texelFetch(image, clamp(cell, ivec2(0), textureSize(image, 0) - 1), 0);
}

// Velocity at a place. The grid is staggered (Harlow, Welch 1965): red is that through the left face of a cell, green that
// through the lower one. So no chessboard of velocities is without divergence.
vec2 flow_at(vec2 at) {
    vec2 half_cell = 0.5 / IMG_SIZE(flow);
    return vec2(IMG_NORM_PIXEL(flow, at + vec2(half_cell.x, 0.0)).r, IMG_NORM_PIXEL(flow, at + vec2(0.0, half_cell.y)).g);
}

// Where the dye of a layer enters, and the way of its jet. Four slow orbits that never meet in the same way again.
vec4 mouth(int layer, float t, float wide) {
    float k = float(layer);
    float angle = TURN * (0.13 + 0.25 * k) + (0.17 + 0.037 * k) * t * (layer == 1 ? -1.0 : 1.0);
    vec2 at = vec2(0.62 * wide * 0.5 * cos(angle), 0.30 * sin(angle * 1.31 + k));
    float aim = angle + 2.2 + 0.9 * sin(0.4 * t + 2.0 * k);
    return vec4(at, cos(aim), sin(aim));
}

float level_of(int layer) {
    return layer == 0 ? layer_1 : layer == 1 ? layer_2 : layer == 2 ? layer_3 : layer_4;
}

// Two rounds of Jacobi in one pass: what the neighbours will be after the first, from their own neighbours.
float relaxed(ivec2 c) {
    vec2 mid = near(press, c).rg;
    vec2 e = near(press, c + ivec2(1, 0)).rg, w = near(press, c - ivec2(1, 0)).rg;
    vec2 n = near(press, c + ivec2(0, 1)).rg, s = near(press, c - ivec2(0, 1)).rg;
    float far = near(press, c + ivec2(2, 0)).r + near(press, c - ivec2(2, 0)).r;
    far += near(press, c + ivec2(0, 2)).r + near(press, c - ivec2(0, 2)).r;
    float corners = near(press, c + ivec2(1, 1)).r + near(press, c + ivec2(-1, 1)).r;
    corners += near(press, c + ivec2(1, -1)).r + near(press, c + ivec2(-1, -1)).r;
    return (4.0 * mid.r + 2.0 * corners + far - e.g - w.g - n.g - s.g) / 16.0 - mid.g / 4.0;
}

void main() {
    float wide = RENDERSIZE.x / RENDERSIZE.y;
    float dt = min(TIMEDELTA, 0.05) * (0.4 + 1.2 * speed);
    ivec2 cell = ivec2(isf_FragNormCoord * RENDERSIZE);
    vec4 now = texelFetch(clock, ivec2(0, 0), 0);
    vec4 eddy = texelFetch(clock, ivec2(1, 0), 0);
    if (PASSINDEX == 0) {
        vec4 last = texelFetch(clock, ivec2(2, 0), 0);
        bool is_first = FRAMEINDEX == 0;
        float t = is_first ? 20.0 : now.r + dt;
        float beat = kick - last.r > 0.12 ? last.b + 1.0 : last.b;
        float tick = hat - last.g > 0.15 ? last.a + 1.0 : last.a;
        if (cell.x == 0) {
            float loud = max(max(layer_1, layer_2), max(layer_3, layer_4));
            gl_FragColor = vec4(t, 0.72 * (chance(beat + 1.0) - 0.5), mix(now.b, loud, 1.0 - exp(-0.8 * TIMEDELTA)), 1.0);
        } else if (cell.x == 1) {
            gl_FragColor = vec4(1.3 * (chance(tick + 3.0) - 0.5), 0.7 * (chance(tick + 7.0) - 0.5), chance(tick) < 0.5 ? -1.0 : 1.0, 1.0);
        } else if (cell.x == 2) {
            gl_FragColor = is_first ? vec4(kick, hat, 0.0, 0.0) : vec4(kick, hat, beat, tick);
        } else {
            // In another size all is black, so it begins anew.
            float size = IMG_SIZE(dyes).x;
            gl_FragColor = vec4(size, size == texelFetch(clock, ivec2(3, 0), 0).r ? 0.0 : 1.0, 0.0, 1.0);
        }
        return;
    }
    bool is_new = texelFetch(clock, ivec2(3, 0), 0).g > 0.5;
    float t = now.r;
    vec2 shape = vec2(wide, 1.0);
    vec2 p = (isf_FragNormCoord - 0.5) * shape;
    if (PASSINDEX == 1) {
        vec4 here = near(flow, cell);
        vec2 left = isf_FragNormCoord - vec2(0.5, 0.0) / RENDERSIZE, below = isf_FragNormCoord - vec2(0.0, 0.5) / RENDERSIZE;
        vec2 v = vec2(flow_at(left - dt * flow_at(left) / shape).x, flow_at(below - dt * flow_at(below) / shape).y) * exp(-0.35 * dt);
        float heat = IMG_NORM_PIXEL(flow, isf_FragNormCoord - dt * flow_at(isf_FragNormCoord) / shape).b * exp(-2.6 * dt);
        if (is_new) {
            v = vec2(0.0);
            heat = 0.0;
        }
        // Vorticity confinement (Fedkiw, Stam, Jensen 2001): gives the eddies back what the grid takes from them.
        vec4 e = near(flow, cell + ivec2(1, 0)), w = near(flow, cell - ivec2(1, 0));
        vec4 n = near(flow, cell + ivec2(0, 1)), s = near(flow, cell - ivec2(0, 1));
        vec2 slope = vec2(abs(e.a) - abs(w.a), abs(n.a) - abs(s.a));
        slope /= length(slope) + 1e-4;
        v += 0.04 * (0.25 * (e.rg + w.rg + n.rg + s.rg) - here.rg); // what is as small as a cell calms down
        v += dt * (0.4 + 4.0 * swirl) / RENDERSIZE.y * vec2(slope.y, -slope.x) * here.a;
        // A slow current through everything, so that the liquid is alive in silence.
        vec2 q = 2.6 * p + vec2(0.13 * t, -0.09 * t);
        v += dt * 0.26 * vec2(sin(q.y + 1.3 * sin(0.7 * q.x + 0.2 * t)), cos(q.x * 0.9 + 1.1 * sin(0.8 * q.y - 0.17 * t)));
        for (int i = 0; i < 4; i++) {
            vec4 jet = mouth(i, t, wide);
            float level = level_of(i);
            v += dt * jet.zw * blob(p - jet.xy, 0.085) * (1.6 + 5.0 * level);
            heat += dt * blob(p - jet.xy, 0.06) * 1.6 * level;
        }
        // The plume: a jet from below, wherever the newest kick put it.
        vec2 d = p - vec2(now.g * wide * 0.62, -0.40);
        float push = kick * kick;
        v += dt * 30.0 * push * blob(d * vec2(1.0, 0.8), 0.13) * normalize(vec2(-0.55 * now.g + 1.4 * d.x, 1.0));
        heat += dt * 9.0 * push * blob(d, 0.13);
        vec2 spin = p - eddy.rg;
        v += dt * 120.0 * hat * eddy.b * vec2(-spin.y, spin.x) * blob(spin, 0.06);
        heat += dt * 3.0 * hat * blob(spin, 0.05);
        // A body takes the liquid along; the edge of one that moves glows.
        vec4 body = IMG_NORM_PIXEL(maskImage, 0.5 + (isf_FragNormCoord - 0.5) / VIEW), move = IMG_NORM_PIXEL(flowImage, 0.5 + (isf_FragNormCoord - 0.5) / VIEW);
        float grip = body.r * body.a;
        vec2 pace = move.rg * shape / max(move.b, 0.01);
        v = mix(v, clamp(pace, -2.0, 2.0), grip * min(1.0, 9.0 * dt) * smoothstep(0.02, 0.15, length(pace)));
        heat += dt * 1.1 * grip * smoothstep(0.08, 0.8, length(pace));
        // The wall stops what runs into it.
        vec2 room = min(isf_FragNormCoord, 1.0 - isf_FragNormCoord) * RENDERSIZE;
        v *= clamp(room / 3.0, 0.0, 1.0);
        gl_FragColor = vec4(clamp(v, -4.0, 4.0), min(heat, 1.5), here.a);
        return;
    }
    if (PASSINDEX == 2 || PASSINDEX == 9) {
        // Before the pressure is known: the divergence. After it: the velocity without, and its curl.
        vec4 here = near(flow, cell), w = near(flow, cell - ivec2(1, 0)), s = near(flow, cell - ivec2(0, 1));
        if (PASSINDEX == 2) {
            float before = is_new ? 0.0 : near(press, cell).r;
            float divergence = near(flow, cell + ivec2(1, 0)).r - here.r + near(flow, cell + ivec2(0, 1)).g - here.g;
            gl_FragColor = vec4(before, divergence, 0.0, 1.0);
            return;
        }
        float mid = near(press, cell).r;
        vec2 steep = mid - vec2(near(press, cell - ivec2(1, 0)).r, near(press, cell - ivec2(0, 1)).r);
        gl_FragColor = vec4(here.rg - steep, here.b, (here.g - w.g - here.r + s.r) * RENDERSIZE.y);
        return;
    }
    if (PASSINDEX < 9) {
        gl_FragColor = vec4(relaxed(cell), near(press, cell).g, 0.0, 1.0);
        return;
    }
    if (PASSINDEX == 10) {
        vec2 half_way = isf_FragNormCoord - 0.5 * dt * flow_at(isf_FragNormCoord) / shape;
        vec2 from = isf_FragNormCoord - dt * flow_at(half_way) / shape;
        // Catmull-Rom in five reads (without the corners): threads stay thin on their way.
        vec2 at = from * RENDERSIZE - 0.5, f = fract(at), mid = floor(at) + 0.5;
        vec2 w0 = f * (-0.5 + f * (1.0 - 0.5 * f)), w1 = 1.0 + f * f * (1.5 * f - 2.5);
        vec2 w2 = f * (0.5 + f * (2.0 - 1.5 * f)), w3 = f * f * (0.5 * f - 0.5);
        vec2 w12 = w1 + w2, t12 = (mid + w2 / w12) / RENDERSIZE, t0 = (mid - 1.0) / RENDERSIZE, t3 = (mid + 2.0) / RENDERSIZE;
        vec4 sum = IMG_NORM_PIXEL(dyes, t12) * w12.x * w12.y;
        sum += IMG_NORM_PIXEL(dyes, vec2(t0.x, t12.y)) * w0.x * w12.y + IMG_NORM_PIXEL(dyes, vec2(t3.x, t12.y)) * w3.x * w12.y;
        sum += IMG_NORM_PIXEL(dyes, vec2(t12.x, t0.y)) * w12.x * w0.y + IMG_NORM_PIXEL(dyes, vec2(t12.x, t3.y)) * w12.x * w3.y;
        float weight = w12.x * w12.y + (w0.x + w3.x) * w12.y + w12.x * (w0.y + w3.y);
        vec4 kept = clamp(sum / weight, 0.0, 1.2) * exp(-dt * (0.06 + 0.22 * now.b));
        if (is_new) {
            // The first picture is the middle of a piece, not an empty glass.
            vec2 q = 1.7 * p;
            for (int i = 0; i < 4; i++) q += 0.45 * sin(2.1 * q.yx + vec2(1.0, 2.6) + float(i));
            kept = 0.62 * smoothstep(0.45, 1.0, vec4(sin(3.0 * q.x + q.y), sin(2.0 * q.y - q.x + 2.0), cos(2.4 * q.x - 1.9 * q.y), sin(3.3 * q.y + 4.0)));
        }
        for (int i = 0; i < 4; i++) {
            vec4 jet = mouth(i, t, wide);
            float level = level_of(i);
            // It comes in pulses: shells that the current draws out to sheets.
            float pulse = 0.5 + 0.5 * sin(2.5 * t + 40.0 * length(p - jet.xy) + float(i));
            float fed = dt * (0.6 + 0.9 * dye) * blob(p - jet.xy, 0.06 + 0.03 * level) * (2.6 + 7.0 * level) * (0.3 + 0.7 * pulse);
            kept[i] += (1.0 - exp(-fed)) * (1.0 - min(kept[i], 1.0));
        }
        vec4 body = IMG_NORM_PIXEL(maskImage, 0.5 + (isf_FragNormCoord - 0.5) / VIEW), move = IMG_NORM_PIXEL(flowImage, 0.5 + (isf_FragNormCoord - 0.5) / VIEW);
        float stirs = smoothstep(0.03, 0.5, length(move.rg * shape) / max(move.b, 0.01)) * body.r * body.a;
        kept[2] += (1.0 - exp(-dt * 2.2 * stirs)) * (1.0 - min(kept[2], 1.0));
        kept[3] += (1.0 - exp(-dt * 1.2 * stirs * (1.0 - body.r) * 4.0)) * (1.0 - min(kept[3], 1.0));
        vec2 d = p - vec2(now.g * wide * 0.62, -0.42);
        kept[0] += (1.0 - exp(-dt * 16.0 * kick * blob(d, 0.13))) * (1.0 - min(kept[0], 1.0));
        kept[3] += (1.0 - exp(-dt * 9.0 * hat * blob(p - eddy.rg, 0.035))) * (1.0 - min(kept[3], 1.0));
        gl_FragColor = kept;
        return;
    }
    // The walls, and what creeps along them, stay outside of the picture.
    vec2 at = 0.5 + (isf_FragNormCoord - 0.5) * VIEW;
    vec2 px = 1.0 / IMG_SIZE(dyes);
    vec4 e = IMG_NORM_PIXEL(dyes, at + vec2(px.x, 0.0)), w = IMG_NORM_PIXEL(dyes, at - vec2(px.x, 0.0));
    vec4 n = IMG_NORM_PIXEL(dyes, at + vec2(0.0, px.y)), s = IMG_NORM_PIXEL(dyes, at - vec2(0.0, px.y));
    vec4 c = 0.4 * IMG_NORM_PIXEL(dyes, at) + 0.15 * (e + w + n + s);
    float glow = IMG_NORM_PIXEL(flow, at).b;
    const vec4 ALL = vec4(1.0, 0.9, 1.0, 0.8);
    float thick = dot(c, ALL), loud = max(max(layer_1, layer_2), max(layer_3, layer_4));
    // Sheets of dye seen edge on are the bright ones; their thickness is a relief that a lamp from the upper left lights.
    vec2 slope = vec2(dot(e - w, ALL), dot(n - s, ALL)) / (2.0 * px.y);
    float edge = length(slope) / (6.0 + length(slope));
    float light = 0.5 - 0.5 * dot(slope, normalize(vec2(-0.6, 0.8))) / (7.0 + length(slope));
    vec4 dense = c * c * (1.6 - 0.5 * c);
    vec3 body = palette_2.rgb * (dense.r + 0.35 * c.r * edge) + mix(palette_1.rgb, palette_2.rgb, 0.3) * (dense.g + 0.6 * c.g * edge);
    body += palette_3.rgb * (dense.b + 0.5 * c.b * edge) + mix(palette_3.rgb, palette_4.rgb, 0.45) * (dense.a + 0.6 * c.a * edge);
    vec3 colour = palette_1.rgb * (0.06 + 0.4 * min(thick, 1.0) * light);
    colour += body * (0.15 + 1.5 * light * light) * (0.36 + 0.35 * loud + 0.85 * kick + 1.3 * glow);
    colour += mix(palette_2.rgb, palette_3.rgb, 0.7) * glow * (0.10 + 0.9 * edge * thick);
    colour += palette_4.rgb * glow * glow * 0.12;
    colour *= 1.0 - 0.5 * smoothstep(0.5, 1.05, length(p * vec2(0.8, 1.0)));
    gl_FragColor = vec4(colour, 1.0);
}
