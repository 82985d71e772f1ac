// The picture of an output (output_shape.py): a part of a published picture at the output's size, with blended edges.
// Each texel weighs by its distance, along a triangle as in fit.glsl; texel for pixel that is the texel itself, exactly.
// u_edges: widths of the left, top, right and bottom edge in parts of the output. Two that overlap add up to 1 in light:
// smoothstep(x) + smoothstep(1 - x) is 1, and the projector raises our level to the power 1 / u_exponent.
// PIN: the four corners are moved, by u_to_place from pixels to a place in the output's picture, 0..1, projective.
#version 330 core
#include "dither.glsl"

uniform sampler2D u_picture;
uniform ivec4 u_part; // left, top, width, height
uniform vec4 u_edges;
uniform float u_exponent;
uniform bool u_is_luma;
#ifdef PIN
uniform mat3 u_to_place;
#else
uniform vec2 u_size_px;
#endif
out vec4 f_rgba;

const float MAX_REACH = 8.0; // texels: a corner pulled to the horizon would read the whole picture for one pixel

vec3 filtered(vec2 position, vec2 texels_per_px) {
    vec2 reach = clamp(texels_per_px, 1.0, MAX_REACH);
    ivec2 first = max(ivec2(floor(position - reach + 0.5)), ivec2(0));
    ivec2 end = min(ivec2(floor(position + reach + 0.5)), u_part.zw);
    vec4 sum = vec4(0.0); // the last: of the weights
    for (int y = first.y; y < end.y; y++) {
        for (int x = first.x; x < end.x; x++) {
            vec2 near = max(1.0 - abs(vec2(x, y) + 0.5 - position) / reach, 0.0);
            sum += near.x * near.y * vec4(texelFetch(u_picture, u_part.xy + ivec2(x, y), 0).rgb, 1.0);
        }
    }
    return sum.rgb / sum.a;
}

float ramp(float depth, float width) {
    return width > 0.0 ? smoothstep(0.0, width, depth) : 1.0;
}

void main() {
    vec2 texels = vec2(u_part.zw);
#ifdef PIN
    vec3 from = u_to_place * vec3(gl_FragCoord.xy, 1.0);
    vec2 place = from.xy / from.z;
    vec2 step = max(fwidth(place), 1e-9);
    vec2 inside_px = min(place, 1.0 - place) / step;
    // An edge between two pixels is smooth: the fraction of the pixel that the picture covers.
    float cover = from.z > 0.0 ? clamp(min(inside_px.x, inside_px.y) + 0.5, 0.0, 1.0) : 0.0;
    place = clamp(place, 0.0, 1.0);
    vec3 rgb = cover > 0.0 ? filtered(place * texels, step * texels) : vec3(0.0);
#else
    vec2 place = gl_FragCoord.xy / u_size_px, texels_per_px = texels / u_size_px;
    float cover = 1.0;
    vec3 rgb;
    if (texels_per_px == vec2(1.0)) rgb = texelFetch(u_picture, u_part.xy + ivec2(gl_FragCoord.xy), 0).rgb;
    else rgb = filtered(gl_FragCoord.xy * texels_per_px, texels_per_px);
#endif
    float light = ramp(place.x, u_edges.x) * ramp(place.y, u_edges.y);
    light *= ramp(1.0 - place.x, u_edges.z) * ramp(1.0 - place.y, u_edges.w);
    rgb = dither(vec4(rgb * 255.0, 255.0), cover * pow(light, u_exponent)).rgb;
    f_rgba = vec4(rgb, u_is_luma ? max(rgb.r, max(rgb.g, rgb.b)) : 1.0);
}
