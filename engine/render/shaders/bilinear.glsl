// Provides bilinear(): a texture interpolated between its texels, edges clamped. `place` has texel centres at whole numbers.
// Uses texelFetch and float arithmetic: errors of a sampler's 8-bit weights would add up over frames of feedback.
vec3 bilinear(sampler2D source, vec2 place, ivec2 size) {
    vec2 base = floor(place);
    vec2 share = place - base;
    ivec2 low = clamp(ivec2(base), ivec2(0), size - 1);
    ivec2 high = clamp(ivec2(base) + 1, ivec2(0), size - 1);
    vec3 top = mix(texelFetch(source, low, 0).rgb, texelFetch(source, ivec2(high.x, low.y), 0).rgb, share.x);
    vec3 bottom = mix(texelFetch(source, ivec2(low.x, high.y), 0).rgb, texelFetch(source, high, 0).rgb, share.x);
    return mix(top, bottom, share.y);
}
