// An uploaded RGB picture as RGBA, opaque (gl_textures.py). u_bytes: a byte a texel, as wide as the picture; three of its
// rows hold one of the picture, red, green and blue of each pixel in turn. Display values.
#version 330 core

uniform sampler2D u_bytes;
uniform int u_width_px;
out vec4 f_rgba;

float byte_at(ivec2 texel, int channel) {
    int position = 3 * texel.x + channel;
    return texelFetch(u_bytes, ivec2(position % u_width_px, 3 * texel.y + position / u_width_px), 0).r;
}

void main() {
    ivec2 texel = ivec2(gl_FragCoord.xy);
    f_rgba = vec4(byte_at(texel, 0), byte_at(texel, 1), byte_at(texel, 2), 1.0);
}
