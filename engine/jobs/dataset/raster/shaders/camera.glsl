// Provides ray_of(), point_at(), on_target(), clip_of(). Needs view.glsl.
// Row 0 of every target is the top of the picture, although GL calls it the bottom.

// Change of x and y per metre of depth along the ray through this position of the target.
vec2 ray_of(vec2 place_px) {
    vec2 off_px = place_px + u_tile.xy - 0.5 * u_camera.xy;
    return vec2(off_px.x, -off_px.y) / u_camera.z;
}

vec3 point_at(vec2 ray, float depth) {
    return vec3(ray * depth, u_camera.w - depth);
}

// Converts a position in the picture, px, to the target's -1..1. The viewport is wider than the target, so that
// triangles are not clipped at the target's edge: clipping makes new corners, and those are rounded.
vec2 on_target(vec2 place_px) {
    float spare_px = u_soil.w;
    return (place_px - u_tile.xy + spare_px) / (u_tile.zw + 2.0 * spare_px) * 2.0 - 1.0;
}

// Snapped to 1/256 pixel of the whole picture, as rasterisers snap anyway: so a tile's edge changes no coverage.
vec4 clip_of(vec3 point) {
    float depth = u_camera.w - point.z;
    vec2 place_px = vec2(point.x, -point.y) * (u_camera.z / depth) + 0.5 * u_camera.xy;
    place_px = floor(place_px * 256.0 + 0.5) / 256.0;
    float near = u_reach.x, far = u_reach.y;
    float z = (far + near - 2.0 * far * near / depth) / (far - near);
    return vec4(on_target(place_px), z, 1.0) * depth;
}
