// The published picture: this frame's, faded, and dimmed or desaturated where the flash guard limits it.
// u_limits: 18 x 18 texels over the picture, interpolated: gain, and the share of saturated red to keep (flash_guard.py).
// Alpha as in multiverse.glsl: 1, or premultiplied luma.
// LIMITS adds the guard's limits, so that a software rasteriser does not run them for a fade.
#version 330 core

uniform sampler2D u_current;
uniform float u_fade;
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
    vec3 rgb = texelFetch(u_current, ivec2(gl_FragCoord.xy), 0).rgb;
    float gain = u_fade;
#ifdef LIMITS
    vec2 limits = texture(u_limits, gl_FragCoord.xy * u_pictures_per_px).rg;
    gain *= limits.x;
    rgb += LESS_RED * (max(rgb.r - RED_SURPLUS * max(rgb.g, rgb.b), 0.0) * (1.0 - limits.y));
#endif
    rgb *= gain;
    f_rgba = vec4(rgb, u_is_luma ? max(rgb.r, max(rgb.g, rgb.b)) : 1.0);
}
