/*{
    "ISFVSN": "2",
    "DESCRIPTION": "A swarm of a hundred thousand lights in a current, four flocks for four layers. Every fourth bar it finds the look's words or logo, else another figure; people in front of the camera at any time. The kick blows it apart.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Particles"],
    "INPUTS": [
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.1, "MAX": 1.5},
        {"NAME": "gather", "LABEL": "Gather", "TYPE": "float", "DEFAULT": 0.7, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "trail", "LABEL": "Trail", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "hat", "LABEL": "Hat", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "layer_1", "LABEL": "Level of layer 1", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "layer_2", "LABEL": "Level of layer 2", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "layer_3", "LABEL": "Level of layer 3", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "layer_4", "LABEL": "Level of layer 4", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "quality", "LABEL": "Quality", "TYPE": "float", "DEFAULT": 1.0, "MIN": 0.25, "MAX": 1.0},
        {"NAME": "beats", "LABEL": "Beats since the start", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1000000.0},
        {"NAME": "sourceImage", "TYPE": "image"},
        {"NAME": "maskImage", "TYPE": "image"},
        {"NAME": "flowImage", "TYPE": "image"},
        {"NAME": "textImage", "TYPE": "image"},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.0, 0.14, 0.26, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.17, 0.50, 0.75, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [0.23, 0.87, 0.84, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [0.86, 1.0, 0.94, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "clock", "PERSISTENT": true, "FLOAT": true, "WIDTH": "2", "HEIGHT": "1"},
        {"TARGET": "aim", "PERSISTENT": true, "FLOAT": true, "WIDTH": "2 * floor(2 + 158 * $quality) + 1", "HEIGHT": "2 * floor(2 + 158 * $quality) + 1"},
        {"TARGET": "speeds", "PERSISTENT": true, "FLOAT": true, "WIDTH": "2 * floor(2 + 158 * $quality) + 1", "HEIGHT": "2 * floor(2 + 158 * $quality) + 1"},
        {"TARGET": "place", "PERSISTENT": true, "FLOAT": true, "WIDTH": "2 * floor(2 + 158 * $quality) + 1", "HEIGHT": "2 * floor(2 + 158 * $quality) + 1"},
        {"TARGET": "dots", "FLOAT": true, "WIDTH": "floor($WIDTH * (0.25 + 0.75 * $quality))", "HEIGHT": "floor($HEIGHT * (0.25 + 0.75 * $quality))", "POINTS": "pow(2 * floor(2 + 158 * $quality) + 1, 2)"},
        {"TARGET": "light", "PERSISTENT": true, "FLOAT": true, "WIDTH": "floor($WIDTH * (0.25 + 0.75 * $quality))", "HEIGHT": "floor($HEIGHT * (0.25 + 0.75 * $quality))"},
        {"TARGET": "haze", "FLOAT": true, "WIDTH": "2 * floor($WIDTH / 8) + 1", "HEIGHT": "2 * floor($HEIGHT / 8) + 1"},
        {}
    ]
}*/

// clock: texel 0: time, turn of the eye, how far the figure has gathered, number of the newest hat; texel 1: hat before,
// loudness, figure. aim: where a particle is drawn to in the picture, and whether there is such a place. speeds: velocity,
// and how firmly it is pinned. place: position, and 1 once it has one.
varying vec4 tint;
const float TURN = 6.2831853;

float chance(vec2 cell) {
    vec3 q = fract(vec3(cell.xyx) * vec3(0.1271, 0.3117, 0.2699) * 7.0);
    q += dot(q, q.yzx + 19.19);
    return fract((q.x + q.y) * q.z);
}

// A current without sources (Arnold, Beltrami, Childress), at two sizes.
vec3 current(vec3 p, float t) {
    vec3 q = 1.7 * p + vec3(0.31, 0.23, 0.27) * t;
    vec3 v = vec3(sin(q.z) + 0.8 * cos(q.y), 0.9 * sin(q.x) + cos(q.z), 0.8 * sin(q.y) + 0.9 * cos(q.x));
    q = 4.3 * p.yzx - vec3(0.43, 0.57, 0.37) * t;
    return v + 0.55 * vec3(sin(q.z) + cos(q.y), sin(q.x) + cos(q.z), sin(q.y) + cos(q.x));
}

// The place of a particle in a figure that is drawn in threads: a ring, a shell, a knot.
vec3 figure(float number, vec2 id, float t) {
    float threads = number < 1.5 ? 22.0 : 9.0;
    float thread = (floor(id.y * threads) + 0.5) / threads;
    float a = TURN * id.x, b = TURN * thread;
    if (number < 0.5) {
        float r = 0.66 + 0.15 * cos(b + 2.0 * a + 0.4 * t) * (0.7 + 0.3 * sin(a - 0.3 * t));
        return vec3(1.35 * r * cos(a), r * sin(a), 0.34 * sin(b + 2.0 * a + 0.4 * t));
    }
    if (number < 1.5) {
        float z = 0.98 * (2.0 * thread - 1.0), r = sqrt(1.0 - z * z);
        float ripple = 0.80 + 0.05 * sin(5.0 * z + 1.3 * t) + 0.05 * sin(3.0 * a + 6.0 * z);
        return ripple * vec3(1.1 * r * cos(a), z + 0.12 * r * sin(2.0 * a + t), r * sin(a));
    }
    float r = 0.54 + 0.24 * cos(3.0 * a);
    vec3 line = vec3(1.4 * r * cos(2.0 * a), 1.15 * r * sin(2.0 * a), 0.4 * sin(3.0 * a));
    return line + 0.085 * vec3(cos(b + 3.0 * a), sin(b + 3.0 * a), sin(2.0 * b));
}

