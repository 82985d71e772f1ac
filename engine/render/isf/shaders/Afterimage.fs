/*{
    "ISFVSN": "2",
    "DESCRIPTION": "Copies of the people in front of the camera stand to both sides, each some beats late and lit on its beat of the bar; in the body itself time runs in waves. Without a camera a dancer of its own.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Body"],
    "INPUTS": [
        {"NAME": "inputImage", "TYPE": "image"},
        {"NAME": "sourceImage", "TYPE": "image"},
        {"NAME": "maskImage", "TYPE": "image"},
        {"NAME": "historyImage", "TYPE": "image"},
        {"NAME": "gap", "LABEL": "Beats between copies", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.125, "MAX": 2.0},
        {"NAME": "spread", "LABEL": "How far the copies stand apart", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "slit", "LABEL": "Waves of time", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "room", "LABEL": "Light in the room", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "quality", "LABEL": "Sharpness of the copies", "TYPE": "float", "DEFAULT": 1.0, "MIN": 0.25, "MAX": 1.0},
        {"NAME": "beats", "LABEL": "Beats", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 100000.0},
        {"NAME": "bpm", "LABEL": "Beats per minute", "TYPE": "float", "DEFAULT": 120.0, "MIN": 20.0, "MAX": 400.0},
        {"NAME": "palette_1", "LABEL": "Room", "TYPE": "color", "DEFAULT": [0.03, 0.05, 0.14, 1.0]},
        {"NAME": "palette_2", "LABEL": "Oldest copy", "TYPE": "color", "DEFAULT": [0.25, 0.35, 0.95, 1.0]},
        {"NAME": "palette_3", "LABEL": "Newest copy", "TYPE": "color", "DEFAULT": [0.95, 0.45, 0.6, 1.0]},
        {"NAME": "palette_4", "LABEL": "Body", "TYPE": "color", "DEFAULT": [1.0, 0.95, 0.9, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "dancers", "FLOAT": true, "WIDTH": "max(3, 650 * (1 - $maskImage))", "HEIGHT": "max(3, 130 * (1 - $maskImage))"},
        {"TARGET": "copies", "WIDTH": "2 * floor($WIDTH * (0.06 + 0.19 * $quality)) + 1", "HEIGHT": "2 * floor($HEIGHT * (0.06 + 0.19 * $quality)) + 1"},
        {"WIDTH": "$WIDTH * (0.5 + 0.5 * $quality)", "HEIGHT": "$HEIGHT * (0.5 + 0.5 * $quality)"}
    ]
}*/

