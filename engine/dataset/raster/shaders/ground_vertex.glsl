// Vertex shader of the ground's mesh. Each triangle's last vertex is its own and carries its plane.
#version 330 core
#include "view.glsl"
#include "camera.glsl"

in vec3 in_position;
in vec3 in_plane; // in the world, relative to the camera
in vec2 in_reach;
flat out vec3 v_plane;
flat out vec2 v_reach;

void main() {
    v_plane = in_camera(in_plane);
    v_reach = in_reach;
    gl_Position = clip_of(in_position);
}
