/*{
    "ISFVSN": "2",
    "DESCRIPTION": "A crystal that turns with bass and kick and refracts the picture behind it, more often than once. The kick lights its edges, the hats its faces.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Stylize", "Geometry"],
    "INPUTS": [
        {"NAME": "inputImage", "TYPE": "image"},
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0.0, "MAX": 1.5},
        {"NAME": "size", "LABEL": "Size", "TYPE": "float", "DEFAULT": 0.6, "MIN": 0.2, "MAX": 1.0},
        {"NAME": "spread", "LABEL": "Dispersion", "TYPE": "float", "DEFAULT": 0.4, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "bass", "LABEL": "Bass", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "level", "LABEL": "Level", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "quality", "LABEL": "Quality", "TYPE": "float", "DEFAULT": 1.0, "MIN": 0.25, "MAX": 1.0},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.10, 0.13, 0.21, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.51, 0.59, 0.71, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [0.75, 0.81, 0.87, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [0.95, 0.98, 0.99, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "clock", "PERSISTENT": true, "FLOAT": true, "WIDTH": "1", "HEIGHT": "1"},
        {"TARGET": "shards", "WIDTH": "2 * floor($WIDTH * (0.1 + 0.1 * $quality)) + 1", "HEIGHT": "2 * floor($HEIGHT * (0.1 + 0.1 * $quality)) + 1"},
        {"TARGET": "stone", "FLOAT": true, "WIDTH": "floor($WIDTH * (0.25 + 0.75 * $quality))", "HEIGHT": "floor($HEIGHT * (0.25 + 0.75 * $quality))"},
        {}
    ]
}*/

// clock: turn, time, number of the newest hit, what the hats were. shards: the light that its faces throw on the
// wall behind it. stone: its own light, and how much it covers.
const int FACES = 16;
// Outward normals and distances from the middle: six sides, a steep point of six, a blunt end of four. No two are alike.
const vec4 FACE[16] = vec4[16](
    vec4(1.0, 0.0, 0.0, 0.47), vec4(0.5, 0.866, 0.0, 0.40), vec4(-0.5, 0.866, 0.0, 0.52),
    vec4(-1.0, 0.0, 0.0, 0.42), vec4(-0.5, -0.866, 0.0, 0.49), vec4(0.5, -0.866, 0.0, 0.44),
    vec4(0.766, 0.0, 0.643, 0.86), vec4(0.372, 0.644, 0.669, 0.80), vec4(-0.362, 0.627, 0.690, 0.95),
    vec4(-0.743, 0.0, 0.669, 0.83), vec4(-0.383, -0.663, 0.643, 0.88), vec4(0.404, -0.700, 0.588, 0.77),
    vec4(0.545, 0.315, -0.777, 0.85), vec4(-0.530, 0.354, -0.771, 0.90), vec4(-0.40, -0.56, -0.725, 0.80), vec4(0.38, -0.50, -0.778, 0.88)
);
const float EYE = 3.4;
const float LENS = 1.9;
const float WALL = 1.5; // the picture hangs so far behind the stone

// What the stone mirrors: a tall lamp on the left, a narrow one on the right, a dim floor.
vec3 room(vec3 way) {
    float lamp = smoothstep(0.45, 1.0, dot(way, normalize(vec3(-0.75, 0.55, -0.4)))) * (0.75 + 0.25 * sin(9.0 * way.y + 4.0 * way.x));
    float strip = (1.0 - smoothstep(0.02, 0.10, abs(way.x - 0.62 + 0.15 * way.y))) * smoothstep(-0.2, 0.5, way.y + 0.3) * step(way.z, 0.4);
    float ground = (1.0 - smoothstep(-0.9, 0.1, way.y));
    return palette_3.rgb * lamp * (0.55 + 0.5 * level) + palette_4.rgb * strip * 0.55 + palette_1.rgb * (0.10 + 0.3 * ground);
}

vec3 picture(vec2 at) {
    vec2 inside = abs(1.0 - abs(1.0 - at)); // mirrored at its border
    return IMG_NORM_PIXEL(inputImage, inside).rgb + IMG_NORM_PIXEL(shards, inside).rgb * 1.6;
}

// The picture behind the stone in this direction, one colour at a time; the room where a ray turns back.
vec3 behind(vec3 from, vec3 way, float wide) {
    if (way.z < 0.08) return room(way);
    vec3 hit = from + way * (WALL - from.z) / way.z;
    vec2 at = hit.xy * LENS / (hit.z + EYE) * 0.5;
    return picture(0.5 + at / vec2(wide, 1.0) * 1.0);
}