// A dancer for a stage without a camera: distance to the body in its own heights, feet at the origin. `t` counts beats.
float limb(vec2 p, vec2 a, vec2 b, float wide, float narrow) {
    vec2 along = b - a;
    float h = clamp(dot(p - a, along) / dot(along, along), 0.0, 1.0);
    return length(p - a - along * h) - mix(wide, narrow, h);
}
float join(float a, float b, float soft) {
    float h = max(soft - abs(a - b), 0.0) / soft;
    return min(a, b) - 0.25 * h * h * soft;
}
// Where the joint between two bones bends, to the side of `s`.
vec2 bent(vec2 a, vec2 b, float bone, float s) {
    vec2 half_way = 0.5 * (b - a);
    float reach = length(half_way);
    return a + half_way + vec2(-half_way.y, half_way.x) / reach * s * sqrt(max(bone * bone - reach * reach, 0.0));
}
// The distance `d` joined with the arm and the leg of one side, `s`: -1 or 1. No loop: a guarded one is not unrolled.
float with_side(float d, vec2 p, float s, float w, float energy, float facing, vec2 hip, vec2 tilt, vec2 chest, vec2 across) {
    float shift = sin(w);
    // Arms: a wave that runs from the shoulder to the fingers.
    vec2 shoulder = chest + vec2(0.0, 0.05) + 0.10 * s * across;
    float lift = 1.45 + (0.35 + 0.6 * energy) * sin(w + 1.2 * s) + 0.45 * sin(0.37 * w + 2.0 * s);
    float fore = lift + 0.35 + 0.55 * sin(w + 1.2 * s - 0.9), tip = fore - 0.15 + 0.75 * sin(w + 1.2 * s - 1.9);
    vec2 wide = vec2(s * (0.55 + 0.45 * facing), 1.0);
    vec2 elbow = shoulder + 0.150 * wide * vec2(sin(lift), -cos(lift));
    vec2 wrist = elbow + 0.135 * wide * vec2(sin(fore), -cos(fore));
    vec2 fingers = wrist + 0.075 * wide * vec2(sin(tip), -cos(tip));
    d = join(d, limb(p, shoulder, elbow, 0.029, 0.022), 0.03);
    d = join(d, limb(p, elbow, wrist, 0.023, 0.014), 0.012);
    d = join(d, limb(p, wrist, fingers, 0.015, 0.007), 0.012);
    // Legs: one stands, the other comes up on its toes.
    float carries = 0.5 + 0.5 * s * shift;
    vec2 socket = hip + 0.055 * s * tilt * facing + vec2(0.0, -0.015);
    vec2 ankle = vec2(s * mix(0.15 + 0.05 * energy, 0.035, carries) * (0.4 + 0.6 * facing), 0.045 + 0.05 * (1.0 - carries));
    vec2 knee = bent(socket, ankle, 0.236, s * mix(-0.15, 0.4, carries));
    vec2 toes = ankle + vec2(s * mix(0.022, 0.045, carries), mix(-0.055, -0.032, carries));
    d = join(d, limb(p, socket, knee, 0.056, 0.034), 0.03);
    d = join(d, limb(p, knee, ankle, 0.034, 0.017), 0.016);
    d = join(d, limb(p, ankle, toes, 0.018, 0.010), 0.015);
    return d;
}
float dancer(vec2 p, float t, float energy, float dress) {
    float w = 1.5708 * t, shift = sin(w), turn = 0.75 * sin(0.31 * w + 0.6), facing = cos(turn);
    float dip = (0.008 + 0.02 * energy) * (0.5 + 0.5 * cos(2.0 * w + 0.5));
    // The hips lean over the leg that stands, the shoulders tilt against them.
    vec2 hip = vec2(0.042 * shift * (0.5 + 0.5 * energy), 0.525 - dip);
    vec2 tilt = vec2(cos(0.16 * shift), sin(0.16 * shift));
    vec2 waist = hip + vec2(-0.012 * shift, 0.105);
    vec2 chest = waist + vec2(-0.03 * sin(w - 0.5) + 0.02 * sin(turn), 0.125);
    vec2 across = vec2(cos(0.15 * shift), -sin(0.15 * shift)) * facing;
    vec2 neck = chest + vec2(0.006 * sin(w - 0.9), 0.085);
    vec2 head = neck + vec2(0.022 * sin(w - 1.3) + 0.012 * sin(turn), 0.085);
    vec2 face = head + vec2(0.10 * (head.x - neck.x) + 0.008 * sin(turn), -0.018);
    float d = min(length((p - head) * vec2(1.1, 1.0)) - 0.048, length(p - face) - 0.040);
    d = join(d, limb(p, neck - vec2(0.0, 0.02), head, 0.026, 0.022), 0.02);
    d = join(d, limb(p, chest, waist, 0.068, 0.050), 0.03);
    d = join(d, limb(p, hip - 0.03 * tilt * facing, hip + 0.03 * tilt * facing, 0.064, 0.064), 0.11);
    d = join(d, limb(p, chest + vec2(0.0, 0.045) - 0.075 * across, chest + vec2(0.0, 0.045) + 0.075 * across, 0.032, 0.032), 0.06);
    // Hair follows the head late.
    vec2 tail = head + vec2(-0.05 * sin(turn) - 0.05 * sin(w - 2.2), -0.085);
    d = join(d, limb(p, head + vec2(-0.02 * sin(turn), 0.012), tail, 0.034 * dress, 0.008), 0.03);
    d = with_side(d, p, -1.0, w, energy, facing, hip, tilt, chest, across);
    d = with_side(d, p, 1.0, w, energy, facing, hip, tilt, chest, across);
    // A skirt that swings after the hips and opens with the turn.
    float down = clamp((waist.y - p.y) / 0.44, 0.0, 1.0), swing = sin(w - 0.6 - 1.6 * down);
    float middle = mix(waist.x, hip.x, min(4.0 * down, 1.0)) + 0.06 * down * down * swing;
    float hem = (0.05 + 0.05 * smoothstep(0.0, 0.3, down) + (0.07 + 0.10 * energy * abs(cos(w))) * down * down) * (1.0 + 0.05 * sin(26.0 * (p.x - middle) + 2.0 * w) * down);
    float skirt = max((abs(p.x - middle) - hem) * 0.8, max(p.y - waist.y, waist.y - 0.41 - p.y + 0.018 * sin(34.0 * (p.x - middle) + 3.0 * w)));
    return join(d, skirt + 1.0 - dress, 0.02);
}
// The step of the dance: quick on the beat, slow between, at half tempo.
float step_at(float beat) { return 0.5 * (beat + 0.12 * sin(6.28319 * beat)); }

