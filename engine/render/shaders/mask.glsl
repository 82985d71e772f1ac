// Provides mask_value() and coverage(): see masks.py.

// A mask of the array, interpolated, 0..1. `position` has texel centres at whole numbers; texels beyond `side` in
// both directions are undefined. Uses texelFetch, as bilinear.glsl does.
float mask_value(sampler2DArray masks, int layer, vec2 position, int side) {
    vec2 base = floor(position);
    vec2 fraction = position - base;
    ivec2 low = clamp(ivec2(base), ivec2(0), ivec2(side - 1));
    ivec2 high = clamp(ivec2(base) + 1, ivec2(0), ivec2(side - 1));
    float top_left = texelFetch(masks, ivec3(low, layer), 0).r;
    float top_right = texelFetch(masks, ivec3(high.x, low.y, layer), 0).r;
    float bottom_left = texelFetch(masks, ivec3(low.x, high.y, layer), 0).r;
    float bottom_right = texelFetch(masks, ivec3(high, layer), 0).r;
    return mix(mix(top_left, top_right, fraction.x), mix(bottom_left, bottom_right, fraction.x), fraction.y);
}

// edge: low and slope.
float coverage(float value, vec2 edge) {
    float t = clamp((value - edge.x) * edge.y, 0.0, 1.0);
    return t * t * (3.0 - 2.0 * t);
}
