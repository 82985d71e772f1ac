/*{
    "ISFVSN": "2",
    "DESCRIPTION": "A voice writes itself: a ribbon as high as the note, as wide as the voice is loud, with breath as mist; plucked strings beneath.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Generator", "Voice"],
    "INPUTS": [
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.28, "MIN": 0.05, "MAX": 1.0},
        {"NAME": "pitch", "LABEL": "Pitch", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "level", "LABEL": "Level", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "breath", "LABEL": "Breath", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "pluck", "LABEL": "Pluck", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "palette_1", "LABEL": "Deep", "TYPE": "color", "DEFAULT": [0.25, 0.10, 0.40, 1.0]},
        {"NAME": "palette_2", "LABEL": "Body", "TYPE": "color", "DEFAULT": [0.85, 0.20, 0.45, 1.0]},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [0.98, 0.55, 0.30, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [1.0, 0.93, 0.80, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "clock", "PERSISTENT": true, "FLOAT": true, "WIDTH": "1", "HEIGHT": "1"},
        {"TARGET": "sung", "PERSISTENT": true, "FLOAT": true, "WIDTH": "512", "HEIGHT": "1"},
        {}
    ]
}*/

const float MOMENTS = 512.0;
const float RATE = 90.0; // moments per second

// Height, level and breath some moments ago.
vec3 sung_at(float ago) {
    float first = floor(clamp(ago, 0.0, MOMENTS - 2.0));
    vec3 newer = IMG_NORM_PIXEL(sung, vec2((first + 0.5) / MOMENTS, 0.5)).rgb;
    vec3 older = IMG_NORM_PIXEL(sung, vec2((first + 1.5) / MOMENTS, 0.5)).rgb;
    return mix(newer, older, clamp(ago - first, 0.0, 1.0));
}

void main() {
    vec4 now = IMG_NORM_PIXEL(clock, vec2(0.5));
    if (PASSINDEX == 0) {
        // Red: seconds. Green: moments that have passed since the last picture. Blue: the height, gliding.
        float before = FRAMEINDEX == 0 ? 0.0 : now.r;
        float after = before + TIMEDELTA;
        float aim = clamp((pitch - 0.2) / 0.6, 0.0, 1.0);
        float heard = smoothstep(0.15, 0.45, level);
        float high = FRAMEINDEX == 0 ? 0.5 : mix(now.b, mix(0.5, aim, heard), 1.0 - exp(-TIMEDELTA / 0.11));
        gl_FragColor = vec4(after, floor(after * RATE) - floor(before * RATE), high, 1.0);
        return;
    }
    if (PASSINDEX == 1) {
        float moment = floor(isf_FragNormCoord.x * MOMENTS);
        vec3 old = IMG_NORM_PIXEL(sung, vec2((moment - now.g + 0.5) / MOMENTS, 0.5)).rgb;
        if (FRAMEINDEX == 0) old = vec3(0.5, 0.0, 0.0);
        gl_FragColor = vec4(moment < now.g ? vec3(now.b, level, breath) : old, 1.0);
        return;
    }
    float wide = RENDERSIZE.x / RENDERSIZE.y;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(wide, 1.0);
    float px = 1.0 / RENDERSIZE.y;
    float head = 0.24 * wide;
    float x = head - p.x;
    float ago = max(x, 0.0) / speed * RATE + fract(now.r * RATE);
    vec3 here = sung_at(ago);
    vec3 next = sung_at(ago + 3.0);
    float sway = 0.07 * sin(2.3 * x - 0.9 * now.r) + 0.03 * sin(5.1 * x + 1.3 * now.r);
    float centre = 0.78 * (here.r - 0.5) + sway * (1.0 - 0.6 * here.g);
    float slope = clamp(0.78 * (next.r - here.r) * RATE / (3.0 * speed), -3.0, 3.0);
    float d = (p.y - centre) / sqrt(1.0 + slope * slope);
    float age = clamp(x / (0.74 * wide), 0.0, 1.0);
    float on = smoothstep(-0.002, 0.002, x) * (1.0 - 0.85 * age) / (1.0 + 0.35 * slope * slope); // a leap is a thin line
    float loud = here.g * here.g;
    float half_wide = (0.007 + 0.085 * loud / (1.0 + slope * slope)) * (1.0 - 0.45 * age);
    float edge = 1.5 * px + 0.010 * here.b;
    float body = 1.0 - smoothstep(half_wide - edge, half_wide + edge, abs(d));
    float fibre = 0.55 + 0.45 * sin(70.0 * d / (0.35 + loud) + 9.0 * x);
    vec3 tint = mix(palette_2.rgb, palette_3.rgb, smoothstep(0.25, 0.75, here.r + 0.4 * d / max(half_wide, 0.01)));
    vec3 colour = palette_1.rgb * (0.10 + 0.12 * exp(-3.0 * p.y * p.y) + 0.15 * level) * exp(-0.6 * dot(p, p));
    // Light falls through high windows into the room and wanders.
    float pane = p.x + 0.55 * p.y + 0.05 * sin(0.4 * now.r);
    float panes = 0.5 + 0.5 * sin(9.0 * pane - 0.45 * now.r) * sin(3.7 * pane + 0.31 * now.r);
    colour += palette_1.rgb * panes * panes * smoothstep(-0.6, 0.6, p.y) * (0.26 + 0.30 * level + 0.25 * kick);
    colour += tint * body * on * (0.50 + 0.60 * loud) * mix(1.0, fibre, 0.45);
    colour += tint * exp(-abs(d) / (0.02 + 0.06 * loud + 0.10 * here.b)) * on * (0.08 + 0.22 * loud + 0.35 * here.b);
    // The mouth: where the voice is now.
    float mouth = length(p - vec2(head, 0.78 * (now.b - 0.5) + 0.07 * sin(-0.9 * now.r) + 0.03 * sin(1.3 * now.r)));
    colour += palette_4.rgb * exp(-mouth / (0.014 + 0.05 * level + 0.05 * breath + 0.03 * kick)) * (0.55 + 0.6 * level);
    colour += palette_3.rgb * exp(-16.0 * abs(mouth - 0.10 - 0.55 * (1.0 - kick))) * kick * 0.6;
    // Six strings, each with its own swing.
    for (int n = 0; n < 6; n++) {
        float k = float(n);
        float swing = 0.016 * pluck * sin(3.14159 * (0.5 + p.x / wide) * (2.0 + k)) * sin(now.r * (23.0 + 5.0 * k));
        float off = abs(p.y + 0.30 - 0.035 * k - swing - 0.016 * sin(1.3 * p.x + 0.9 * now.r + k));
        float thread = 1.0 - smoothstep(0.4 * px, 1.6 * px + 0.0008, off);
        colour += mix(palette_2.rgb, palette_4.rgb, 0.5) * (thread * (0.28 + 0.4 * pluck) + exp(-70.0 * off) * 0.07 * pluck);
    }
    gl_FragColor = vec4(colour, 1.0);
}
