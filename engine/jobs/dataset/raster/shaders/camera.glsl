// Provides ray_of(), point_at(), on_target(), clip_of(). Needs view.glsl.
// Row 0 of every target is the top of the picture: GL calls it the bottom and is not told otherwise.

// x and y that the ray through this place of the target gains for each metre of depth.
vec2 ray_of(vec2 place_px) {
    vec2 off_px = place_px + u_tile.xy - 0.5 * u_camera.xy;
    return vec2(off_px.x, -off_px.y) / u_camera.z;
}

vec3 point_at(vec2 ray, float depth) {
    return vec3(ray * depth, u_camera.w - depth);
}

// A place of the picture, px, in the target's -1..1. The viewport is wider than the target, so that what crosses the
// target's edge is not clipped there: clipping makes new corners, and those are rounded.
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
