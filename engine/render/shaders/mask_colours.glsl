// The colours of found objects, blended by alpha over their source picture (gl_lazy_images.py).
// Inputs: masks of equal size, one per layer; one colour each, display values; alpha is opacity x coverage.
#version 330 core
#include "mask.glsl"

uniform sampler2DArray u_masks;
uniform int u_side;
uniform vec2 u_texels_per_px;
uniform vec4 u_colour[16]; // of an object; unused
uniform vec2 u_edge;
uniform float u_opacity;
flat in int v_object;
out vec4 f_rgba;

void main() {
    float value = mask_value(u_masks, v_object, gl_FragCoord.xy * u_texels_per_px - 0.5, u_side);
    f_rgba = vec4(u_colour[v_object].rgb, u_opacity * coverage(value, u_edge));
}
