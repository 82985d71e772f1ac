// The picture that goes out: this frame's, faded, with as much of the last published one as the flash guard asks.
// Also what layer 5 shows while one of its pictures takes the other's place (gl_crossfade.py); the fade is 1 then.
// u_share: of this frame, 0..1. Alpha as in multiverse.glsl: 1, or premultiplied luma.
#version 330 core

uniform sampler2D u_current;
uniform sampler2D u_previous;
uniform float u_fade;
uniform float u_share;
uniform bool u_is_luma;
out vec4 f_rgba;

void main() {
    ivec2 texel = ivec2(gl_FragCoord.xy);
    vec3 current = texelFetch(u_current, texel, 0).rgb * u_fade;
    vec3 rgb = mix(texelFetch(u_previous, texel, 0).rgb, current, u_share);
    f_rgba = vec4(rgb, u_is_luma ? max(rgb.r, max(rgb.g, rgb.b)) : 1.0);
}
