#version 330 core
// Minimal version: rotate, sample the wave, colour, add; no wrap modes, weights or tone.
uniform sampler2D u_waves;
uniform vec2 u_size_px;
uniform vec2 u_turn[4];
uniform vec3 u_colour[4];
out vec4 f_rgba;
void main() {
    vec2 d = (gl_FragCoord.xy - 0.5 * u_size_px) / u_size_px.x;
    vec3 rgb = vec3(0.0);
    for (int layer = 0; layer < 4; layer++) {
        float point = fract(0.5 + dot(d, u_turn[layer])) * 1024.0;
        int index = int(point);
        float start = texelFetch(u_waves, ivec2(index, layer), 0).r;
        float end = texelFetch(u_waves, ivec2((index + 1) & 1023, layer), 0).r;
        rgb += u_colour[layer] * clamp(0.1 + 0.9 * mix(start, end, point - float(index)), 0.0, 1.0);
    }
    f_rgba = vec4(rgb, 1.0);
}
