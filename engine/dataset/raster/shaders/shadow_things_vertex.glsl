// Vertex shader: instances, drawn along the sun's rays onto a level plane; the highest z is the nearest.
#version 330 core
#include "view.glsl"
#include "shadow.glsl"

in vec3 in_corner;
in vec4 in_row_x;
in vec4 in_row_y;
in vec4 in_row_z;

void main() {
    vec4 corner = vec4(in_corner, 1.0);
    gl_Position = shadow_clip(vec3(dot(in_row_x, corner), dot(in_row_y, corner), dot(in_row_z, corner)));
}
