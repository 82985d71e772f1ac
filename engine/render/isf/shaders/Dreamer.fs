/*{
    "ISFVSN": "2",
    "DESCRIPTION": "The source dreams: pictures that come slowly flow into each other along their movement; the room trails, people stay. Without a source a dancer of its own.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Body"],
    "INPUTS": [
        {"NAME": "inputImage", "TYPE": "image"},
        {"NAME": "sourceImage", "TYPE": "image"},
        {"NAME": "previousImage", "TYPE": "image"},
        {"NAME": "maskImage", "TYPE": "image"},
        {"NAME": "flowImage", "TYPE": "image"},
        {"NAME": "trail", "LABEL": "Trail of the room", "TYPE": "float", "DEFAULT": 0.75, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "stay", "LABEL": "People stay clear", "TYPE": "float", "DEFAULT": 0.8, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "drift", "LABEL": "Drift", "TYPE": "float", "DEFAULT": 0.4, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "grade", "LABEL": "Colours of the palette", "TYPE": "float", "DEFAULT": 0.45, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "voice", "LABEL": "Voice", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "quality", "LABEL": "Sharpness of the dream", "TYPE": "float", "DEFAULT": 1.0, "MIN": 0.25, "MAX": 1.0},
        {"NAME": "night", "LABEL": "Night around people; 0 for painted pictures", "TYPE": "float", "DEFAULT": 1.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "beats", "LABEL": "Beats", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 100000.0},
        {"NAME": "palette_1", "LABEL": "Room", "TYPE": "color", "DEFAULT": [0.05, 0.06, 0.2, 1.0]},
        {"NAME": "palette_2", "LABEL": "Shadows", "TYPE": "color", "DEFAULT": [0.3, 0.3, 0.8, 1.0]},
        {"NAME": "palette_3", "LABEL": "People", "TYPE": "color", "DEFAULT": [0.95, 0.55, 0.45, 1.0]},
        {"NAME": "palette_4", "LABEL": "Light", "TYPE": "color", "DEFAULT": [1.0, 0.95, 0.88, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "dancers", "FLOAT": true, "WIDTH": "max(3, 160 * (1 - $maskImage))", "HEIGHT": "max(3, 160 * (1 - $maskImage))"},
        {"TARGET": "dream", "PERSISTENT": true, "FLOAT": true, "WIDTH": "2 * floor($WIDTH * (0.1 + 0.15 * $quality)) + 1", "HEIGHT": "2 * floor($HEIGHT * (0.1 + 0.15 * $quality)) + 1"},
        {}
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
vec2 swirl(vec2 p, float t) {
    // The curl of three waves: a wind without sources.
    vec2 v = vec2(0.0);
    v += vec2(cos(3.1 * p.y + 0.31 * t), -cos(2.7 * p.x - 0.23 * t));
    v += 0.6 * vec2(cos(5.3 * p.y - 0.43 * t + 2.0 * p.x), -cos(4.9 * p.x + 0.37 * t + 1.5 * p.y));
    v += 0.35 * vec2(cos(11.0 * p.y + 0.7 * t), -cos(9.7 * p.x - 0.6 * t));
    return v;
}

// The source between its two newest pictures, moved along the flow; alpha: coverage by people.
vec4 between(vec2 at) {
    vec4 flow = IMG_NORM_PIXEL(flowImage, at);
    // The flow stands where the newer picture has it: two steps find the one that passes here now.
    flow = IMG_NORM_PIXEL(flowImage, at + flow.xy * (1.0 - flow.a));
    flow = IMG_NORM_PIXEL(flowImage, at + flow.xy * (1.0 - flow.a));
    float t = flow.a;
    vec3 older = IMG_NORM_PIXEL(previousImage, at - flow.xy * t).rgb;
    vec3 newer = IMG_NORM_PIXEL(sourceImage, at + flow.xy * (1.0 - t)).rgb;
    return vec4(mix(older, newer, t), smoothstep(0.25, 0.75, IMG_NORM_PIXEL(maskImage, at + flow.xy * (1.0 - t)).r));
}

vec4 scene(vec2 at) {
    if (IMG_NORM_PIXEL(sourceImage, vec2(0.5)).a > 0.5) {
        return between(at);
    }
    vec2 p = (at - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    vec2 w = swirl(p * 1.3, TIME * 1.3);
    // Somebody floats over water in which the sky stands upside down.
    float shore = p.y + 0.33, below = step(shore, 0.0);
    vec2 q = vec2(p.x + below * 0.02 * sin(70.0 * shore + 3.0 * TIME) * (0.3 - shore), abs(shore));
    vec2 from = (q - vec2(0.16 * sin(TIME * 0.21), 0.045 + 0.02 * sin(TIME * 0.6))) / 0.70 + 0.012 * w;
    vec2 cell = to_cell(from);
    float d = IMG_NORM_PIXEL(dancers, in_cell(cell)).r + beyond(cell);
    float body = (1.0 - smoothstep(-0.008, 0.008, d)) * (1.0 - 0.6 * below), cloud = 0.5 + 0.5 * sin(5.0 * q.y + 2.2 * w.x + 0.3 * TIME);
    vec2 moon = q - vec2(-0.42, 0.56);
    vec3 room = mix(palette_1.rgb * 0.9, palette_2.rgb, 0.30 * cloud + 0.35 * exp(-5.0 * q.y)) * (0.45 + 0.35 * cloud) * (1.0 - 0.45 * below);
    room += palette_3.rgb * (0.55 * exp(-13.0 * q.y) + 0.40 * pow(cloud, 5.0) * exp(-2.5 * q.y)) + palette_4.rgb * ((1.0 - smoothstep(0.080, 0.088, length(moon))) * 1.5 + 0.07 / (0.16 + 3.0 * length(moon))) * (1.0 - 0.5 * below);
    vec3 figure = mix(palette_3.rgb, palette_4.rgb, 0.35 + 0.5 * (1.0 - smoothstep(-0.035, 0.0, d))) * (0.24 + 0.22 * (1.0 - smoothstep(-0.04, 0.0, d)));
    return vec4(mix(room * 0.25 + palette_3.rgb * 0.10 * exp(-max(d, 0.0) * 11.0), figure, body), body);
}

void main() {
    vec2 at = isf_FragNormCoord;
    vec2 aspect = vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    if (PASSINDEX == 0) {
        gl_FragColor = vec4(dancer(from_cell(at), step_at(beats) + 0.6 * TIME, 0.5 + 0.5 * kick, 1.0), 0.0, 0.0, 1.0);
        return;
    }
    if (PASSINDEX == 1) {
        vec2 p = (at - 0.5) * aspect;
        vec2 wind = swirl(p * (1.6 + voice), TIME) * drift * (0.0055 + 0.006 * kick + 0.006 * voice) + vec2(0.0, 0.0022) * drift;
        vec4 now = scene(at + wind / aspect * 1.6);
        // A stage is dark, a dream is not; a bright room becomes night, in which people shine.
        vec2 source = vec2(IMG_NORM_PIXEL(sourceImage, vec2(0.5)).a, IMG_NORM_PIXEL(maskImage, vec2(0.5)).a);
        vec3 mean = vec3(0.0);
        for (int i = 0; i < 9; i++) mean += IMG_NORM_PIXEL(sourceImage, 0.2 + 0.3 * vec2(i - 3 * (i / 3), i / 3)).rgb / 9.0;
        float has_people = source.x > 0.5 && source.y > 0.5 ? night : 0.0, room = has_people * (1.0 - now.a);
        float exposure = mix(2.0, clamp(0.64 / max(dot(mean, vec3(0.3, 0.59, 0.11)), 0.01), 0.7, 2.0), has_people);
        now.rgb = (1.0 - exp(-now.rgb * exposure)) * (1.0 - 0.25 * room);
        float light = dot(now.rgb, vec3(0.3, 0.59, 0.11));
        // People take the warm side of the palette, the room the cool one; a painted picture keeps most of its own.
        vec3 cool = mix(palette_1.rgb * 1.4, mix(palette_2.rgb, palette_4.rgb, 0.35), smoothstep(0.05, 0.85, light)) * (0.4 + 1.3 * light);
        vec3 warm = mix(palette_3.rgb * 0.5, palette_4.rgb, smoothstep(0.1, 0.9, light)) * (0.3 + 1.4 * light) * (1.0 + 0.6 * has_people);
        vec3 graded = mix(now.rgb * 1.15, mix(cool, warm, now.a * smoothstep(0.10, 0.42, light)), min(grade * (1.0 + has_people), 1.0));
        vec2 from = at - wind / aspect - IMG_NORM_PIXEL(flowImage, at).xy * 2.0 * TIMEDELTA;
        from = (from - 0.5) * (1.0 - 0.006 * drift - 0.02 * kick * drift) + 0.5;
        vec3 before = IMG_NORM_PIXEL(dream, from).rgb;
        // A trail takes the colours of the palette as it grows old.
        float faded = dot(before, vec3(0.3, 0.59, 0.11));
        before = mix(before, faded * 1.9 * mix(palette_2.rgb, palette_3.rgb, smoothstep(0.05, 0.55, faded)), 0.04);
        float kept = mix(0.80, 0.985, trail) * (1.0 - stay * now.a * 0.85);
        kept = FRAMEINDEX == 0 ? 0.0 : pow(kept, TIMEDELTA * 30.0);
        gl_FragColor = vec4(mix(graded, max(before * 0.985, graded * 0.8), kept), now.a);
        return;
    }
    vec4 dreamt = IMG_THIS_PIXEL(dream);
    float body = dreamt.a;
    vec2 px = 2.0 / RENDERSIZE;
    float slope = IMG_NORM_PIXEL(dream, at + px).a - IMG_NORM_PIXEL(dream, at - px).a;
    vec3 layers = IMG_THIS_PIXEL(inputImage).rgb;
    // A veil of light around what is bright, and motes that rise through it.
    vec2 wide = vec2(0.016, 0.028) * (1.0 + 0.8 * voice + 0.5 * kick);
    vec3 veil = 0.25 * (IMG_NORM_PIXEL(dream, at + wide).rgb + IMG_NORM_PIXEL(dream, at - wide).rgb
        + IMG_NORM_PIXEL(dream, at + vec2(-wide.x, wide.y)).rgb + IMG_NORM_PIXEL(dream, at + vec2(wide.x, -wide.y)).rgb);
    vec2 sky = at * vec2(11.0, 6.5) - vec2(0.3 * sin(TIME * 0.3 + at.y * 4.0), 0.6 * TIME), cell = floor(sky);
    float own = fract(sin(dot(cell, vec2(12.9898, 78.233))) * 43758.5453);
    float mote = smoothstep(0.10 + 0.12 * own, 0.0, length(fract(sky) - 0.5 - 0.28 * vec2(sin(40.0 * own), cos(31.0 * own)))) * step(0.55, own);
    vec3 colour = dreamt.rgb * (0.66 + 0.30 * kick + 0.25 * voice) + veil * veil * (0.12 + 0.32 * trail + 0.6 * voice);
    colour += palette_4.rgb * mote * mote * (0.30 + 0.5 * voice + 0.3 * kick) * (1.0 - body) * (0.4 + 0.6 * sin(TIME * 0.8 + 20.0 * own));
    colour += layers * mix(palette_2.rgb, palette_3.rgb, body) * (0.10 + 0.45 * voice) * (1.0 - 0.6 * body);
    colour += mix(palette_3.rgb, palette_4.rgb, 0.5) * abs(slope) * 0.18 * kick * smoothstep(0.1, 0.4, dot(dreamt.rgb, vec3(0.33)));
    float vignette = 1.0 - 0.35 * dot(at - 0.5, at - 0.5) * 2.0;
    gl_FragColor = vec4(colour * vignette, 1.0);
}
