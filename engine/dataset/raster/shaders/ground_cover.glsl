// The ground in the picture: its colour was computed before, once per pixel (ground_shade.glsl).
#version 330 core

uniform sampler2D u_ground_rgb;
flat in vec3 v_plane; // unused
flat in vec2 v_reach; // unused
layout(location = 0) out vec4 f_rgba;

void main() {
    f_rgba = texelFetch(u_ground_rgb, ivec2(gl_FragCoord.xy), 0);
}