// Movement of the source's picture, in pictures per second.
vec2 pace_at(vec2 at) {
    vec4 move = IMG_NORM_PIXEL(flowImage, at);
    return clamp(move.rg / max(move.b, 0.02), -2.0, 2.0);
}

void main() {
    vec4 now = texelFetch(clock, ivec2(0), 0), more = texelFetch(clock, ivec2(1, 0), 0);
    float dt = min(TIMEDELTA, 0.05);
    float wide = IMG_SIZE(dots).x / IMG_SIZE(dots).y;
    if (PASSINDEX == 0) {
        if (FRAMEINDEX == 0) now = vec4(11.0, 0.4, 0.0, 0.0);
        float loud = max(max(layer_1, layer_2), max(layer_3, layer_4));
        float phrase = floor(beats / 16.0);
        bool wants = mod(phrase, 2.0) > 0.5 || mod(beats, 16.0) > 12.0;
        float goal = wants ? gather * smoothstep(0.05, 0.3, more.g) : 0.0;
        if (isf_FragNormCoord.x < 0.5) {
            float hats = now.a + (hat - more.r > 0.15 ? 1.0 : 0.0);
            gl_FragColor = vec4(now.r + dt * (0.25 + speed), now.g + dt * (0.06 + 0.10 * speed), mix(now.b, goal, 1.0 - exp(-1.6 * dt)), mod(hats, 97.0));
        } else {
            gl_FragColor = vec4(hat, mix(more.g, loud, 1.0 - exp(-1.2 * dt)), mod(floor((beats + 4.0) / 32.0), 3.0), 1.0);
        }
        return;
    }
    ivec2 cell = ivec2(isf_FragNormCoord * RENDERSIZE);
    vec2 id = (vec2(cell) + 0.5) / RENDERSIZE;
    float own = chance(vec2(cell) + 3.0);
    if (PASSINDEX == 1) {
        // People and words: a guess a picture for each particle, kept as long as it lies on them. aim.z: 1 for words.
        vec4 old = texelFetch(aim, cell, 0);
        bool seeks_words = own > 0.3 && now.b > 0.1;
        if (old.z < 0.5) old.xy += dt * pace_at(old.xy); // it moves along with the body
        bool stays = old.z > 0.5 ? seeks_words && IMG_NORM_PIXEL(textImage, old.xy).a > 0.4 : IMG_NORM_PIXEL(maskImage, old.xy).r > 0.4;
        float kept = old.a > 0.5 && stays ? 1.0 : 0.0;
        vec2 guess = vec2(chance(vec2(cell) + 17.0 * fract(TIME) + 1.0), chance(vec2(cell.yx) + 29.0 * fract(TIME) + 5.0));
        vec4 mask = IMG_NORM_PIXEL(maskImage, guess);
        bool is_word = seeks_words && IMG_NORM_PIXEL(textImage, guess).a > 0.5;
        bool is_found = is_word || (mask.r * mask.a > 0.5 && own < 0.8 && old.z * kept < 0.5);
        bool is_better = is_found && (kept < 0.5 || (is_word && old.z < 0.5) || chance(guess * 91.0) < 0.03);
        gl_FragColor = is_better ? vec4(guess, is_word ? 1.0 : 0.0, 1.0) : vec4(old.xyz, kept);
        return;
    }
    if (PASSINDEX == 2 || PASSINDEX == 3) {
        vec4 at = texelFetch(place, cell, 0), going = texelFetch(speeds, cell, 0);
        // One that swims freely begins anew every few seconds, somewhere: a current would draw all of them together.
        float age = fract(TIME * 0.15 + chance(vec2(cell.yx) + 9.0));
        bool is_new = at.a < 0.5 || (age < TIMEDELTA * 0.15 && (now.b < 0.4 || own < 0.25) && going.a < 0.5);
        if (is_new) {
            // Each flock comes from a line that wanders; the current draws the line out to a sheet.
            float k = mod(float(cell.x), 4.0), s = at.a < 0.5 ? now.r - 9.0 * chance(vec2(cell.yx) + 5.0) : now.r;
            vec3 mid = vec3(1.25 * sin(0.31 * s + 1.7 * k), 0.55 * sin(0.43 * s + 2.3 * k + 1.0), 0.4 * cos(0.37 * s + k));
            float turn = 0.5 * s + 1.3 * k;
            float along = chance(vec2(cell) + 40.0 * fract(TIME * 0.37)) - 0.5;
            vec3 way = vec3(cos(turn), 0.8 * sin(turn), 0.5 * sin(0.7 * turn + k));
            at = vec4(mid + way * along * (2.4 - 1.3 * gather) + 0.05 * (vec3(own, id) - 0.5) + (at.a < 0.5 ? 0.5 * current(mid + along, s) : vec3(0.0)), 1.0);
            going = vec4(0.0);
        }
        if (PASSINDEX == 3) {
            gl_FragColor = vec4(at.xyz + dt * going.xyz, 1.0);
            return;
        }
        float kind = mod(float(cell.x), 4.0);
        float level = kind < 0.5 ? layer_1 : kind < 1.5 ? layer_2 : kind < 2.5 ? layer_3 : layer_4;
        vec4 to = texelFetch(aim, cell, 0);
        float t = now.r;
        // Each flock swims in a current of its own, the faster the louder its layer is.
        vec3 wanted = current(at.xyz + 0.23 * kind + 0.05 * vec3(own, id), t + 5.0 * kind) * (0.20 + 0.30 * speed) * (0.7 + 0.9 * level);
        // It stays in the room: a flat, wide one.
        vec3 out_there = at.xyz / vec3(1.75, 0.95, 0.9);
        float beyond = max(length(out_there) - 0.75, 0.0);
        wanted -= 2.2 * beyond * at.xyz;
        float hold = now.b * smoothstep(0.10, 0.30, own);
        vec3 home = figure(more.b, vec2(fract(id.x + own / RENDERSIZE.x + 0.012 * t), id.y), t);
        if (to.a > 0.5) {
            hold = 0.96;
            home = vec3((to.xy - 0.5) * 2.0 * vec2(wide, 1.0), 0.10 * (own - 0.5));
        }
        if (to.a > 0.5) wanted = vec3(2.0 * vec2(wide, 1.0) * pace_at(to.xy), 0.0) * 10.0 * (1.0 - to.z);
        wanted = mix(wanted, (to.a > 0.5 ? 15.0 : 4.0) * (home - at.xyz) + 0.10 * wanted, hold);
        vec3 v = mix(going.xyz, wanted, 1.0 - exp(-dt * (2.2 + (to.a > 0.5 ? 14.0 : 3.0) * hold)));
        // The kick: a shell of pressure that runs outward.
        float reach = length(at.xyz * vec3(0.8, 1.0, 1.0));
        float shell = exp(-10.0 * (reach - 0.9 * (1.0 - kick)) * (reach - 0.9 * (1.0 - kick)));
        v += dt * (to.a > 0.5 ? 60.0 : 26.0) * kick * kick * shell * (0.25 + 1.5 * own * own) * at.xyz / max(reach, 0.1);
        float pinned = mix(going.a, to.a > 0.5 ? 1.0 : 0.0, 1.0 - exp(-3.0 * dt));
        gl_FragColor = vec4(clamp(v, -5.0, 5.0), pinned);
        return;
    }
    if (PASSINDEX == 4) {
        vec2 d = gl_PointCoord * 2.0 - 1.0;
        gl_FragColor = tint * max(1.25 - 1.25 * dot(d, d), 0.15);
        return;
    }
    if (PASSINDEX == 5) {
        // What was lit fades, and drifts a little towards us.
        vec2 from = 0.5 + (isf_FragNormCoord - 0.5) * (1.0 - 0.10 * dt);
        float stays = exp(-dt * mix(16.0, 2.6, trail));
        vec3 old = IMG_NORM_PIXEL(light, from).rgb * stays;
        gl_FragColor = vec4(min(old + IMG_THIS_NORM_PIXEL(dots).rgb * (1.0 - 0.75 * trail), 8.0), 1.0);
        return;
    }
    if (PASSINDEX == 6) {
        // Eight reads on two circles stand for the light that the dust scatters.
        vec3 soft = vec3(0.0);
        for (int i = 0; i < 8; i++) {
            float a = 0.785398 * float(i) + 0.4;
            soft += IMG_NORM_PIXEL(light, isf_FragNormCoord + vec2(cos(a), sin(a)) * (i - 2 * (i / 2) == 0 ? 0.010 : 0.028) * vec2(1.0 / wide, 1.0)).rgb;
        }
        gl_FragColor = vec4(soft, 1.0);
        return;
    }
    vec3 sharp = IMG_THIS_NORM_PIXEL(light).rgb, soft = IMG_THIS_NORM_PIXEL(haze).rgb;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(wide, 1.0);
    vec3 colour = palette_1.rgb * (0.10 + 0.10 * kick) * exp(-1.6 * dot(p, p)) + sharp * 0.68 + soft * (0.05 + 0.05 * kick);
    colour = 1.15 * colour / (1.0 + 0.70 * max(colour.r, max(colour.g, colour.b)));
    colour *= 1.0 - 0.45 * smoothstep(0.55, 1.1, length(p * vec2(0.75, 1.0)));
    float loudest = max(max(layer_1, layer_2), max(layer_3, layer_4));
    gl_FragColor = vec4(colour * (0.72 + 0.75 * loudest), 1.0);
}
