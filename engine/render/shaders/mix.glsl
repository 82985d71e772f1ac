// Crossfade of two pictures of the same size: (1 - u_fraction) x u_previous + u_fraction x u_current, alpha too.
// For layer 5 (gl_lazy_images.py) and whole looks (gl_targets.py). In display values, as in video mixers.
// HIT: u_fraction of white instead, over the finished picture.
#version 330 core

#ifndef HIT
uniform sampler2D u_current;
#endif
uniform sampler2D u_previous;
uniform float u_fraction;
out vec4 f_rgba;

void main() {
    ivec2 texel = ivec2(gl_FragCoord.xy);
#ifdef HIT
    vec4 current = vec4(1.0);
#else
    vec4 current = texelFetch(u_current, texel, 0);
#endif
    f_rgba = mix(texelFetch(u_previous, texel, 0), current, u_fraction);
}
