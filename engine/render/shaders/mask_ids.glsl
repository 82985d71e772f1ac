// A map of objects: red is the id, green the score, blue the soft coverage; alpha is 1 inside, else 0.
// Drawn twice (gl_lazy_images.py): only blue, by its maximum, then all three where alpha is 1.
#version 330 core
#include "mask.glsl"

uniform sampler2DArray u_masks;
uniform int u_side;
uniform vec2 u_texels_per_px;
uniform vec4 u_colour[16]; // red and green of an object; unused
uniform vec2 u_edge; // soft
flat in int v_object;
out vec4 f_rgba;

void main() {
    float value = mask_value(u_masks, v_object, gl_FragCoord.xy * u_texels_per_px - 0.5, u_side);
    f_rgba = vec4(u_colour[v_object].rg, coverage(value, u_edge), value > 0.5 ? 1.0 : 0.0);
}
