// Provides feedback(): the last picture, moved, hue-shifted and dimmed, at a position of this one; mirrored at its edges.

// Half an 8-bit level per picture: by the factor alone the longest trails would take ten seconds to reach black.
const float LOSS = 0.498 / 255.0;

// HSV hue shifted by u_feedback_y.w; saturation and value unchanged.
vec3 turn_hue(vec3 rgb) {
    float high = max(rgb.r, max(rgb.g, rgb.b));
    float chroma = high - min(rgb.r, min(rgb.g, rgb.b));
    vec3 sixth = (rgb.gbr - rgb.brg) / max(chroma, 1e-6);
    float sixths = high == rgb.r ? sixth.r : high == rgb.g ? 2.0 + sixth.g : 4.0 + sixth.b;
    vec3 position = mod(sixths + 6.0 * u_feedback_y.w + vec3(0.0, 4.0, 2.0), 6.0);
    return high - chroma + chroma * clamp(abs(position - 3.0) - 1.0, 0.0, 1.0);
}

vec3 feedback(sampler2D last, vec2 d_px) {
    vec2 position = vec2(dot(u_feedback_x.xyz, vec3(d_px, 1.0)), dot(u_feedback_y.xyz, vec3(d_px, 1.0)));
    // Black outside would show as a stepped border around every rotating or shrinking picture.
    position = u_size_px.xy - 0.5 - abs(u_size_px.xy - mod(position + 0.5, 2.0 * u_size_px.xy));
    vec3 moved = bilinear(last, position, ivec2(u_size_px.xy));
    if (u_feedback_y.w != 0.0) moved = turn_hue(moved);
    return moved * u_feedback_x.w - LOSS;
}
