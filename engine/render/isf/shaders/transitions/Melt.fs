/*{
    "ISFVSN": "2",
    "DESCRIPTION": "The light of the new look comes first and its darkness last, while the old one sinks.",
    "CREDIT": "multiverse",
    "CATEGORIES": ["Transition", "Luma"],
    "INPUTS": [
        {"NAME": "startImage", "TYPE": "image"},
        {"NAME": "endImage", "TYPE": "image"},
        {"NAME": "progress", "TYPE": "float", "DEFAULT": 0.0, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "softness", "LABEL": "Softness", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
        {"NAME": "sag", "LABEL": "Sag", "TYPE": "float", "DEFAULT": 0.15, "MIN": 0.0, "MAX": 0.5}
    ]
}*/

float brightness(vec4 colour) { // a red line is as bright as a white one
    return max(colour.r, max(colour.g, colour.b));
}

void main() {
    vec4 end = IMG_THIS_PIXEL(endImage);
    // What is bright runs down farther; each column at its own pace.
    float pace = 0.6 + 0.25 * sin(isf_FragNormCoord.x * 17.0) + 0.15 * sin(isf_FragNormCoord.x * 41.0 + 1.0);
    float fall = sag * progress * progress * pace * (0.3 + brightness(IMG_THIS_PIXEL(startImage)));
    vec4 start = fall > 0.0 ? IMG_NORM_PIXEL(startImage, isf_FragNormCoord + vec2(0.0, fall)) : IMG_THIS_PIXEL(startImage);
    // The root spreads the dark end of the scale, where most looks have their pixels.
    float turn = 1.0 - sqrt(brightness(end));
    float soft = max(softness, 0.01);
    gl_FragColor = mix(start, end, smoothstep(0.0, 1.0, (progress * (1.0 + soft) - turn) / soft));
}
