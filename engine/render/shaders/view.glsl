// Shows a published picture in a window (sinks/picture_window.py), over black, in the shape of sinks/window_shape.py.
// u_picture: RGBA, display values, alpha premultiplied, memory row 0 at the top.
#version 330 core

uniform sampler2D u_picture;
uniform mat3 u_to_picture; // pixels of the window from the top left -> position in the picture, projective
uniform float u_height_px;
out vec4 f_rgba;

void main() {
    vec3 from = u_to_picture * vec3(gl_FragCoord.x, u_height_px - gl_FragCoord.y, 1.0);
    vec2 position = from.xy / from.z;
    // An edge between two pixels is smooth: the fraction of the pixel that the picture covers.
    vec2 inside_px = min(position, 1.0 - position) / max(fwidth(position), 1e-9);
    float cover = clamp(min(inside_px.x, inside_px.y) + 0.5, 0.0, 1.0);
    f_rgba = vec4(from.z > 0.0 ? texture(u_picture, position).rgb * cover : vec3(0.0), 1.0);
}