float fresnel(float cosine) {
    float m = 1.0 - clamp(cosine, 0.0, 1.0);
    return 0.05 + 0.95 * m * m * m * m * m;
}

void main() {
    vec4 now = texelFetch(clock, ivec2(0), 0);
    if (PASSINDEX == 0) {
        vec4 before = FRAMEINDEX == 0 ? vec4(0.6, 3.0, 0.0, 0.0) : now;
        float turn = before.r + TIMEDELTA * (0.15 + 0.5 * speed) * (0.4 + 1.2 * bass * bass + 3.2 * kick * kick);
        float hits = before.b + (hat - before.a > 0.15 ? 1.0 : 0.0);
        gl_FragColor = vec4(turn, before.g + TIMEDELTA, mod(hits, 64.0), hat);
        return;
    }
    float wide = RENDERSIZE.x / RENDERSIZE.y;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(wide, 1.0) * 2.0;
    if (PASSINDEX == 3) {
        vec4 stone = IMG_THIS_NORM_PIXEL(stone);
        vec3 ground = IMG_THIS_PIXEL(inputImage).rgb * (0.42 + 0.15 * level + 0.5 * kick) + IMG_THIS_NORM_PIXEL(shards).rgb;
        ground *= 1.0 - 0.5 * smoothstep(0.8, 2.1, length(p * vec2(0.8, 1.0)));
        float cover = clamp(stone.a, 0.0, 1.0);
        gl_FragColor = vec4(ground * (1.0 - cover) + stone.rgb, 1.0);
        return;
    }
    // The stone stands left of the middle, leaning, and turns about its own length.
    float lean = 0.52 + 0.10 * sin(0.21 * now.g), nod = 0.38 + 0.16 * sin(0.17 * now.g + 1.0);
    float c1 = cos(now.r), s1 = sin(now.r), c2 = cos(lean), s2 = sin(lean), c3 = cos(nod), s3 = sin(nod);
    // Rows of the turn from the room to the stone, whose length is z there and up (y) here.
    mat3 spin = mat3(c1, -s1, 0.0, s1, c1, 0.0, 0.0, 0.0, 1.0);
    mat3 lie = mat3(1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, -1.0, 0.0);
    mat3 tilt = mat3(c2, s2, 0.0, -s2, c2, 0.0, 0.0, 0.0, 1.0);
    mat3 pitch = mat3(1.0, 0.0, 0.0, 0.0, c3, -s3, 0.0, s3, c3);
    mat3 to_stone = spin * lie * tilt * pitch;
    mat3 to_room = transpose(to_stone);
    float scale = (0.9 + 0.9 * size) * (1.0 + 0.03 * kick);
    vec3 middle = vec3(-0.34, 0.02 + 0.03 * sin(0.5 * now.g), 0.0);
    if (PASSINDEX == 1) {
        // Each face that looks at the wall throws a shard of light there, red less far than blue.
        vec3 far = vec3(1.0 - 0.09 * spread, 1.0, 1.0 + 0.09 * spread);
        vec2 q = p - 1.15 * middle.xy;
        vec3 sum = palette_1.rgb * (0.10 + 0.10 * level) / (1.0 + dot(q, q));
        for (int i = 0; i < FACES; i++) {
            vec3 n = to_room * FACE[i].xyz;
            vec2 along = n.xy / max(length(n.xy), 0.05);
            vec2 local = vec2(dot(q, along), dot(q, vec2(-along.y, along.x)));
            float reach = 0.42 + 1.0 * length(n.xy) + 0.20 * float(i - 4 * (i / 4));
            vec3 u = (local.x / far - reach) / (0.45 + 0.28 * float(i - 3 * (i / 3)));
            float v = local.y / ((0.10 + 0.075 * float(i - 5 * (i / 5))) * max(0.001, 0.6 + 0.6 * local.x));
            vec3 shard = (1.0 - smoothstep(0.55, 1.0, abs(u))) * (0.55 + 0.45 * u) * (1.0 - smoothstep(0.5, 1.0, abs(v)));
            float turned = smoothstep(-0.5, 0.2, n.z) * (1.0 - smoothstep(0.8, 1.0, n.z));
            sum += mix(palette_2.rgb, palette_3.rgb, fract(0.618 * float(i))) * shard * turned * (0.34 + 0.20 * level + 1.1 * kick) / (1.0 + 0.5 * dot(q, q));
        }
        gl_FragColor = vec4(sum, 1.0);
        return;
    }
    vec3 way = normalize(vec3(p, LENS));
    vec3 at = to_stone * (vec3(0.0, 0.0, -EYE) - middle) / scale;
    vec3 d = to_stone * way;
    // A convex solid: the ray is inside between the last face that it enters and the first that it leaves.
    float enter = -1e3, leave = 1e3, second = -1e3;
    vec3 n = vec3(0.0, 0.0, 1.0);
    float face = 0.0;
    for (int i = 0; i < FACES; i++) {
        float speed_in = dot(FACE[i].xyz, d);
        float t = (FACE[i].w - dot(FACE[i].xyz, at)) / (abs(speed_in) < 1e-5 ? 1e-5 : speed_in);
        if (speed_in < 0.0) {
            if (t > enter) { second = enter; enter = t; n = FACE[i].xyz; face = float(i); }
            else second = max(second, t);
        } else {
            leave = min(leave, t);
        }
    }
    float inside = leave - enter;
    float pixel = 2.0 / (RENDERSIZE.y * LENS) * EYE / scale;
    float cover = smoothstep(0.0, 5.0 * pixel, inside);
    // Light that it throws around it.
    float halo = exp(-4.5 * max(-inside, 0.0)) * (1.0 - cover);
    vec3 colour = palette_2.rgb * halo * (0.05 + 0.10 * level + 0.22 * kick);
    vec3 light = vec3(0.0);
    float edge = (enter - second) * max(0.25, -dot(n, d));
    float line = 1.0 - smoothstep(1.0 * pixel, 2.2 * pixel + 0.004, edge);
    float facing = -dot(n, d);
    float mirror = fresnel(facing);
    vec3 reflected = room(to_room * reflect(d, n));
    light += reflected * (mirror + 0.12);
    // Each hat lights one face.
    float lit = mod(face * 7.0 + now.b * 5.0, 16.0) < 2.0 ? 1.0 : 0.0;
    light += mix(palette_3.rgb, palette_4.rgb, 0.5) * (lit * hat * (0.10 + 0.35 * facing * facing));
    light += palette_4.rgb * line * (0.16 + 0.2 * level + 0.75 * kick);
    vec3 from = at + d * enter;
    d = refract(d, n, 1.0 / 1.5);
    vec3 left = vec3(1.0 - mirror);
    int rounds = cover > 0.0 ? (quality > 0.4 ? 4 : 3) : 0;
    vec3 tint = mix(vec3(1.0), palette_2.rgb / max(max(palette_2.r, palette_2.g), max(palette_2.b, 0.01)), 0.55);
    for (int bounce = 0; bounce < rounds; bounce++) {
        float t = 1e3, next = 1e3;
        n = vec3(0.0, 0.0, 1.0);
        for (int i = 0; i < FACES; i++) {
            float out_speed = dot(FACE[i].xyz, d);
            float there = (FACE[i].w - dot(FACE[i].xyz, from)) / max(out_speed, 1e-5);
            if (out_speed > 1e-4 && there > 1e-4) {
                if (there < t) { next = t; t = there; n = FACE[i].xyz; }
                else next = min(next, there);
            }
        }
        from += d * min(t, 4.0);
        left *= pow(tint, vec3(0.45 * min(t, 3.0)));
        float away = dot(n, d);
        float rear = (next - t) * away;
        light += left * mix(palette_2.rgb, palette_3.rgb, 0.6) * (1.0 - smoothstep(0.008, 0.030, rear)) * (0.10 + 0.15 * level + 0.75 * kick);
        // Total reflection where the ray is too flat; else most of it leaves, each colour in its own direction.
        vec3 out_g = refract(d, -n, 1.5);
        bool is_total = dot(out_g, out_g) < 0.5;
        float kept = is_total ? 1.0 : fresnel(sqrt(max(1.0 - 2.25 * (1.0 - away * away), 0.0)));
        if (!is_total || bounce == rounds - 1) {
            vec3 bent = is_total ? d : out_g;
            vec3 base = middle + scale * (to_room * from);
            vec3 straight = to_room * bent;
            vec3 more = to_room * (d - n * away) * (is_total ? 0.0 : 0.10 * spread);
            vec3 seen;
            seen.r = behind(base, normalize(straight - more), wide).r;
            seen.g = behind(base, straight, wide).g;
            seen.b = behind(base, normalize(straight + more), wide).b;
            light += left * (1.0 - (is_total ? 0.0 : kept)) * seen * (1.0 + 0.15 * level + 0.9 * kick);
        }
        left *= kept;
        d = reflect(d, n);
    }
    gl_FragColor = vec4(colour + light * cover, cover);
}
