// One picture taking another's place, of the same size: layer 5's (gl_crossfade.py). Opaque.
// u_share: of u_current, 0..1.
#version 330 core

uniform sampler2D u_current;
uniform sampler2D u_previous;
uniform float u_share;
out vec4 f_rgba;

void main() {
    ivec2 texel = ivec2(gl_FragCoord.xy);
    f_rgba = vec4(mix(texelFetch(u_previous, texel, 0).rgb, texelFetch(u_current, texel, 0).rgb, u_share), 1.0);
}