// The distance is computed in a small square (a cell) and read from there: its contour stays sharp when it is enlarged.
vec2 from_cell(vec2 cell) { return cell * 1.35 - vec2(0.675, 0.1); }
vec2 to_cell(vec2 p) { return (p + vec2(0.675, 0.1)) / 1.35; }
vec2 in_cell(vec2 cell) { return clamp(cell, 0.006, 0.994); }
float beyond(vec2 cell) { return 1.35 * length(cell - in_cell(cell)); }
const int COPIES = 4;

// Where time runs late in the body: waves that climb with the beat.
float wave(float y) { return 0.5 + 0.5 * sin(7.5 * y - 1.5708 * beats); }

// Light, coverage and rim of the body as it was so many seconds ago; `number` of the dancer where no camera is.
vec3 body(vec2 at, float ago, float number) {
    if (IMG_NORM_PIXEL(sourceImage, vec2(0.5)).a > 0.5) {
        vec4 seen = IMG_HISTORY(historyImage, at, ago);
        float cover = smoothstep(0.25, 0.75, seen.a) * step(0.0, at.x) * step(at.x, 1.0) * step(0.0, at.y) * step(at.y, 1.0);
        return vec3(1.0 - exp(-3.0 * dot(seen.rgb, vec3(0.3, 0.59, 0.11))), cover, 4.0 * cover * (1.0 - cover) + 0.3 * cover * (1.0 - seen.a));
    }
    vec2 cell = to_cell(((at - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0) - vec2(0.0, -0.44)) / 0.84);
    float d = IMG_NORM_PIXEL(dancers, (in_cell(cell) + vec2(number, 0.0)) * vec2(0.2, 1.0)).r + beyond(cell), soft = 1.3 / RENDERSIZE.y;
    return vec3((1.0 - smoothstep(-0.06, 0.0, d)), smoothstep(soft, -soft, d), smoothstep(-0.022, -0.002, d) * smoothstep(soft, -soft, d) + 0.5 * exp(-max(d, 0.0) * 38.0));
}

