/*{
    "ISFVSN": "2",
    "DESCRIPTION": "Trails: the picture's past drifts outward, turns and fades.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Effect", "Feedback"],
    "INPUTS": [
        {"NAME": "inputImage", "TYPE": "image"},
        {"NAME": "length_s", "LABEL": "Length", "TYPE": "float", "DEFAULT": 0.9, "MIN": 0.0, "MAX": 4.0},
        {"NAME": "zoom", "LABEL": "Zoom", "TYPE": "float", "DEFAULT": 0.25, "MIN": -1.0, "MAX": 1.0},
        {"NAME": "turn", "LABEL": "Turn", "TYPE": "float", "DEFAULT": 0.08, "MIN": -1.0, "MAX": 1.0},
        {"NAME": "tint", "LABEL": "Tint of the trail", "TYPE": "float", "DEFAULT": 0.35, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "palette_2", "LABEL": "Tint", "TYPE": "color", "DEFAULT": [0.45, 0.20, 0.95, 1.0]}
    ],
    "PASSES": [
        {"TARGET": "trail", "PERSISTENT": true, "FLOAT": true}
    ]
}*/

void main() {
    vec2 aspect = vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    vec2 p = (isf_FragNormCoord - 0.5) * aspect;
    float angle = turn * TIMEDELTA * 2.0;
    float grow = exp(-(zoom + 0.9 * kick * sign(zoom)) * TIMEDELTA);
    p = mat2(cos(angle), -sin(angle), sin(angle), cos(angle)) * p * grow;
    vec3 past = IMG_NORM_PIXEL(trail, p / aspect + 0.5).rgb;
    // The trail falls to a tenth in `length_s`, at any frame rate; it takes the tint's hue as it ages.
    float kept = length_s > 0.0 ? pow(0.1, TIMEDELTA / length_s) : 0.0;
    float light = max(past.r, max(past.g, past.b));
    past = mix(past, light * palette_2.rgb / max(max(palette_2.r, max(palette_2.g, palette_2.b)), 0.01), tint * TIMEDELTA * 3.0);
    vec3 now = IMG_THIS_PIXEL(inputImage).rgb;
    gl_FragColor = vec4(max(now, past * kept - 0.0008), 1.0);
}
