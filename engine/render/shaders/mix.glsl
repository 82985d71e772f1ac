// Crossfade of two pictures of the same size: (1 - u_share) x u_previous + u_share x u_current, alpha too.
// For layer 5 (gl_shown.py) and whole looks (gl_targets.py). In display values, as in video mixers.
#version 330 core

uniform sampler2D u_current;
uniform sampler2D u_previous;
uniform float u_share;
out vec4 f_rgba;

void main() {
    ivec2 texel = ivec2(gl_FragCoord.xy);
    f_rgba = mix(texelFetch(u_previous, texel, 0), texelFetch(u_current, texel, 0), u_share);
}
