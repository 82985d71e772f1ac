// A few thousand pixels of the picture, for the flash guard: texel (i, j) is the picture at u_places (i, j).
#version 330 core

uniform sampler2D u_picture;
uniform isampler2D u_places;
out vec4 f_rgba;

void main() {
    f_rgba = texelFetch(u_picture, texelFetch(u_places, ivec2(gl_FragCoord.xy), 0).rg, 0);
}
