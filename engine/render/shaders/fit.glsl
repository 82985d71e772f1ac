// The middle of the published picture at another size, as the SD child scales a source (engine/models/sd/pixels.py):
// each texel weighs by its distance, along a triangle that is as wide as two pixels of the result, or two texels where
// the picture grows. PyTorch calls that bilinear with antialias. Beyond the part is nothing.
#version 330 core

uniform sampler2D u_picture;
uniform ivec4 u_part; // left, top, width, height
uniform vec2 u_texels_per_px;
out vec4 f_rgba;

void main() {
    vec2 reach = max(u_texels_per_px, vec2(1.0));
    vec2 position = gl_FragCoord.xy * u_texels_per_px;
    ivec2 first = max(ivec2(floor(position - reach + 0.5)), ivec2(0));
    ivec2 end = min(ivec2(floor(position + reach + 0.5)), u_part.zw);
    vec4 sum = vec4(0.0); // the last: of the weights
    for (int y = first.y; y < end.y; y++) {
        for (int x = first.x; x < end.x; x++) {
            vec2 near = max(1.0 - abs(vec2(x, y) + 0.5 - position) / reach, 0.0);
            sum += near.x * near.y * vec4(texelFetch(u_picture, u_part.xy + ivec2(x, y), 0).rgb, 1.0);
        }
    }
    f_rgba = vec4(sum.rgb / sum.a, 1.0);
}
