#version 330 core
uniform sampler2D u_drawn;
uniform sampler2D u_noise;
out vec4 f_rgba;
void main() {
    ivec2 texel = ivec2(gl_FragCoord.xy);
    f_rgba = floor(texelFetch(u_drawn, texel, 0) * 255.0 + texelFetch(u_noise, texel & 63, 0).r) / 255.0;
}