void main() {
    vec2 at = isf_FragNormCoord;
    float beat_s = 60.0 / max(bpm, 20.0);
    if (PASSINDEX == 0) {
        // The dancer now, its times as its waves want them, and as often as there are copies, each later.
        float number = floor(at.x * 5.0);
        vec2 p = from_cell(vec2(fract(at.x * 5.0), at.y));
        float ago = number < 0.5 ? slit * beat_s * 0.9 * wave(p.y * 0.84 + 0.06) : number * gap * beat_s;
        gl_FragColor = vec4(dancer(p, step_at(beats - ago * bpm / 60.0) + 0.13 * (TIME - ago), 0.85, 1.0), 0.0, 0.0, 1.0);
        return;
    }
    if (PASSINDEX == 1) {
        vec3 sum = vec3(0.0);
        float shade = 0.0, side = at.x < 0.5 ? -1.0 : 1.0;
        for (int i = COPIES; i >= 1; i--) {
            float age = float(i) / float(COPIES), seat = float(i - 1);
            // To both sides in step: the older ones further, smaller, and lit on their beat of the bar.
            float away = (0.10 + 0.30 * age) * (0.35 + 0.95 * spread) * (0.94 + 0.06 * sin(TIME * 0.37 + age * 5.0)) + 0.012 * kick;
            float size = 1.0 + 0.5 * age * spread;
            vec2 from = vec2(side * (at.x - 0.5) - away, at.y - 0.10) * size + vec2(0.5, 0.08);
            vec3 there = body(from, float(i) * gap * beat_s, float(i));
            float lamp = exp(-2.2 * mod(beats - seat, float(COPIES)));
            vec3 colour = mix(palette_3.rgb, palette_2.rgb, age);
            vec3 light = colour * (there.y * (0.09 + 0.28 * there.x) + there.z * (0.24 + 0.35 * lamp));
            light += mix(colour, palette_4.rgb, 0.5) * there.y * lamp * (0.15 + 0.45 * there.x);
            sum = sum * (1.0 - 0.55 * there.y) + light * (1.0 - 0.6 * age * (1.0 - lamp)) * (0.34 + 0.56 * kick);
            shade = max(shade, there.y * (1.0 - 0.5 * age));
        }
        gl_FragColor = vec4(sum, shade);
        return;
    }
    vec4 copied = IMG_NORM_PIXEL(copies, at), now = vec4(body(at, slit * beat_s * 0.9 * wave(at.y), 0.0), 1.0);
    vec3 layers = IMG_THIS_PIXEL(inputImage).rgb;
    float grey = dot(IMG_NORM_PIXEL(sourceImage, at).rgb, vec3(0.3, 0.59, 0.11)), x = at.x - 0.5;
    float pool = exp(-7.0 * x * x) * exp(-300.0 * (at.y - 0.07) * (at.y - 0.07));
    float cone = exp(-pow(x / (0.07 + 0.30 * (1.0 - at.y)), 2.0) * 2.2) * (0.35 + 0.65 * at.y);
    vec3 back = palette_1.rgb * (0.16 + 0.55 * cone + 1.1 * pool) * (0.30 + 0.8 * room + 0.8 * kick);
    back += grey * mix(palette_1.rgb * 2.5, palette_2.rgb, 0.25) * room * 0.7;
    back += layers * (0.13 + 0.45 * hat) * (0.4 + pool);
    vec3 result = back * (1.0 - 0.6 * copied.a) + copied.rgb;
    float line = pow(wave(at.y), 14.0), thin = (1.0 - smoothstep(0.1, 0.5, abs(fract(at.y * 54.0 - beats) - 0.5)));
    float late = wave(at.y);
    vec3 skin = mix(mix(palette_2.rgb, palette_3.rgb, late), palette_4.rgb, 0.55 * now.r * late) * (0.16 + 0.50 * now.r) * (0.62 + 0.62 * kick);
    skin *= 1.0 - 0.45 * slit * thin * (0.4 + hat);
    skin += palette_4.rgb * (line * slit * (0.40 + 0.5 * kick) + 0.10 * now.r) + layers * 0.6;
    result = mix(result, skin, smoothstep(0.2, 0.8, now.g));
    gl_FragColor = vec4(result + mix(palette_3.rgb, palette_4.rgb, 0.4) * now.b * (0.16 + 0.5 * kick), 1.0);
}
