// The light of each of 18 x 18 cells of a picture, for the flash guard (flash_guard.py): means over 64 of its pixels of
// the luminance-weighted display values, of their squares, of their cubes, and of saturated red.
// u_jitter: positions of the pixels in a cell, 0..1, shifted from cell to cell. The target is RGBA32F, row 0 at the top.
#version 330 core

const int SAMPLES = 64;
const float CELLS = 18.0;
const vec2 CELL_SHIFT = vec2(0.7548777, 0.5698403);
const vec3 LUMINANCE = vec3(0.2126, 0.7152, 0.0722);
const vec3 LINEAR = vec3(0.012522878, 0.682171111, 0.305306011);
const float SATURATED_RED = 0.79;

uniform sampler2D u_picture;
uniform vec2 u_size_px;
uniform vec2 u_jitter[SAMPLES];
out vec4 f_rgba;

void main() {
    vec2 cell = floor(gl_FragCoord.xy);
    vec2 shift = (cell.y * CELLS + cell.x) * CELL_SHIFT;
    ivec2 last = ivec2(u_size_px) - 1;
    vec4 sums = vec4(0.0);
    for (int i = 0; i < SAMPLES; i++) {
        ivec2 texel = min(ivec2((cell + fract(u_jitter[i] + shift)) * u_size_px / CELLS), last);
        vec3 rgb = texelFetch(u_picture, texel, 0).rgb;
        vec3 light = rgb * (LINEAR.x + rgb * (LINEAR.y + rgb * LINEAR.z));
        vec3 weighted = rgb * LUMINANCE;
        float total = light.r + light.g + light.b;
        float red = light.r >= SATURATED_RED * total ? 2.0 * light.r - total : 0.0;
        sums += vec4(weighted.r + weighted.g + weighted.b, dot(weighted, rgb), dot(weighted, rgb * rgb), red);
    }
    f_rgba = sums / float(SAMPLES);
}
