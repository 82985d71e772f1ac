/*{
    "ISFVSN": "2",
    "DESCRIPTION": "The picture inside the people in front of the camera, the room dark around them, edges that burn. Without a camera a dancer of its own.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Body"],
    "INPUTS": [
        {"NAME": "inputImage", "TYPE": "image"},
        {"NAME": "sourceImage", "TYPE": "image"},
        {"NAME": "maskImage", "TYPE": "image"},
        {"NAME": "burn", "LABEL": "Burning edge", "TYPE": "float", "DEFAULT": 0.25, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "room", "LABEL": "Light in the room", "TYPE": "float", "DEFAULT": 0.35, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "inside", "LABEL": "Light in the body", "TYPE": "float", "DEFAULT": 0.7, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "rise", "LABEL": "Rising embers", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "beats", "LABEL": "Beats", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 100000.0},
        {"NAME": "quality", "LABEL": "Sharpness of the fire", "TYPE": "float", "DEFAULT": 1.0, "MIN": 0.25, "MAX": 1.0},
        {"NAME": "palette_1", "LABEL": "Room", "TYPE": "color", "DEFAULT": [0.04, 0.05, 0.12, 1.0]},
        {"NAME": "palette_2", "LABEL": "First person", "TYPE": "color", "DEFAULT": [0.9, 0.3, 0.25, 1.0]},
        {"NAME": "palette_3", "LABEL": "Second person", "TYPE": "color", "DEFAULT": [0.3, 0.55, 0.95, 1.0]},
        {"NAME": "palette_4", "LABEL": "Fire", "TYPE": "color", "DEFAULT": [1.0, 0.95, 0.85, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "dancers", "FLOAT": true, "WIDTH": "max(3, 320 * (1 - $maskImage))", "HEIGHT": "max(3, 160 * (1 - $maskImage))"},
        {"TARGET": "embers", "PERSISTENT": true, "FLOAT": true, "WIDTH": "2 * floor($WIDTH * $quality / 4) + 1", "HEIGHT": "2 * floor($HEIGHT * $quality / 4) + 1"},
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
float hash(vec2 p) { return fract(sin(dot(p, vec2(41.3, 289.1))) * 43758.5); }
float noise(vec2 p) {
    vec2 i = floor(p), f = fract(p);
    f = f * f * (3.0 - 2.0 * f);
    return mix(mix(hash(i), hash(i + vec2(1, 0)), f.x), mix(hash(i + vec2(0, 1)), hash(i + vec2(1, 1)), f.x), f.y);
}

// Coverage and number of the person (0: none has a number).
vec2 people(vec2 at) {
    vec4 found = IMG_NORM_PIXEL(maskImage, at);
    if (found.a > 0.5) {
        return vec2(smoothstep(0.42, 0.62, found.r), floor(found.g * 255.0 + 0.5));
    }
    vec2 p = (at - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    vec2 left = to_cell((p - vec2(-0.32 + 0.05 * sin(TIME * 0.23), -0.46)) / 0.86);
    vec2 right = to_cell((p - vec2(0.33 - 0.05 * sin(TIME * 0.19), -0.47)) / vec2(-0.9, 0.9));
    float first = IMG_NORM_PIXEL(dancers, in_cell(left) * vec2(0.5, 1.0)).r + beyond(left);
    float second = IMG_NORM_PIXEL(dancers, in_cell(right) * vec2(0.5, 1.0) + vec2(0.5, 0.0)).r + beyond(right);
    float soft = 1.2 / RENDERSIZE.y;
    return vec2(smoothstep(soft, -soft, min(first, second)), first < second ? 1.0 : 2.0);
}

// One colour for each number; without numbers the colours go from left to right.
vec3 colour_of(float number, float x) {
    float k = mod(number - 1.0, 4.0);
    vec3 third = mix(palette_2.brg, palette_3.brg, 0.5), fourth = mix(palette_3.rgb, palette_4.rgb, 0.7);
    return number < 0.5 ? mix(palette_2.rgb, palette_3.rgb, smoothstep(0.25, 0.75, x))
        : k < 0.5 ? palette_3.rgb : k < 1.5 ? palette_2.rgb : k < 2.5 ? third : fourth;
}

void main() {
    vec2 at = isf_FragNormCoord, aspect = vec2(RENDERSIZE.y / RENDERSIZE.x, 1.0);
    if (PASSINDEX == 0) {
        float t = step_at(beats) + 0.2 * TIME, energy = 0.35 + 0.65 * kick, is_second = step(0.5, at.x);
        gl_FragColor = vec4(dancer(from_cell(vec2(fract(at.x * 2.0), at.y)), t + 1.1 * is_second, energy, 1.0 - is_second), 0.0, 0.0, 1.0);
        return;
    }
    if (PASSINDEX == 1) {
        vec2 px = 1.5 / RENDERSIZE;
        float here = people(at).x;
        float around = 0.25 * (people(at + px).x + people(at + vec2(-px.x, px.y)).x
            + people(at + vec2(px.x, -px.y)).x + people(at - px).x);
        float edge = clamp(3.0 * abs(here - around) + 2.0 * around * (1.0 - around), 0.0, 1.0);
        // Fire leans and licks upward, and tears where the noise is thin.
        float pace = min(TIMEDELTA * 30.0, 2.0), gust = noise(vec2(at.x * 6.0 + 0.4 * TIME, at.y * 4.0 - TIME * 1.1)) - 0.5;
        float tear = noise(vec2(at.x * 34.0 + 6.0 * gust, at.y * 15.0 - TIME * 2.6));
        vec2 from = at - pace * vec2(0.010 * gust, 0.004 + 0.011 * rise * tear);
        vec4 before = FRAMEINDEX == 0 ? vec4(0.0) : IMG_NORM_PIXEL(embers, from);
        float fire = max(before.r * (1.0 - pace * (0.175 - 0.115 * rise)) - pace * (0.018 + 0.03 * (1.0 - tear)), edge * (0.25 + 0.75 * tear) * (0.12 + 0.88 * burn));
        // The glow of the bodies: taps that turn from picture to picture, gathered over time.
        float number = float(FRAMEINDEX % 1024), angle = 2.4 * number, far = 0.018 + 0.05 * fract(0.618 * number);
        vec2 tap = far * vec2(cos(angle), sin(angle)) * aspect;
        float glow = 0.5 * (people(at + tap).x + people(at - tap).x);
        glow = mix(FRAMEINDEX == 0 ? glow : IMG_NORM_PIXEL(embers, at).b, glow, 0.12);
        float haze = noise(vec2(at.x * 3.0 + 0.11 * TIME, at.y * 2.2 - 0.07 * TIME)) * noise(vec2(at.x * 6.0 - 0.13 * TIME, at.y * 4.0));
        gl_FragColor = vec4(max(fire, 0.0), edge, glow, haze);
        return;
    }
    vec2 shaped = people(at);
    vec4 lit = IMG_NORM_PIXEL(embers, at);
    float cover = shaped.x;
    vec3 own = colour_of(shaped.y, at.x);
    // The whole Multiverse fits into a body: it is drawn smaller, and mirrored at its sides.
    vec2 within = 1.0 - abs(1.0 - mod((at - 0.5) * 1.7 + 0.5, 2.0));
    vec3 filled = IMG_NORM_PIXEL(inputImage, within).rgb;
    float level = max(filled.r, max(filled.g, filled.b));
    vec2 step_ = vec2(2.5, 2.5) / RENDERSIZE;
    vec3 sheen = IMG_NORM_PIXEL(inputImage, within + step_).rgb - IMG_NORM_PIXEL(inputImage, within - step_).rgb;
    vec4 seen = IMG_NORM_PIXEL(sourceImage, at);
    float grey = dot(seen.rgb, vec3(0.3, 0.59, 0.11)), form = mix(1.0, 0.55 + 1.1 * grey, seen.a);
    // Its stripes stand out as in silk: dark ground, bright threads, a sheen where they rise.
    float thread = smoothstep(0.05, 0.68 - 0.2 * inside, level);
    vec3 body = mix(own, filled / (level + 0.04), 0.45) * (0.06 + 0.92 * thread * (0.6 + 0.5 * inside)) * (0.52 + 0.75 * kick);
    body += palette_4.rgb * (0.55 * pow(thread, 4.0) * inside + max(dot(sheen, vec3(1.2)), 0.0) * 1.6 * inside);
    body += own * (0.35 * kick * inside + 0.52 * (1.0 - lit.b) + 0.11);
    float ground = exp(-26.0 * (at.y - 0.045) * (at.y - 0.045) * (at.y > 0.045 ? 4.0 : 60.0));
    vec3 around = palette_1.rgb * (0.08 + 0.8 * lit.a) * (0.15 + 0.9 * room + 0.7 * kick);
    around += mix(vec3(grey), palette_1.rgb * 3.0 * grey, 0.6) * (0.06 + 0.6 * room) * seen.a;
    around += own * lit.b * (0.05 + 0.30 * kick + 0.08 * burn) + own * lit.b * ground * (1.0 - seen.a) * 0.5;
    vec3 result = mix(around, body * form, cover);
    float fire = lit.r;
    vec3 flame = mix(own * own * 1.3, palette_4.rgb, smoothstep(0.35, 0.95, fire)) * smoothstep(0.03, 0.7, fire);
    gl_FragColor = vec4(result + flame * (0.65 + 0.4 * burn), 1.0);
}
