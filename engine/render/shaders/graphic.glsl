// A text or the logo, premultiplied, for OpenGL to blend with the picture: see graphic.py. Display values.
// The scissor keeps it to the pixels that it may touch.
#version 330 core

uniform sampler2D u_image;
uniform ivec2 u_size_px; // of the image; its texture may be larger
uniform vec3 u_to_texel[2]; // pixel -> texel
uniform vec4 u_ink[4]; // rows
out vec4 f_rgba;

vec4 texel(ivec2 at) {
    bool is_inside = all(greaterThanEqual(at, ivec2(0))) && all(lessThan(at, u_size_px));
    return is_inside ? texelFetch(u_image, at, 0) : vec4(0.0);
}

void main() {
    vec3 pixel = vec3(floor(gl_FragCoord.xy), 1.0);
    vec2 position = vec2(dot(u_to_texel[0], pixel), dot(u_to_texel[1], pixel));
    ivec2 base = ivec2(floor(position));
    vec2 fraction = position - floor(position);
    vec4 above = mix(texel(base), texel(base + ivec2(1, 0)), fraction.x);
    vec4 below = mix(texel(base + ivec2(0, 1)), texel(base + ivec2(1, 1)), fraction.x);
    vec4 sampled = mix(above, below, fraction.y);
    f_rgba = vec4(dot(u_ink[0], sampled), dot(u_ink[1], sampled), dot(u_ink[2], sampled), dot(u_ink[3], sampled));
}
