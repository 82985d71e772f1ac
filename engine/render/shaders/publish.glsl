// The published picture: this frame's, faded, dimmed or desaturated where the flash guard limits it, dithered to 8 bits.
// u_limits: 18 x 18 texels over the picture, interpolated: gain, and the share of saturated red to keep (flash_guard.py).
// u_noise: 64 x 64 thresholds between 0 and 1 (blue_noise.py). Alpha as in multiverse.glsl: 1, or premultiplied luma; in
// a dissolve from one to the other, their mix.
// LIMITS adds the guard's limits, so that a software rasteriser does not run them for a fade. DEEP: no dither.
#version 330 core

uniform sampler2D u_current;
uniform float u_fade;
uniform bool u_is_luma;
out vec4 f_rgba;

#ifndef DEEP
uniform sampler2D u_noise;
const int NOISE_MASK = 63;
#endif

#ifdef LIMITS
uniform sampler2D u_limits;
uniform vec2 u_pictures_per_px;

// Fully desaturated, each colour with R >= 0.8 (R + G + B) in linear light falls below it, and gets at most 0.06 brighter.
const float RED_SURPLUS = 1.5; // more red than this times the larger of green and blue
const vec3 LESS_RED = vec3(-0.2, 0.34, 0.34); // change of display values per unit of surplus
#endif

void main() {
    ivec2 texel = ivec2(gl_FragCoord.xy);
    vec4 rgba = texelFetch(u_current, texel, 0);
    float gain = u_fade;
#ifdef LIMITS
    vec2 limits = texture(u_limits, gl_FragCoord.xy * u_pictures_per_px).rg;
    gain *= limits.x;
    rgba.rgb += LESS_RED * (max(rgba.r - RED_SURPLUS * max(rgba.g, rgba.b), 0.0) * (1.0 - limits.y));
    bool keeps_alpha = false;
#else
    bool keeps_alpha = u_fade == 1.0;
#endif
    rgba.rgb *= gain;
#ifndef DEEP
    rgba = floor(rgba * 255.0 + texelFetch(u_noise, texel & NOISE_MASK, 0).r) / 255.0;
#endif
    if (!keeps_alpha) rgba.a = u_is_luma ? max(rgba.r, max(rgba.g, rgba.b)) : 1.0;
    f_rgba = rgba;
}
