// Provides bilinear(): a texture interpolated between its texels, edges clamped. `position` has texel centres at whole numbers.
// Uses texelFetch and float arithmetic: errors of a sampler's 8-bit weights would add up over frames of feedback.
vec3 bilinear(sampler2D source, vec2 position, ivec2 size) {
    vec2 base = floor(position);
    vec2 fraction = position - base;
    ivec2 low = clamp(ivec2(base), ivec2(0), size - 1);
    ivec2 high = clamp(ivec2(base) + 1, ivec2(0), size - 1);
    vec3 top = mix(texelFetch(source, low, 0).rgb, texelFetch(source, ivec2(high.x, low.y), 0).rgb, fraction.x);
    vec3 bottom = mix(texelFetch(source, ivec2(low.x, high.y), 0).rgb, texelFetch(source, high, 0).rgb, fraction.x);
    return mix(top, bottom, fraction.y);
}
