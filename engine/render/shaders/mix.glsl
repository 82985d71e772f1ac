// One picture taking another's place, of the same size: (1 - u_share) x u_previous + u_share x u_current, alpha too.
// Layer 5's (gl_crossfade.py), and a whole look's (gl_dissolve.py). Display values, as video mixers do it.
#version 330 core

uniform sampler2D u_current;
uniform sampler2D u_previous;
uniform float u_share;
out vec4 f_rgba;

void main() {
    ivec2 texel = ivec2(gl_FragCoord.xy);
    f_rgba = mix(texelFetch(u_previous, texel, 0), texelFetch(u_current, texel, 0), u_share);
}
