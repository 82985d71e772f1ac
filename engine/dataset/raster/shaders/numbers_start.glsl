// Bare ground: no pile, and its depth.
#version 330 core

uniform sampler2D u_ground_depth;
layout(location = 0) out uint f_number;
layout(location = 1) out float f_depth;

void main() {
    f_number = 0u;
    f_depth = texelFetch(u_ground_depth, ivec2(gl_FragCoord.xy), 0).r;
}
