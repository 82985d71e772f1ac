// Depth of the bare ground below the camera, metres.
#version 330 core
#include "view.glsl"
#include "camera.glsl"
#include "plane.glsl"

flat in vec3 v_plane;
flat in vec2 v_reach;
layout(location = 0) out float f_depth;

void main() {
    f_depth = depth_on(v_plane, ray_of(gl_FragCoord.xy), v_reach);
}
