// Vertex shader: for each of u_count objects the bounding box of its mask's coverage, the last one first, so that the
// first is in front. Draw a strip of 4 vertices u_count times, no buffers. Row 0 of the target is the top row.
#version 330 core

uniform vec4 u_box[16]; // left, top, right, bottom: 0..1 of the picture
uniform int u_count;
flat out int v_object;

void main() {
    v_object = u_count - 1 - gl_InstanceID;
    vec4 box = u_box[v_object];
    vec2 position = mix(box.xy, box.zw, vec2(gl_VertexID & 1, gl_VertexID >> 1));
    gl_Position = vec4(position * 2.0 - 1.0, 0.0, 1.0);
}
