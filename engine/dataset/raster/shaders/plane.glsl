// Provides plane_of(), depth_on(): a triangle's depth along a ray, identical in every tile; an interpolated depth would
// differ in its last bits. 1 / depth is linear on the screen: dot(plane, (ray, -1)).

// edge_a and edge_b: along two sides; corner: relative to the camera; all in camera space. A triangle seen edge-on has the given depth.
vec3 plane_of(vec3 edge_a, vec3 edge_b, vec3 corner, float edge_on_depth) {
    vec3 normal = cross(edge_a, edge_b);
    float away = dot(normal, corner);
    float scale = length(normal) * length(corner);
    return abs(away) > 1e-6 * scale ? normal / away : vec3(0.0, 0.0, -1.0 / edge_on_depth);
}

// reach: the triangle's own nearest and farthest depth.
float depth_on(vec3 plane, vec2 ray, vec2 reach) {
    return clamp(1.0 / dot(plane, vec3(ray, -1.0)), reach.x, reach.y);
}
