// Vertex shader of marks on the ground: a box around each piece, of which the back faces are drawn, so that every pixel
// whose ground may be inside is shaded once. 36 vertices per instance.
#version 330 core
#include "view.glsl"
#include "camera.glsl"

in vec4 in_ends; // x and y where the piece begins and ends
in vec4 in_form; // half its width, extension beyond it, lowest and highest z of the ground there
in vec4 in_kind; // 0 track, 1 lime, 2 shade; strength; half the gauge; metres from the track's start
flat out vec4 v_ends;
flat out vec4 v_form;
flat out vec4 v_kind;

const int CORNERS[36] = int[36](
    0, 1, 3, 0, 3, 2, 4, 6, 7, 4, 7, 5, 0, 4, 5, 0, 5, 1, 2, 3, 7, 2, 7, 6, 0, 2, 6, 0, 6, 4, 1, 5, 7, 1, 7, 3
);

void main() {
    v_ends = in_ends;
    v_form = in_form;
    v_kind = in_kind;
    int corner = CORNERS[gl_VertexID];
    vec3 side = vec3(corner & 1, (corner >> 1) & 1, (corner >> 2) & 1);
    vec2 line = in_ends.zw - in_ends.xy;
    vec2 along = dot(line, line) > 0.0 ? normalize(line) : vec2(1.0, 0.0);
    float wide = in_form.x + in_form.y + in_kind.z;
    vec2 position = mix(in_ends.xy - along * wide, in_ends.zw + along * wide, side.x);
    position += vec2(-along.y, along.x) * (wide * (2.0 * side.y - 1.0));
    if (u_reach.z > 0.0) {
        vec2 position_px = vec2(position.x, -position.y) / u_reach.z + u_camera.xy;
        gl_Position = vec4(on_target(position_px), side.z - 0.5, 1.0);
    } else {
        gl_Position = clip_of(vec3(position, mix(in_form.z, in_form.w, side.z)));
    }
}
