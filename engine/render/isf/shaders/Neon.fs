/*{
    "ISFVSN": "2",
    "DESCRIPTION": "Draws the edges of the picture as tubes of light over its darkened self.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Effect", "Stylize"],
    "INPUTS": [
        {"NAME": "inputImage", "TYPE": "image"},
        {"NAME": "width", "LABEL": "Width", "TYPE": "float", "DEFAULT": 0.6, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "gain", "LABEL": "Gain", "TYPE": "float", "DEFAULT": 0.6, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "ground", "LABEL": "Picture beneath", "TYPE": "float", "DEFAULT": 0.25, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "kick", "LABEL": "Kick", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "palette_3", "LABEL": "Light", "TYPE": "color", "DEFAULT": [0.35, 0.95, 0.95, 1.0]},
        {"NAME": "palette_4", "LABEL": "Highlight", "TYPE": "color", "DEFAULT": [1.0, 0.75, 0.85, 1.0]}
    ]
}*/

// Light as the eye counts it, so that dim edges are drawn like bright ones.
float light(vec2 place) {
    vec3 rgb = IMG_NORM_PIXEL(inputImage, place).rgb;
    return log2(1.0 + 24.0 * dot(rgb, vec3(0.3, 0.5, 0.2)));
}

void main() {
    vec2 step_px = (1.0 + 3.0 * width) * RENDERSIZE.y / 1080.0 / RENDERSIZE;
    vec2 c = isf_FragNormCoord;
    float left = light(c - vec2(step_px.x, 0.0));
    float right = light(c + vec2(step_px.x, 0.0));
    float low = light(c - vec2(0.0, step_px.y));
    float high = light(c + vec2(0.0, step_px.y));
    float edge = length(vec2(right - left, high - low));
    float tube = smoothstep(0.06, 0.9, edge * (0.3 + 2.0 * gain) * (1.0 + 0.8 * kick));
    vec4 under = IMG_THIS_PIXEL(inputImage);
    float strongest = max(under.r, max(under.g, under.b));
    vec3 own = under.rgb / max(strongest, 0.05);
    vec3 glow = mix(own, mix(palette_3.rgb, palette_4.rgb, tube), 0.6);
    gl_FragColor = vec4(under.rgb * ground + glow * tube * (0.55 + 0.45 * kick), under.a);
}
