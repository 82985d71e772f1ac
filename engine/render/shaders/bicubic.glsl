// Provides bicubic(): a texture between its texels by cubic convolution, edges clamped, 0..1. `position` as in bilinear.glsl.
// Source: Keys 1981, with the slope -0.75: a little sharper than Catmull-Rom, whose slope is -0.5.
const float SLOPE = -0.75;

// Weights of the four texels around a position on one axis; `fraction`: from the second to the third.
vec4 cubic(float fraction) {
    vec4 away = vec4(1.0 + fraction, fraction, 1.0 - fraction, 2.0 - fraction);
    vec2 outer = ((SLOPE * away.xw - 5.0 * SLOPE) * away.xw + 8.0 * SLOPE) * away.xw - 4.0 * SLOPE;
    vec2 inner = ((SLOPE + 2.0) * away.yz - (SLOPE + 3.0)) * away.yz * away.yz + 1.0;
    return vec4(outer.x, inner, outer.y);
}

vec3 bicubic(sampler2D source, vec2 position, ivec2 size) {
    vec2 base = floor(position);
    vec4 across = cubic(position.x - base.x), down = cubic(position.y - base.y);
    vec3 sum = vec3(0.0);
    for (int y = 0; y < 4; y++) {
        for (int x = 0; x < 4; x++) {
            ivec2 texel = clamp(ivec2(base) + ivec2(x - 1, y - 1), ivec2(0), size - 1);
            sum += across[x] * down[y] * texelFetch(source, texel, 0).rgb;
        }
    }
    return clamp(sum, 0.0, 1.0);
}
