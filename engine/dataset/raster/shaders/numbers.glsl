// Number of the pile at the centre of each pixel, and depth of that point below the camera, metres.
// Compared with the ground's own depth instead of the depth buffer, which would round.
#version 330 core
#include "view.glsl"
#include "camera.glsl"
#include "plane.glsl"

uniform sampler2D u_ground_depth;
flat in vec3 v_plane;
flat in vec2 v_reach;
flat in vec4 v_tint;
in vec3 v_normal; // unused
layout(location = 0) out uint f_number;
layout(location = 1) out float f_depth;

void main() {
    float depth = depth_on(v_plane, ray_of(gl_FragCoord.xy), v_reach);
    if (depth >= texelFetch(u_ground_depth, ivec2(gl_FragCoord.xy), 0).r) discard;
    f_number = uint(v_tint.w + 0.5);
    f_depth = depth;
    gl_FragDepth = (depth - u_reach.x) / (u_reach.y - u_reach.x);
}
