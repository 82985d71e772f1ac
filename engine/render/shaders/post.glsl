// Effects on the finished picture, in this order: chromatic aberration (CHROMATIC), bloom and glow (LIGHT), vignette,
// grain, exposure.
// Inputs: the picture; u_veil, the light that bloom and glow add, linear, a quarter of its size; u_grain, a tile of
// 256 x 256. Display values. Alpha stays at least the largest of the three, or is it (luma). Amounts: see look.py.
#version 330 core

uniform sampler2D u_current;
uniform vec2 u_half_px; // half the picture's size
uniform float u_vignette;
uniform float u_grain_amount;
uniform ivec3 u_grain_origin; // column and row of the tile's beginning, pixels per grain
uniform sampler2D u_grain;
uniform vec2 u_exposure; // factor of display values, then what dark light gains
uniform bool u_is_luma;
out vec4 f_rgba;

const int GRAIN_MASK = 255;
const vec3 LUMINANCE = vec3(0.2126, 0.7152, 0.0722);

#ifdef CHROMATIC
#include "bilinear.glsl"
uniform float u_chromatic;
#endif
#ifdef LIGHT
uniform sampler2D u_veil;
#endif

void main() {
    ivec2 texel = ivec2(gl_FragCoord.xy);
    vec4 rgba = texelFetch(u_current, texel, 0);
    vec2 from_centre = gl_FragCoord.xy - u_half_px;
    float corner = dot(from_centre, from_centre) / dot(u_half_px, u_half_px); // 0 in the centre, 1 in the corners
#ifdef CHROMATIC
    vec2 shift = from_centre * (u_chromatic * corner);
    vec2 position = gl_FragCoord.xy - 0.5;
    ivec2 size = textureSize(u_current, 0);
    rgba.r = bilinear(u_current, position - shift, size).r;
    rgba.b = bilinear(u_current, position + shift, size).b;
#endif
    vec3 rgb = rgba.rgb;
#ifdef LIGHT
    vec3 veil = texture(u_veil, gl_FragCoord.xy / (4.0 * vec2(textureSize(u_veil, 0)))).rgb;
    // At most a third of white: large bright parts keep their dark gaps, and strong colours stay colours.
    veil /= 1.0 + 3.0 * max(veil.r, max(veil.g, veil.b));
    vec3 light = rgb * rgb;
    rgb = sqrt(light + veil * (1.0 - light));
#endif
    rgb /= 1.0 + u_vignette * corner * corner;
    float grain = texelFetch(u_grain, (texel / u_grain_origin.z + u_grain_origin.xy) & GRAIN_MASK, 0).r;
    rgb = clamp(rgb * (1.0 + u_grain_amount * grain * (1.0 - dot(rgb, LUMINANCE))), 0.0, 1.0);
    float high = max(rgb.r, max(rgb.g, rgb.b));
    float gain = u_exposure.x * sqrt((1.0 + u_exposure.y) / (1.0 + u_exposure.y * high * high)); // white and hues stay
    high *= gain;
    f_rgba = vec4(rgb * gain, u_is_luma ? high : max(rgba.a, high));
}
