// Vertex shader: the ground, drawn along the sun's rays onto a level plane; the highest z is the nearest.
#version 330 core
#include "view.glsl"
#include "shadow.glsl"

in vec3 in_position;

void main() {
    gl_Position = shadow_clip(in_position);
}
