// The published picture where multiverse.glsl did not draw it itself: this frame's, faded, dimmed or desaturated where
// the flash guard limits it, dithered to 8 bits.
// u_gain: levels here per level drawn. u_limits: 18 x 18 texels over the picture, interpolated: gain, and the fraction of
// saturated red to keep (flash_guard.py). Alpha as in multiverse.glsl: 1, or premultiplied luma; in a dissolve from one
// to the other, their mix, which only a picture that is neither faded nor limited keeps.
// LIMITS adds the guard's limits, so that a software rasteriser does not run them for a fade. DEEP: no dither.
// WHITE_LEVEL: white in the drawn picture.
#version 330 core
#ifndef DEEP
#include "dither.glsl"
#endif

uniform sampler2D u_current;
uniform float u_gain;
uniform bool u_keeps_alpha;
uniform bool u_is_luma;
out vec4 f_rgba;

#ifdef LIMITS
uniform sampler2D u_limits;
uniform vec2 u_pictures_per_px;

// Fully desaturated, each colour with R >= 0.8 (R + G + B) in linear light falls below it, and gets at most 0.06 brighter.
const float RED_SURPLUS = 1.5; // more red than this times the larger of green and blue
const vec3 LESS_RED = vec3(-0.2, 0.34, 0.34); // change of display values per unit of surplus
#endif

void main() {
    vec4 rgba = roundEven(texelFetch(u_current, ivec2(gl_FragCoord.xy), 0) * WHITE_LEVEL);
    float gain = u_gain;
#ifdef LIMITS
    vec2 limits = texture(u_limits, gl_FragCoord.xy * u_pictures_per_px).rg;
    gain *= limits.x;
    rgba.rgb += LESS_RED * (max(rgba.r - RED_SURPLUS * max(rgba.g, rgba.b), 0.0) * (1.0 - limits.y));
#endif
#ifdef DEEP
    rgba *= gain;
#else
    rgba = dither(rgba, gain);
#endif
    if (!u_keeps_alpha) rgba.a = u_is_luma ? max(rgba.r, max(rgba.g, rgba.b)) : 1.0;
    f_rgba = rgba;
}
