// Vertex shader of instanced meshes, three vertices per triangle; each has the other two corners as attributes.
#version 330 core
#include "view.glsl"
#include "camera.glsl"
#include "plane.glsl"

in vec3 in_corner;
in vec3 in_next;
in vec3 in_after;
in vec3 in_normal;
in vec4 in_row_x; // of the instance's matrix
in vec4 in_row_y;
in vec4 in_row_z;
in vec4 in_tint; // factor of the albedo; number of the pile
flat out vec3 v_plane;
flat out vec2 v_reach;
flat out vec4 v_tint;
out vec3 v_normal;

void main() {
    mat3 turn = transpose(mat3(in_row_x.xyz, in_row_y.xyz, in_row_z.xyz));
    vec3 edge_a = turn * (in_next - in_corner);
    vec3 edge_b = turn * (in_after - in_corner);
    vec3 point = turn * in_corner + vec3(in_row_x.w, in_row_y.w, in_row_z.w);
    vec3 local = in_camera(point - camera_position());
    vec3 side_a = in_camera(edge_a), side_b = in_camera(edge_b);
    vec3 depths = -local.z - vec3(0.0, side_a.z, side_b.z);
    v_reach = vec2(min(min(depths.x, depths.y), depths.z), max(max(depths.x, depths.y), depths.z));
    v_plane = plane_of(side_a, side_b, local, 0.5 * (v_reach.x + v_reach.y));
    v_tint = in_tint;
    mat3 cofactor = mat3(cross(turn[1], turn[2]), cross(turn[2], turn[0]), cross(turn[0], turn[1]));
    v_normal = normalize(cofactor * in_normal);
    gl_Position = clip_of(point);
}
