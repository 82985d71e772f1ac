// Shows a published picture in a window (cli/picture_window.py), over black, scaled to the viewport.
// u_picture: RGBA, display values, alpha premultiplied, memory row 0 at the top.
#version 330 core

uniform sampler2D u_picture;
uniform vec4 u_viewport_px; // left, bottom, width, height
out vec4 f_rgba;

void main() {
    vec2 place = (gl_FragCoord.xy - u_viewport_px.xy) / u_viewport_px.zw;
    f_rgba = vec4(texture(u_picture, vec2(place.x, 1.0 - place.y)).rgb, 1.0);
}
