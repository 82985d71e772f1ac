// One look's picture that dissolves into another's: (1 - u_mix) x u_leaving + u_mix x u_coming, alpha too.
// Display values, as video mixers do it; both textures have the picture's size.
#version 330 core

uniform sampler2D u_leaving;
uniform sampler2D u_coming;
uniform float u_mix;
out vec4 f_rgba;

void main() {
    ivec2 texel = ivec2(gl_FragCoord.xy);
    f_rgba = mix(texelFetch(u_leaving, texel, 0), texelFetch(u_coming, texel, 0), u_mix);
}
