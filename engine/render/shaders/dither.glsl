// Provides dither(): the picture that is published, in the 8 bits that other programs expect.
// `levels` has whole levels of the renderer's own target, 0..WHITE_LEVEL: so the result is the same bit by bit whether
// they were just computed or read from that target. `gain`: published levels per rendered one.
// u_noise: 64 x 64 thresholds between 0 and 1 (blue_noise.py).
uniform sampler2D u_noise;
const int NOISE_MASK = 63;

vec4 dither(vec4 levels, float gain) {
    ivec2 texel = ivec2(gl_FragCoord.xy) & NOISE_MASK;
    return floor(levels * gain + texelFetch(u_noise, texel, 0).r) * (1.0 / 255.0);
}
